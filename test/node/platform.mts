/** One emulated RunPod per test file, and the node's parameters and credential for it. */
import type { INodeParameters } from 'n8n-workflow';
import type {
	AccountChange,
	EndpointOptions,
	FaultRule,
	LedgerSnapshot,
	RunningEmulator,
	ScriptRule,
} from '../../emulator/server.mts';
import { startEmulator } from '../../emulator/server.mts';
import type { Setup } from './harness.mts';
import { studioWorker } from './pictures.mts';

/** Easy to find wherever it should not be. */
export const KEY = 'rpa_SECRETKEYOFTHETESTS0123456789';
export const ENDPOINT = 'studio1';
/** A second endpoint, e.g. to fall back on. */
export const OTHER_ENDPOINT = 'other1';

let emulator: RunningEmulator;

export function usePlatform(): void {
	beforeAll(async () => {
		emulator = await startEmulator({
			keys: [{ key: KEY, name: 'owner' }],
			endpoints: [
				{ id: ENDPOINT, workersMax: 3 },
				{ id: OTHER_ENDPOINT, workersMax: 3 },
			],
		});
	});
	afterAll(async () => await emulator.close());
	beforeEach(() => emulator.control.reset());
}

export interface WorkerOptions {
	queueMs?: number;
	runMs?: number;
	output?: unknown;
	error?: unknown;
	progress?: Array<{ atMs: number; output: unknown }>;
	/** How many jobs it serves; all without it. */
	times?: number;
	/** Only jobs whose input holds these values. */
	input?: Record<string, unknown>;
}

/** What the platform's worker does from now on; without options it answers like the Studio Worker. */
export function workerDoes({ times, input, ...script }: WorkerOptions = {}): void {
	const isScripted = 'output' in script || 'error' in script;
	emulator.control.addScript({
		times,
		match: input && { input },
		script: { ...script, ...(isScripted ? {} : { make: studioWorker }) },
	});
}

/** The worker finishes without an output. */
export function workerReturnsNothing(): void {
	emulator.control.addScript({ script: {} });
}

export function addScript(rule: ScriptRule): void {
	emulator.control.addScript(rule);
}

export function fault(rule: FaultRule): void {
	emulator.control.addFault(rule);
}

export function ledger(): LedgerSnapshot {
	return emulator.control.snapshot();
}

/** What the management plane tells: prices and stock, workers, logs. */
export function account(change: AccountChange): void {
	emulator.control.account.change(change);
}

export function changeEndpoint(options: Omit<EndpointOptions, 'id'>): void {
	emulator.control.setEndpoint({ id: ENDPOINT, ...options });
}

export const platformUrl = (): string => emulator.url;

export function locator(value: string, mode = 'id') {
	return { __rl: true, mode, value };
}

/** A run of Image > Generate against the platform, polled as fast as the node allows. */
export function generate(parameters: INodeParameters = {}, setup: Partial<Setup> = {}): Setup {
	const { jobOptions, ...rest } = parameters;
	return {
		parameters: {
			resource: 'image',
			operation: 'generate',
			endpoint: locator(ENDPOINT),
			prompt: 'a red fox in the snow',
			...rest,
			jobOptions: { pollIntervalMs: 500, ...(jobOptions as INodeParameters) },
		},
		credentials: {
			runPodApi: {
				apiKey: KEY,
				jobBaseUrl: `${emulator.url}/v2`,
				managementBaseUrl: `${emulator.url}/management/v2`,
			},
		},
		...setup,
	};
}

/** A run of Job > Poll Status for one job. */
export function pollStatus(jobId: string, parameters: INodeParameters = {}): Setup {
	const setup = generate();
	return {
		...setup,
		parameters: {
			resource: 'job',
			operation: 'pollStatus',
			endpoint: locator(ENDPOINT),
			jobId,
			pollIntervalMs: 500,
			...parameters,
		},
	};
}

/** Waits for what the platform has to see. */
export async function until(isTrue: () => boolean): Promise<void> {
	const end = Date.now() + 15_000;
	while (!isTrue()) {
		if (Date.now() > end) throw new Error(`waited in vain for: ${isTrue.toString()}`);
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
}
