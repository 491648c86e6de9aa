/** What the end-to-end tests stand on: a real n8n, the worker in both modes, and the emulated platform. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DEFAULT_KEY, startEmulator } from '../../emulator/server.mts';
import type { RunningEmulator } from '../../emulator/server.mts';
import { credentialName, credentialType, example, imageOf, nodeOf } from '../../scripts/running/examples.mts';
import { N8nClient } from '../../scripts/running/n8nClient.mts';
import type { Execution, Workflow } from '../../scripts/running/n8nClient.mts';
import { startN8n } from '../../scripts/running/n8nServer.mts';
import { stopAll } from '../../scripts/running/processes.mts';
import { startPodWorker, startServerlessWorker } from '../../scripts/running/worker.mts';
import type { PodWorker } from '../../scripts/running/worker.mts';
import { prepare } from '../../scripts/setup/index.mts';
import type { Prepared } from '../../scripts/setup/index.mts';
import { placePackage } from '../../scripts/setup/nodePackage.mts';
import { repository } from '../../scripts/setup/places.mts';
import { podProxy } from './realPods.mts';

export const ENDPOINT = 'studio';
/** Loading the model and a picture on two busy cores. */
export const RUN_MS = 240_000;

export const LOGIN = { email: 'e2e@example.com', password: 'Only-for-1-test' };

export interface Look {
	format: string;
	width: number;
	height: number;
	ground: [number, number, number];
	deviation: number;
	object_share: number;
	/** What the demo set's judge reads, in the words of the prompts; null when its weights are missing. */
	judge: { object: string; ground: string } | null;
}

export class Stand {
	client!: N8nClient;
	emulator!: RunningEmulator;
	pod!: PodWorker;
	prepared!: Prepared;
	readonly credentials: Record<string, string> = {};
	readonly folder = mkdtempSync(join(tmpdir(), 'studio-e2e-'));
	/** The one place where n8n reads files. */
	readonly files = join(this.folder, 'files');

	async open(): Promise<void> {
		const given = process.env.STUDIO_PREPARED;
		this.prepared = given ? (JSON.parse(given) as Prepared) : await prepare(false);
		placePackage(this.prepared.packed, this.folder);
		mkdirSync(this.files);
		this.emulator = await startEmulator({ endpoints: [{ id: ENDPOINT }] });
		this.startServerless();
		const [server, pod] = await Promise.all([
			startN8n(this.prepared, this.folder, { environment: { N8N_RESTRICT_FILE_ACCESS_TO: this.files } }),
			startPodWorker(this.prepared.python, join(this.folder, 'pod.log')),
		]);
		this.pod = pod;
		this.client = new N8nClient(server.url);
		await this.client.enter(LOGIN);
		this.credentials[credentialType] = await this.client.saveCredential(credentialName, credentialType, this.worker());
		this.credentials.runPodApi = await this.client.saveCredential('RunPod', 'runPodApi', {
			apiKey: DEFAULT_KEY,
			jobBaseUrl: `${this.emulator.url}/v2`,
			managementBaseUrl: `${this.emulator.url}/management/v2`,
			podProxyUrl: podProxy(this.emulator),
		});
	}

	/** Attaches a worker to the emulated endpoint, with the real RunPod SDK. */
	startServerless(): void {
		const environment = this.emulator.control.workerEnvironment(ENDPOINT);
		startServerlessWorker(this.prepared.python, join(this.folder, 'serverless.log'), environment);
	}

	async close(): Promise<void> {
		await stopAll();
		await this.emulator?.close();
		rmSync(this.folder, { recursive: true, force: true });
	}

	worker(): { serverType: string; baseUrl: string; token: string } {
		return { serverType: 'studio', baseUrl: this.pod.url, token: this.pod.token };
	}

	/** An example that runs on the pod worker, with other parameters of its RunPod node. */
	onWorker(name: string, parameters: Record<string, unknown> = {}): Workflow {
		const workflow = example(name, this.credentials);
		const node = workflow.nodes.find((one) => one.name === nodeOf(workflow, '.runPod'));
		Object.assign(node?.parameters ?? {}, parameters);
		return workflow;
	}

	/** The same example on the emulated serverless endpoint. */
	onEndpoint(name: string, parameters: Record<string, unknown> = {}): Workflow {
		const workflow = this.onWorker(name, {
			runOn: 'endpoint',
			endpoint: { __rl: true, mode: 'id', value: ENDPOINT },
			...parameters,
		});
		for (const node of workflow.nodes) {
			if (node.credentials) node.credentials = { runPodApi: { id: this.credentials.runPodApi, name: 'RunPod' } };
		}
		return workflow;
	}

	async start(workflow: Workflow): Promise<string> {
		const { id } = await this.client.createWorkflow(workflow);
		return await this.client.run(id, nodeOf(workflow, '.manualTrigger'));
	}

	async run(workflow: Workflow): Promise<Execution> {
		return await this.client.finished(await this.start(workflow), RUN_MS);
	}

	/** Bytes of the image that came out of a node. */
	async imageBytes(execution: Execution, node: string): Promise<Buffer> {
		return await this.client.bytes(imageOf(execution, node));
	}

	async look(bytes: Buffer): Promise<Look> {
		const file = join(this.folder, 'look');
		writeFileSync(file, bytes);
		const script = join(repository, 'test', 'e2e', 'look.py');
		const { stdout } = await promisify(execFile)(this.prepared.python, [script, file]);
		return JSON.parse(stdout) as Look;
	}
}
