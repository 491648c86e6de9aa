/** One emulated account per test file, the node's settings for it, and a witness of all bodies that are sent. */
import type { INodeParameters } from 'n8n-workflow';
import type { FaultRule, RunningEmulator } from '../../emulator/server.mts';
import { startEmulator } from '../../emulator/server.mts';
import { everything, runNode } from './harness.mts';
import type { Outcome, Setup } from './harness.mts';
import { KEY } from './platform.mts';
import { published } from './published.mts';

export const GPU = 'Emulated GPU 24';
let emulator: RunningEmulator;
export const account = () => emulator.control;
export const accountUrl = () => emulator.url;

/** Starts the account, and checks at the end what was sent to it; call it once at the top of a file. */
export function useAccount(): void {
	jest.setTimeout(120_000);
	const sent = published();
	beforeAll(async () => {
		emulator = await startEmulator({
			keys: [{ key: KEY, name: 'owner' }],
			endpoints: [{ id: 'studio1', workersMax: 3 }],
		});
	});
	beforeEach(() => {
		emulator.control.reset();
		emulator.control.addPodScript({ script: { provisionMs: 0, startMs: 200 } });
	});
	afterEach(() => sent.remember(ledger().requests));
	afterAll(async () => {
		await emulator.close();
		sent.check();
	});
}

export const ledger = () => emulator.control.snapshot();
export const openPods = () => ledger().openPods;
export const callsOf = (operation: string) =>
	ledger().requests.filter((request) => request.operation === operation);
/** A fault of the management plane; one time unless told otherwise. */
export const fault = (operation: string, what: FaultRule['fault'], times = 1) =>
	emulator.control.addFault({
		endpoint: 'management',
		operation: operation as FaultRule['operation'],
		times,
		fault: what,
	});

export function managed(
	resource: string,
	operation: string,
	parameters: INodeParameters = {},
	setup: Partial<Setup> = {},
): Setup {
	return {
		parameters: { resource, operation, ...parameters },
		credentials: {
			runPodApi: {
				apiKey: KEY,
				jobBaseUrl: `${emulator.url}/v2`,
				managementBaseUrl: `${emulator.url}/management/v2`,
				podProxyUrl: `${emulator.url}/_pods/{pod}-{port}`,
			},
		},
		...setup,
	};
}

/** With another key of the account. */
export function withKey(setup: Setup, apiKey: string): Setup {
	return {
		...setup,
		credentials: { ...setup.credentials, runPodApi: { ...setup.credentials.runPodApi, apiKey } },
	};
}

/** With the credential of the worker in the Pod. */
export const withToken = (setup: Setup, token = 'worker-token', serverType = 'studio'): Setup => ({
	...setup,
	credentials: {
		...setup.credentials,
		runPodWorkerApi: { serverType, baseUrl: emulator.url, token },
	},
});

export async function jsons(setup: Setup): Promise<Array<Record<string, unknown>>> {
	const outcome = await runNode(setup);
	if (outcome.error !== undefined) throw outcome.error;
	expect(everything(outcome)).not.toContain(KEY);
	return outcome.items.map(({ json }) => json);
}

export const one = async (setup: Setup) => (await jsons(setup))[0]!;

export const failed = async (setup: Setup): Promise<Outcome> => {
	const outcome = await runNode(setup);
	expect(outcome.status).toBe('error');
	expect(everything(outcome)).not.toContain(KEY);
	return outcome;
};

/** What a failure says in all, and what it says to machines. */
export const textOf = ({ error }: Outcome) => `${error?.message} ${error?.description}`;
export const dataOf = ({ error }: Outcome) => error?.context?.data as Record<string, unknown>;

export const podSetup = (parameters: INodeParameters = {}, setup: Partial<Setup> = {}) =>
	managed(
		'pod',
		'create',
		{
			name: 'captions',
			image: 'me/worker:1',
			gpuTypes: [GPU],
			...parameters,
			readiness: { pollS: 1, ...((parameters.readiness ?? {}) as object) },
		},
		setup,
	);
export const makePod = async (parameters: INodeParameters = {}) =>
	await one(podSetup({ waitUntilReady: false, ...parameters }));
