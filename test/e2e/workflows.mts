/** Workflows for the tests of executions: a chain of nodes with ours among them. */
import type { Workflow } from '../../scripts/running/n8nClient.mts';
import { GPU } from './realPods.mts';

export const ENDPOINT = 'studio';
export const RUNPOD = 'RunPod';

export type TestNode = Workflow['nodes'][number] & Record<string, unknown>;

export function node(
	name: string,
	type: string,
	typeVersion: number,
	parameters: Record<string, unknown> = {},
	more: Record<string, unknown> = {},
): TestNode {
	return { id: name, name, type, typeVersion, position: [0, 0], parameters, ...more };
}

export const manual = (): TestNode => node('Start', 'n8n-nodes-base.manualTrigger', 1);

/** A webhook that starts the workflow at `/webhook/{path}` and answers at once. */
export const webhook = (path: string): TestNode =>
	node('Start', 'n8n-nodes-base.webhook', 2, { path, httpMethod: 'POST' }, { webhookId: path });

/** One item for each prompt. */
export const prompts = (...all: string[]): TestNode[] => [
	node('Prompts', 'n8n-nodes-base.set', 3.4, { mode: 'raw', jsonOutput: JSON.stringify({ prompt: all }) }),
	node('Each', 'n8n-nodes-base.splitOut', 1, { fieldToSplitOut: 'prompt' }),
];

/** A node behind that keeps one value of each item. */
export const keep = (name: string, expression: string): TestNode =>
	node(name, 'n8n-nodes-base.set', 3.4, { mode: 'raw', jsonOutput: `={{ { kept: ${expression} } }}` });

/** Credentials of an account and of the workers in its Pods, by their IDs. */
export interface PodAccess {
	runPodApi: string;
	runPodWorkerApi: string;
}

/** One of our nodes without the defaults for pictures. */
export function ours(name: string, parameters: Record<string, unknown>, access: Partial<PodAccess>, more = {}): TestNode {
	const credentials = Object.fromEntries(Object.entries(access).map(([type, id]) => [type, { id, name: type }]));
	return node(name, 'n8n-nodes-runpod-studio.runPod', 1, parameters, { credentials, ...more });
}

/** Makes a Pod, and waits for what is in it. */
export const newPod = (name: string, access: PodAccess): TestNode =>
	ours(
		'Pod',
		{ resource: 'pod', operation: 'create', name, image: 'any:1', gpuTypes: [GPU], readiness: { pollS: 1 } },
		access,
	);

/** A picture by the worker in that Pod. */
export const onPod = (parameters: Record<string, unknown>, { runPodWorkerApi }: PodAccess, more = {}): TestNode =>
	ours(RUNPOD, { runOn: 'workerUrl', workerUrl: '={{ $("Pod").first().json.url }}', ...parameters }, { runPodWorkerApi }, more);

export const endPod = ({ runPodApi }: PodAccess): TestNode =>
	ours('End', { resource: 'pod', operation: 'terminate', pod: locator('={{ $("Pod").first().json.id }}') }, { runPodApi });

export const locator = (value: string) => ({ __rl: true, mode: 'id', value });

/** Our node on the emulated endpoint; `more` are its settings, such as retryOnFail. */
export function runPod(
	credential: string,
	parameters: Record<string, unknown> = {},
	more: Record<string, unknown> = {},
): TestNode {
	return node(
		RUNPOD,
		'n8n-nodes-runpod-studio.runPod',
		1,
		{
			endpoint: locator(ENDPOINT),
			prompt: '={{ $json.prompt }}',
			...parameters,
		},
		{ credentials: { runPodApi: { id: credential, name: RUNPOD } }, ...more },
	);
}

export const to = (...names: string[]) => names.map((name) => ({ node: name, type: 'main', index: 0 }));

/** Each node leads to the next one. */
export function chain(name: string, nodes: TestNode[], settings: Record<string, unknown> = {}): Workflow {
	const connections: Record<string, unknown> = {};
	for (const [index, { name: from }] of nodes.slice(0, -1).entries()) {
		connections[from] = { main: [to(nodes[index + 1].name)] };
	}
	return { name, nodes, connections, settings: { executionOrder: 'v1', ...settings } };
}
