/**
 * The part of n8n that a parked execution needs: it keeps the stored execution, takes the calls for
 * it by the rules of n8n's waiting webhooks, and goes on with what the node hands back. The node's
 * contexts and the engine are the real ones; the storage is text, as after a restart.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebhookContext, WorkflowExecute } from 'n8n-core';
import type { IRunExecutionData, IWebhookData, IWebhookResponseData } from 'n8n-workflow';
import { createRunExecutionData } from 'n8n-workflow';
import { RunPod } from '../../nodes/RunPod/RunPod.node.ts';
import type { Outcome, Setup } from './harness.mts';
import {
	makeAdditionalData,
	makeWorkflow,
	NODE,
	outcomeOf,
	RESUME_TOKEN,
	startNode,
} from './harness.mts';

export class WaitingN8n {
	/** Status codes that callers got, in order. */
	readonly answers: number[] = [];
	url = '';
	/** The stored execution while it waits. */
	private stored: string | undefined;
	private setup!: Setup;
	private finish!: (outcome: Outcome) => void;
	/** The outcome of the execution after it was resumed. */
	readonly resumed = new Promise<Outcome>((resolve) => (this.finish = resolve));
	private readonly server = createServer((request, response) => {
		void this.take(request, response).then((status) => this.answers.push(status));
	});

	async open(): Promise<void> {
		this.server.listen(0, '127.0.0.1');
		await once(this.server, 'listening');
		this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/webhook-waiting`;
	}

	async close(): Promise<void> {
		this.server.closeAllConnections();
		this.server.close();
		await once(this.server, 'close');
	}

	/** Runs the node until it ends or parks; a parked execution takes calls from then on. */
	async start(setup: Setup): Promise<Outcome> {
		this.setup = { ...setup, waitingBaseUrl: this.url };
		const outcome = await (await startNode(this.setup)).done;
		if (outcome.run.waitTill) this.stored = JSON.stringify(outcome.run.data);
		return outcome;
	}

	/** Any call from outside, e.g. a forged one. */
	async call(query: string, body: unknown = {}, method = 'POST'): Promise<number> {
		const response = await fetch(`${this.url}/execution-1?${query}`, {
			method,
			headers: { 'content-type': 'application/json' },
			body: method === 'POST' ? JSON.stringify(body) : undefined,
		});
		await response.arrayBuffer();
		return response.status;
	}

	get isWaiting(): boolean {
		return this.stored !== undefined;
	}

	private async take(request: IncomingMessage, response: ServerResponse): Promise<number> {
		const text = (await request.toArray()).join('');
		const url = new URL(request.url ?? '', this.url);
		const end = (status: number, body: unknown): number => {
			response.writeHead(status, { 'content-type': 'application/json' });
			response.end(JSON.stringify(body));
			return status;
		};
		if (url.searchParams.get('signature') !== RESUME_TOKEN) return end(401, {});
		if (request.method !== 'POST') return end(404, {});
		const { stored } = this;
		if (stored === undefined) return end(409, {});
		let own: number | undefined;
		const reply = {
			status: (code: number) => ({ json: (body: unknown) => (own = end(code, body)) }),
		};
		let given: IWebhookResponseData;
		const data = JSON.parse(stored) as IRunExecutionData;
		try {
			given = await this.ask(data, { body: JSON.parse(text), query: {}, headers: {} }, reply);
		} catch (error) {
			data.resultData.error = error as never;
			this.stored = undefined;
			this.finish({ ...outcomeOf({ data, status: 'error' } as never), error: error as never });
			return end(500, {});
		}
		if (given.noWebhookResponse) return own ?? 0;
		// A second call of the same instant is refused once the first one has resumed.
		if (given.workflowData !== undefined && this.stored === undefined) return end(500, {});
		if (given.workflowData !== undefined) {
			this.stored = undefined;
			void this.goOn(data, given.workflowData);
		}
		return end(200, given.webhookResponse ?? {});
	}

	private async ask(
		data: IRunExecutionData,
		httpRequest: object,
		httpResponse: object,
	): Promise<IWebhookResponseData> {
		const workflow = makeWorkflow(this.setup);
		const additionalData = makeAdditionalData(this.setup, []);
		Object.assign(additionalData, { httpRequest, httpResponse });
		const [webhookDescription] = new RunPod().description.webhooks!;
		const webhookData = { webhookDescription } as unknown as IWebhookData;
		const node = workflow.getNode(NODE)!;
		const mode = this.setup.mode ?? 'manual';
		const context = new WebhookContext(workflow, node, additionalData, mode, webhookData, [], data);
		return await new RunPod().webhook.call(context);
	}

	private async goOn(data: IRunExecutionData, items: IWebhookResponseData['workflowData']) {
		const [entry] = data.executionData!.nodeExecutionStack;
		entry.node.disabled = true;
		entry.data.main = items!;
		entry.metadata = { ...entry.metadata, forwardAllOutputs: true } as never;
		data.waitTill = undefined;
		data.resultData.runData[NODE].pop();
		const messages: string[] = [];
		const additionalData = makeAdditionalData(this.setup, messages);
		const revived = Object.assign(createRunExecutionData({}), data);
		const engine = new WorkflowExecute(additionalData, this.setup.mode ?? 'manual', revived);
		const run = await engine.processRunExecutionData(makeWorkflow(this.setup));
		this.finish(outcomeOf(run, messages));
	}
}
