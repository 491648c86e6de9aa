/** The part of n8n's own interface (the one its editor uses) that demo and tests need. */
import { randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import axios from 'axios';
import type { AxiosInstance } from 'axios';
import { parse } from 'flatted';
import { Remedy } from '../setup/remedy.mts';

export interface Login {
	email: string;
	password: string;
}

export interface Workflow {
	name: string;
	nodes: Array<{ name: string; type: string; credentials?: unknown; parameters: Record<string, unknown> }>;
	connections: Record<string, unknown>;
	settings?: Record<string, unknown>;
}

export interface Binary {
	id?: string;
	data: string;
	mimeType: string;
	fileName?: string;
}

export interface Item {
	json: Record<string, unknown>;
	binary?: Record<string, Binary>;
	error?: unknown;
}

export interface Execution {
	id: string;
	status: string;
	/** Outputs of each node by its name: runs, outputs, items. */
	runData: Record<string, Array<{ data?: { main?: Array<Item[] | null> }; error?: { message: string; description?: string } }>>;
	error?: { message: string; description?: string };
	/** What nodes noted about the execution; n8n shows it in its list. */
	customData: Record<string, string>;
}

const FINAL = new Set(['success', 'error', 'canceled', 'crashed']);

export const hasEnded = ({ status }: Execution): boolean => FINAL.has(status);

export class N8nClient {
	private readonly http: AxiosInstance;

	constructor(readonly url: string) {
		this.http = axios.create({
			baseURL: url,
			timeout: 60_000,
			proxy: false,
			// A kept connection that n8n closes while a test computes would fail the next call.
			httpAgent: new Agent({ keepAlive: false }),
			validateStatus: () => true,
			// n8n ties a session to the browser that opened it.
			headers: { 'browser-id': randomUUID() },
		});
	}

	private async call<T>(method: string, path: string, data?: unknown): Promise<T> {
		const reply = await this.http.request({ method, url: `/rest${path}`, data });
		if (reply.status >= 300) {
			const said = typeof reply.data === 'object' ? JSON.stringify(reply.data) : String(reply.data);
			throw new Remedy(`n8n answered ${reply.status} to ${method} ${path}: ${said.slice(0, 500)}`);
		}
		return (reply.data as { data: T }).data;
	}

	/** n8n listens before its interface is there: then the answer is a page or a 404. */
	async ready(timeoutMs = 180_000): Promise<{ ownerExists: boolean }> {
		const until = Date.now() + timeoutMs;
		for (;;) {
			const reply = await this.http.get('/rest/settings').catch(() => undefined);
			const settings = (reply?.data as { data?: { userManagement?: { showSetupOnFirstLoad: boolean } } })?.data;
			if (settings?.userManagement) return { ownerExists: !settings.userManagement.showSetupOnFirstLoad };
			if (Date.now() > until) throw new Remedy('n8n did not open its interface in time.');
			await sleep(500);
		}
	}

	/** Logs in; makes the owner of the instance first where there is none. */
	async enter(login: Login): Promise<void> {
		const { ownerExists } = await this.ready();
		if (!ownerExists) await this.call('POST', '/owner/setup', { ...login, firstName: 'Demo', lastName: 'User' });
		const reply = await this.http.post('/rest/login', { emailOrLdapLoginId: login.email, password: login.password });
		const cookies = reply.headers['set-cookie'];
		if (reply.status !== 200 || !cookies) throw new Remedy(`n8n refused the login: ${JSON.stringify(reply.data)}`);
		this.http.defaults.headers.common.Cookie = cookies.map((cookie) => cookie.split(';')[0]).join('; ');
	}

	/** Makes a credential, or gives an existing one new values; returns its ID. */
	async saveCredential(name: string, type: string, data: Record<string, unknown>, id?: string): Promise<string> {
		const body = { name, type, data };
		if (id) {
			const found = await this.call<{ id: string }>('PATCH', `/credentials/${id}`, body).catch(() => undefined);
			if (found) return id;
		}
		return (await this.call<{ id: string }>('POST', '/credentials', body)).id;
	}

	/** What n8n's "Test" button of a credential says. */
	async testCredential(credentials: Record<string, unknown>): Promise<{ status: string; message: string }> {
		return await this.call('POST', '/credentials/test', { credentials });
	}

	async createWorkflow(workflow: Workflow): Promise<{ id: string; versionId: string }> {
		return await this.call('POST', '/workflows', { settings: { executionOrder: 'v1' }, ...workflow });
	}

	async hasWorkflow(id: string): Promise<boolean> {
		const found = await this.call<{ isArchived?: boolean }>('GET', `/workflows/${id}`).catch(() => undefined);
		return found !== undefined && found.isArchived !== true;
	}

	async activate(workflow: { id: string; versionId: string }): Promise<void> {
		await this.call('POST', `/workflows/${workflow.id}/activate`, { versionId: workflow.versionId });
	}

	async deactivate(id: string): Promise<void> {
		await this.call('POST', `/workflows/${id}/deactivate`, {}).catch(() => undefined);
	}

	/** A form or webhook of an activated workflow is there a few seconds later. */
	async pageReady(path: string, timeoutMs = 60_000): Promise<void> {
		const until = Date.now() + timeoutMs;
		while ((await this.http.get(path)).status !== 200) {
			if (Date.now() > until) throw new Remedy(`n8n did not open ${path} in time.`);
			await sleep(250);
		}
	}

	/** Starts a stored workflow at its trigger, as the editor's button does; returns the execution's ID. */
	async run(workflowId: string, trigger: string): Promise<string> {
		const started = await this.call<{ executionId: string }>('POST', `/workflows/${workflowId}/run`, {
			triggerToStartFrom: { name: trigger },
		});
		return String(started.executionId);
	}

	async execution(id: string): Promise<Execution> {
		const raw = await this.call<{ id: string; status: string; data: string }>('GET', `/executions/${id}`);
		const data = (raw.data && raw.data !== '[]' ? parse(raw.data) : {}) as {
			// Of a run that has just begun there is nothing yet.
			resultData?: { runData?: Execution['runData']; error?: Execution['error']; metadata?: Record<string, string> };
		};
		const { runData = {}, error, metadata: customData = {} } = data.resultData ?? {};
		return { id, status: raw.status, runData, error, customData };
	}

	async finished(id: string, timeoutMs: number): Promise<Execution> {
		const until = Date.now() + timeoutMs;
		for (;;) {
			const execution = await this.execution(id);
			if (hasEnded(execution)) return execution;
			if (Date.now() > until) throw new Remedy(`Execution ${id} is still ${execution.status} after ${timeoutMs / 1000} s.`);
			await sleep(250);
		}
	}

	/** Calls a workflow's webhook; that of an activated workflow is there a few seconds later. */
	async callWebhook(path: string, body: unknown, timeoutMs = 60_000): Promise<void> {
		const until = Date.now() + timeoutMs;
		for (;;) {
			const { status } = await this.http.post(`/webhook/${path}`, body);
			if (status === 200) return;
			if (status !== 404 || Date.now() > until) throw new Remedy(`n8n answered ${status} to the webhook ${path}.`);
			await sleep(250);
		}
	}

	/** The editor's Stop. */
	async stop(executionId: string): Promise<void> {
		await this.call('POST', `/executions/${executionId}/stop`);
	}

	async executionsOf(workflowId: string): Promise<Array<{ id: string; status: string }>> {
		const filter = encodeURIComponent(JSON.stringify({ workflowId }));
		const list = await this.call<{ results: Array<{ id: string; status: string }> }>('GET', `/executions?limit=100&filter=${filter}`);
		return list.results;
	}

	/** Bytes of a binary field, wherever n8n keeps them. */
	async bytes(binary: Binary): Promise<Buffer> {
		if (!binary.id) return Buffer.from(binary.data, 'base64');
		const reply = await this.http.get('/rest/binary-data', {
			params: { id: binary.id, action: 'download', fileName: binary.fileName, mimeType: binary.mimeType },
			responseType: 'arraybuffer',
		});
		if (reply.status !== 200) throw new Remedy(`n8n answered ${reply.status} when asked for a stored file.`);
		return Buffer.from(reply.data as ArrayBuffer);
	}
}
