/**
 * Runs the node inside n8n's own engine: workflow, expressions, credentials, HTTP, binary store,
 * error output, retries and cancel are the real ones. Only the surroundings of the engine (database,
 * user interface, log) are recorders.
 */
import { userFolder } from './environment.mts';
import { createRequire } from 'node:module';
import { BinaryDataService, ExecutionLifecycleHooks, WorkflowExecute } from 'n8n-core';
import type {
	IBinaryData,
	IDataObject,
	INode,
	INodeExecutionData,
	INodeParameters,
	INodeType,
	INodeTypes,
	IRun,
	IWorkflowExecuteAdditionalData,
} from 'n8n-workflow';
import {
	createRunExecutionData,
	NodeConnectionTypes,
	setSafeRegexEngine,
	Workflow,
} from 'n8n-workflow';
import { RunPod } from '../../nodes/RunPod/RunPod.node.ts';
import type { CredentialData } from './credentialsHelper.mts';
import { TestCredentialsHelper } from './credentialsHelper.mts';

export interface Setup {
	parameters: INodeParameters;
	credentials: CredentialData;
	/** Items that go into the node; one empty item without it. */
	items?: INodeExecutionData[];
	/** Settings of the node: onError, retryOnFail, maxTries, waitBetweenTries. */
	settings?: Partial<INode>;
	mode?: 'manual' | 'trigger';
	/** Parameters of a second node of ours behind the first, with the same settings. */
	next?: INodeParameters;
	/** Where parked executions are called; n8n's usual local address without it. */
	waitingBaseUrl?: string;
	/** Told before the node opens a file of n8n's store. */
	onFileOpened?: () => void;
}

export interface Outcome {
	run: IRun;
	status: IRun['status'];
	/** Items of the first output and, with the error output, of the second. */
	items: INodeExecutionData[];
	errorItems: INodeExecutionData[];
	error?: Error & { description?: string | null; context?: IDataObject };
	/** What the node left in its context and in the execution's custom data. */
	context: IDataObject;
	customData: Record<string, string>;
	/** Messages to the user interface and lines of the log. */
	messages: string[];
	log: string[];
}

/** n8n gives each pattern 250 ms by the clock, and a busy machine can be away for longer than that. */
setSafeRegexEngine({
	exec: (pattern, input, flags) => new RegExp(pattern, flags).exec(input),
	test: (pattern, input, flags) => new RegExp(pattern, flags).test(input),
	replace: (pattern, input, flags, by) => input.replace(new RegExp(pattern, flags), by),
	matchAll: (pattern, input, flags) => [...input.matchAll(new RegExp(pattern, flags))],
	split: (pattern, input, flags) => input.split(new RegExp(pattern, flags)),
});

/** n8n-core brings its own copies of these two; the ones beside it are not the same objects. */
const requireFromCore = createRequire(require.resolve('n8n-core'));
const { Container } = requireFromCore('@n8n/di') as typeof import('@n8n/di');
const { Logger } = requireFromCore('@n8n/backend-common') as typeof import('@n8n/backend-common');

/** n8n gives each execution a secret of its own. */
export const RESUME_TOKEN = 'token-of-the-execution';
export const NODE = 'Picture';
const NEXT = 'Next';
const TYPE = 'n8n-nodes-runpod-studio.runPod';

/** Hands on what the test gives: stands for any node before ours. */
function source(items: INodeExecutionData[]): INodeType {
	return {
		description: {
			displayName: 'Source',
			name: 'source',
			group: ['input'],
			version: 1,
			description: 'Items of a test',
			defaults: { name: 'Source' },
			inputs: [NodeConnectionTypes.Main],
			outputs: [NodeConnectionTypes.Main],
			properties: [],
		},
		execute: async () => [items],
	};
}

function nodeTypes(items: INodeExecutionData[]): INodeTypes {
	const known: Record<string, INodeType> = { 'test.source': source(items), [TYPE]: new RunPod() };
	return {
		getByName: (name) => known[name],
		getByNameAndVersion: (name) => known[name],
		getKnownTypes: () => ({}),
	};
}

class LogRecorder {
	readonly lines: string[] = [];

	private readonly record = (message: string, metadata?: unknown) => {
		this.lines.push(metadata === undefined ? message : `${message} ${JSON.stringify(metadata)}`);
	};

	readonly debug = this.record;
	readonly info = this.record;
	readonly warn = this.record;
	readonly error = this.record;
	readonly scoped = () => this;
}

