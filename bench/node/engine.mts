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

function types(count: number): INodeTypes {
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
		execute: async () => [Array.from({ length: count }, (_, n) => ({ json: { n } }))],
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
	more: INodeParameters = {},
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
					resource: 'job',
					operation: 'run',
					endpoint: { __rl: true, mode: 'id', value: platform.endpoint },
					input,
					jobOptions,
					...more,
				},
				credentials: { runPodApi: { id: 'runPodApi', name: 'runPodApi' } },
			},
		],
		connections: {
			Source: { main: [[{ node: 'RunPod', type: NodeConnectionTypes.Main, index: 0 }]] },
		},
		nodeTypes: types(count),
		settings: { executionOrder: 'v1' },
	});
	const engine = new WorkflowExecute(
		surroundings(platform),
		'trigger',
		createRunExecutionData({ resumeToken: 'bench' }),
	);
	const run = await engine.run({ workflow, startNode: workflow.getNode('Source')! });
	if (run.status !== 'success') {
		throw new Error(
			`the workflow ended with '${run.status}': ${run.data.resultData.error?.message}`,
		);
	}
	return run;
}
