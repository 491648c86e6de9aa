/**
 * The built package inside n8n's own engine: workflow, expressions, credentials, HTTP and binary
 * store are the real ones; database and user interface are not there. Binary data goes to files.
 */
import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type {
	IHttpRequestOptions,
	INodeExecutionData,
	INodeParameters,
	INodeType,
	INodeTypes,
	IRun,
	IWorkflowExecuteAdditionalData,
} from 'n8n-workflow';

const folder = mkdtempSync(join(tmpdir(), 'runpod-studio-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
Object.assign(process.env, {
	N8N_USER_FOLDER: folder,
	N8N_ENCRYPTION_KEY: 'only-for-the-bench',
	N8N_DEFAULT_BINARY_DATA_MODE: 'filesystem',
	N8N_LOG_LEVEL: 'silent',
});

// n8n-core reads these when it loads, so it is loaded afterwards.
const require = createRequire(import.meta.url);
const { BinaryDataService, ExecutionLifecycleHooks, WorkflowExecute } =
	require('n8n-core') as typeof import('n8n-core');
const { createRunExecutionData, ICredentialsHelper, NodeConnectionTypes, Workflow } =
	require('n8n-workflow') as typeof import('n8n-workflow');
const { Container } = createRequire(require.resolve('n8n-core'))(
	'@n8n/di',
) as typeof import('@n8n/di');

const { RunPod } = require(resolve('dist/nodes/RunPod/RunPod.node.js')) as {
	RunPod: new () => INodeType;
};

export interface Platform {
	url: string;
	key: string;
	endpoint: string;
}

const TYPE = 'n8n-nodes-runpod-studio.runPod';

function types(items: INodeExecutionData[]): INodeTypes {
	const source: INodeType = {
		description: {
			displayName: 'Source',
			name: 'source',
			group: ['input'],
			version: 1,
			description: 'The items of the bench',
			defaults: { name: 'Source' },
			inputs: [NodeConnectionTypes.Main],
			outputs: [NodeConnectionTypes.Main],
			properties: [],
		},
		execute: async () => [items],
	};
	const known: Record<string, INodeType> = { 'bench.source': source, [TYPE]: new RunPod() };
	return {
		getByName: (name) => known[name],
		getByNameAndVersion: (name) => known[name],
		getKnownTypes: () => ({}),
	};
}

/** The key goes in as the credential's own rule says: a bearer token. */
class Credentials extends ICredentialsHelper {
	constructor(private readonly platform: Platform) {
		super();
	}
	async authenticate(_credentials: unknown, _name: string, request: unknown) {
		const options = request as IHttpRequestOptions;
		const authorization = `Bearer ${this.platform.key}`;
		return { ...options, headers: { ...options.headers, authorization } };
	}
	async getDecrypted() {
		const { url, key } = this.platform;
		return {
			apiKey: key,
			jobBaseUrl: `${url}/v2`,
			managementBaseUrl: `${url}/management/v2`,
			allowedHttpRequestDomains: 'all',
		};
	}
	getParentTypes(): string[] {
		return [];
	}
	isCredentialUsableByNode(): boolean {
		return true;
	}
	async preAuthentication(): Promise<undefined> {}
	async runPreAuthentication(): Promise<undefined> {}
	async getCredentials(): Promise<never> {
		throw new Error('not used: getDecrypted gives the data');
	}
	async updateCredentials(): Promise<void> {}
	async updateCredentialsOauthTokenData(): Promise<void> {}
	getCredentialsProperties() {
		return [];
	}
}

function surroundings(platform: Platform): IWorkflowExecuteAdditionalData {
	const workflow = { id: 'bench', name: 'Bench', active: false, nodes: [], connections: {} };
	const base = 'http://127.0.0.1:5678';
	return {
		credentialsHelper: new Credentials(platform),
		hooks: new ExecutionLifecycleHooks('trigger', 'bench', workflow as never),
		executionId: 'bench',
		currentNodeExecutionIndex: 0,
		restApiUrl: `${base}/rest`,
		instanceBaseUrl: base,
		webhookBaseUrl: `${base}/webhook`,
		webhookWaitingBaseUrl: `${base}/webhook-waiting`,
		formWaitingBaseUrl: `${base}/form-waiting`,
		variables: {},
		sendDataToUI: () => {},
		setExecutionStatus: () => {},
		logAiEvent: () => {},
	} as unknown as IWorkflowExecuteAdditionalData;
}

/** Runs Job > Run for so many items; throws where the workflow did not succeed. */
export async function runJobs(
	platform: Platform,
	count: number,
	input: string,
	jobOptions: INodeParameters,
): Promise<IRun> {
	const items = Array.from({ length: count }, (_, n) => ({ json: { n } }));
	return await run(platform, items, { resource: 'job', operation: 'run', input, jobOptions });
}

/** Scores so many stored images of so many bytes, one per item. */
export async function scoreImages(
	platform: Platform,
	count: number,
	bytes: number,
	jobOptions: INodeParameters,
): Promise<() => Promise<IRun>> {
	const store = Container.get(BinaryDataService);
	await store.init();
	const place = { type: 'execution', workflowId: 'bench', executionId: 'bench' } as const;
	const items: INodeExecutionData[] = [];
	for (let n = 0; n < count; n += 1) {
		const image = Buffer.alloc(bytes, n % 251);
		image.set(PNG_START);
		const file = { data: '', mimeType: 'image/png', fileName: `${n}.png` };
		items.push({ json: { n }, binary: { data: await store.store(place, image, file) } });
	}
	return async () =>
		await run(platform, items, { resource: 'image', operation: 'score', jobOptions });
}

/** Signature and size of a PNG: all that is looked at before a submit. */
const PNG_START = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAIAAAA=', 'base64');

async function run(
	platform: Platform,
	items: INodeExecutionData[],
	parameters: INodeParameters,
): Promise<IRun> {
	await Container.get(BinaryDataService).init();
	const workflow = new Workflow({
		id: 'bench',
		name: 'Bench',
		active: false,
		nodes: [
			{
				id: 's',
				name: 'Source',
				type: 'bench.source',
				typeVersion: 1,
				position: [0, 0],
				parameters: {},
			},
			{
				id: 'n',
				name: 'RunPod',
				type: TYPE,
				typeVersion: 1,
				position: [200, 0],
				parameters: {
					endpoint: { __rl: true, mode: 'id', value: platform.endpoint },
					...parameters,
				},
				credentials: { runPodApi: { id: 'runPodApi', name: 'runPodApi' } },
			},
		],
		connections: {
			Source: { main: [[{ node: 'RunPod', type: NodeConnectionTypes.Main, index: 0 }]] },
		},
		nodeTypes: types(items),
		settings: { executionOrder: 'v1' },
	});
	const engine = new WorkflowExecute(
		surroundings(platform),
		'trigger',
		createRunExecutionData({ resumeToken: 'bench' }),
	);
	const done = await engine.run({ workflow, startNode: workflow.getNode('Source')! });
	if (done.status !== 'success') {
		throw new Error(
			`the workflow ended with '${done.status}': ${done.data.resultData.error?.message}`,
		);
	}
	return done;
}