export function makeWorkflow(setup: Setup): Workflow {
	const names = Object.keys(setup.credentials);
	const ours = {
		type: TYPE,
		typeVersion: 1,
		credentials: Object.fromEntries(names.map((name) => [name, { id: name, name }])),
		...setup.settings,
	};
	const to = (node: string) => ({ main: [[{ node, type: NodeConnectionTypes.Main, index: 0 }]] });
	return new Workflow({
		id: 'workflow-1',
		name: 'A test',
		active: false,
		nodes: [
			{
				id: 's',
				name: 'Source',
				type: 'test.source',
				typeVersion: 1,
				position: [0, 0],
				parameters: {},
			},
			{ id: 'n', name: NODE, position: [200, 0], parameters: setup.parameters, ...ours },
			...(setup.next
				? [
						{
							id: 'x',
							name: NEXT,
							position: [400, 0] as [number, number],
							parameters: setup.next,
							...ours,
						},
					]
				: []),
		],
		connections: { Source: to(NODE), ...(setup.next ? { [NODE]: to(NEXT) } : {}) },
		nodeTypes: nodeTypes(setup.items ?? [{ json: {} }]),
		settings: { executionOrder: 'v1' },
	});
}

export function makeAdditionalData(setup: Setup, messages: string[]) {
	const workflowData = {
		id: 'workflow-1',
		name: 'A test',
		active: false,
		nodes: [],
		connections: {},
	};
	const base = 'http://127.0.0.1:5678';
	return {
		credentialsHelper: new TestCredentialsHelper(setup.credentials),
		hooks: new ExecutionLifecycleHooks(
			setup.mode ?? 'manual',
			'execution-1',
			workflowData as never,
		),
		executionId: 'execution-1',
		currentNodeExecutionIndex: 0,
		restApiUrl: `${base}/rest`,
		instanceBaseUrl: base,
		formBaseUrl: `${base}/form`,
		formWaitingBaseUrl: `${base}/form-waiting`,
		formTestBaseUrl: `${base}/form-test`,
		webhookBaseUrl: `${base}/webhook`,
		webhookWaitingBaseUrl: setup.waitingBaseUrl ?? `${base}/webhook-waiting`,
		webhookTestBaseUrl: `${base}/webhook-test`,
		variables: {},
		sendDataToUI: (_type: string, data: unknown) => messages.push(JSON.stringify(data)),
		setExecutionStatus: () => {},
		logAiEvent: () => {},
	} as unknown as IWorkflowExecuteAdditionalData;
}

/** Starts the workflow; `done` settles when n8n has finished it, `stop` is the editor's Stop. */
export async function startNode(
	setup: Setup,
): Promise<{ done: Promise<Outcome>; stop: () => void }> {
	const log = new LogRecorder();
	Container.set(Logger, log as never);
	await Container.get(BinaryDataService).init();
	tellOpenings(setup.onFileOpened);
	const messages: string[] = [];
	const additionalData = makeAdditionalData(setup, messages);
	const runExecutionData = createRunExecutionData({ resumeToken: RESUME_TOKEN });
	const engine = new WorkflowExecute(additionalData, setup.mode ?? 'manual', runExecutionData);
	const workflow = makeWorkflow(setup);
	const running = engine.run({ workflow, startNode: workflow.getNode('Source')! });
	const finish = async () => outcomeOf(await running, messages, log.lines);
	return { done: finish(), stop: () => running.cancel() };
}

export function outcomeOf(run: IRun, messages: string[] = [], log: string[] = []): Outcome {
	const { runData } = run.data.resultData;
	// With two of them it is the last one that tells.
	const taskData = (runData[NEXT] ?? runData[NODE])?.at(-1);
	const outputs = taskData?.data?.main ?? [];
	const contextData = run.data.executionData?.contextData ?? {};
	return {
		run,
		status: run.status,
		items: outputs[0] ?? [],
		errorItems: outputs[1] ?? [],
		error: (taskData?.error ?? run.data.resultData.error) as Outcome['error'],
		context: (contextData[`node:${NODE}`] ?? {}) as IDataObject,
		customData: run.data.resultData.metadata ?? {},
		messages,
		log,
	};
}

export async function runNode(setup: Setup): Promise<Outcome> {
	const { done } = await startNode(setup);
	return await done;
}

function tellOpenings(tell: (() => void) | undefined): void {
	const service = Container.get(BinaryDataService);
	const { getAsStream } = BinaryDataService.prototype;
	service.getAsStream = async (...asked) => {
		tell?.();
		return await getAsStream.apply(service, asked);
	};
}

/** A file in n8n's store, as a node before ours leaves it. */
export async function storeFile(bytes: Buffer, fileName: string): Promise<IBinaryData> {
	const service = Container.get(BinaryDataService);
	await service.init();
	const place = {
		type: 'execution',
		workflowId: 'workflow-1',
		executionId: 'execution-1',
	} as const;
	const file = { data: '', mimeType: 'image/png', fileName };
	return await service.store(place, bytes, file);
}

export async function bytesOf(binary: IBinaryData): Promise<Buffer> {
	return await Container.get(BinaryDataService).getAsBuffer(binary);
}

/** Everything that a run left anywhere, as one text, to search for what must not be there. */
export function everything(outcome: Outcome): string {
	const { run, context, customData, messages, log, error } = outcome;
	return JSON.stringify([
		run,
		context,
		customData,
		messages,
		log,
		error?.message,
		error?.stack,
		userFolder,
	]);
}
