/** Endpoint > Warm Up with a hold: what is submitted, told and left running, on n8n's engine and the emulated platform. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { INodeParameters } from 'n8n-workflow';
import type { RunningEmulator } from '../../emulator/server.mts';
import { startEmulator } from '../../emulator/server.mts';
import { everything, runNode, startNode } from './harness.mts';
import type { Setup } from './harness.mts';
import { KEY, locator } from './platform.mts';

jest.setTimeout(180_000);

const ENDPOINT = 'studio1';
let emulator: RunningEmulator;
beforeAll(async () => {
	emulator = await startEmulator({
		keys: [{ key: KEY, name: 'owner' }],
		endpoints: [{ id: ENDPOINT, workersMax: 1, holdMs: 5000 }],
	});
});
afterAll(async () => await emulator.close());
beforeEach(() => emulator.control.reset());

const ledger = () => emulator.control.snapshot();
const holds = () => ledger().submits.filter(({ input }) => 'action' in (input as object));
const cancels = () => ledger().requests.filter(({ operation }) => operation === 'cancel');

function setup(parameters: INodeParameters, more: Partial<Setup> = {}): Setup {
	return {
		parameters,
		credentials: {
			runPodApi: {
				apiKey: KEY,
				jobBaseUrl: `${emulator.url}/v2`,
				managementBaseUrl: `${emulator.url}/management/v2`,
			},
		},
		...more,
	};
}

const warmUp = (parameters: INodeParameters = {}, more: Partial<Setup> = {}) =>
	setup(
		{
			resource: 'endpoint',
			operation: 'warmUp',
			managedEndpoint: locator(ENDPOINT),
			readyTimeoutS: 60,
			...parameters,
		},
		more,
	);

const cancel = (jobId: string) =>
	setup({ resource: 'job', operation: 'cancel', endpoint: locator(ENDPOINT), jobId });

const HEALTH = { status: 'healthy', version: '1.0.0', cold_start: true, model_set: 'core' };
const TOLD = {
	stage: 'holding',
	percent: 0,
	message: 'The worker is held for another 180 s',
	public_url: 'https://w1-7801.proxy.runpod.net',
	session_id: 'session-1',
	worker_id: 'w1',
};

function workerAnswers(): void {
	emulator.control.addScript({ match: { input: { route: 'health' } }, script: { output: HEALTH } });
}
function workerHolds(told: unknown = TOLD, queueMs = 0): void {
	emulator.control.addScript({
		match: { input: { action: 'keepalive' } },
		script: {
			queueMs,
			runMs: 3_600_000,
			progress: told === undefined ? [] : [{ atMs: 10, output: told }],
			output: {},
		},
	});
}

test('one job holds one worker, and its ID is told: the item, the hint, the log', async () => {
	workerAnswers();
	workerHolds();
	const outcome = await runNode(warmUp({ duration: 180, interval: 20 }));
	expect(outcome.error).toBeUndefined();
	const [submitted] = holds();
	expect(holds()).toHaveLength(1);
	expect(submitted.input).toEqual({ action: 'keepalive', duration: 180, interval: 20 });
	// A job of the platform ends after ten minutes unless it says otherwise.
	expect(submitted.policy).toMatchObject({ executionTimeout: 240_000 });
	const { hold, state } = outcome.items[0].json as { hold: Record<string, string>; state: string };
	expect(state).toBe('ready');
	expect(hold).toMatchObject({
		worker_id: 'w1',
		public_url: TOLD.public_url,
		session_id: 'session-1',
		duration_s: 180,
		interval_s: 20,
	});
	expect(hold.job_id).toBe(submitted.jobId);
	const left = Date.parse(hold.ends_at) - Date.now();
	expect(left).toBeGreaterThan(60_000);
	expect(left).toBeLessThanOrEqual(180_000);
	expect(everything(outcome)).toContain('Job > Cancel with the job ID');
	expect(outcome.log.join('\n')).toContain(
		`RunPod job ${hold.job_id} was submitted to hold a worker`,
	);
	expect(cancels()).toEqual([]);
	expect(ledger().openJobs).toEqual([hold.job_id]);

	const ended = await runNode(cancel(hold.job_id));
	expect(ended.items[0].json).toMatchObject({ status: 'CANCELLED' });
	expect(ledger().openJobs).toEqual([]);
});

test('without a duration nothing is held', async () => {
	workerAnswers();
	const { items } = await runNode(warmUp());
	expect(items[0].json.hold).toBeNull();
	expect(holds()).toEqual([]);
});

test.each([
	[{ duration: 3601 }, "'Hold for Direct Access (Seconds)' must be between 0 and 3600, not 3601."],
	[{ duration: -1 }, "'Hold for Direct Access (Seconds)' must be between 0 and 3600, not -1."],
	[{ duration: 60, interval: 0 }, "'Ping Interval (Seconds)' must be between 1 and 3600, not 0."],
])('%j is refused before any cost', async (parameters, message) => {
	const { error } = await runNode(warmUp(parameters));
	expect(error!.message).toContain(message);
	expect(ledger().submits).toEqual([]);
});

test('a hold that gets no worker is cancelled, and named', async () => {
	workerAnswers();
	workerHolds(TOLD, 3_600_000);
	const { error } = await runNode(warmUp({ duration: 60, readyTimeoutS: 5 }));
	expect(error!.message).toBe('Worker did not become ready within 5 seconds');
	expect(error!.description).toContain(`Job ID: ${holds()[0].jobId}.`);
	expect(ledger().openJobs).toEqual([]);
});

test.each([
	['takes it for something else', { stage: 'generating', percent: 5, message: 'step 1' }],
	['ended it at once', undefined],
])('a worker that %s holds nothing, and goes on with nothing', async (_, told) => {
	workerAnswers();
	if (told === undefined) emulator.control.addScript({ script: { output: { echo: 1 } } });
	else workerHolds(told);
	const { error } = await runNode(warmUp({ duration: 60 }));
	expect(error!.message).toContain("does not know the action 'keepalive'");
	expect(error!.description).toContain(`Job ID: ${holds()[0].jobId}.`);
	expect(ledger().openJobs).toEqual([]);
});

test('a worker that refuses says why', async () => {
	workerAnswers();
	const sentence = "INVALID_ROUTE: Invalid route: ''. Must be one of 'create'";
	emulator.control.addScript({ script: { error: sentence } });
	const { error } = await runNode(warmUp({ duration: 60 }));
	expect(error!.message).toContain("Invalid route: ''");
	expect(ledger().openJobs).toEqual([]);
});

test('Stop while the hold waits for its worker cancels it', async () => {
	workerAnswers();
	workerHolds(TOLD, 3_600_000);
	const { done, stop } = await startNode(warmUp({ duration: 60 }));
	while (holds().length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
	stop();
	expect((await done).status).toBe('canceled');
	expect(ledger().openJobs).toEqual([]);
});

test('a run that fails at a later item leaves no hold behind that nobody is told of', async () => {
	workerAnswers();
	workerHolds();
	const items = [{ json: { endpoint: ENDPOINT } }, { json: { endpoint: 'nonesuch' } }];
	const managedEndpoint = locator('={{ $json.endpoint }}');
	const { status } = await runNode(warmUp({ duration: 60, managedEndpoint }, { items }));
	expect(status).toBe('error');
	expect(holds()).toHaveLength(1);
	expect(ledger().openJobs).toEqual([]);
	// With the error output the first item arrives, and its hold stays.
	emulator.control.reset();
	workerAnswers();
	workerHolds();
	const settings = { onError: 'continueRegularOutput' as const };
	const kept = await runNode(warmUp({ duration: 60, managedEndpoint }, { items, settings }));
	expect(kept.items[0].json.hold).toMatchObject({ worker_id: 'w1' });
	expect(ledger().openJobs).toHaveLength(1);
});

const python = process.env.STUDIO_PYTHON;
(python === undefined ? describe.skip : describe)('with the real worker on the RunPod SDK', () => {
	const children: ChildProcess[] = [];
	afterAll(() => {
		for (const { pid } of children) {
			try {
				// The SDK pings from a process of its own: the whole group.
				process.kill(-(pid ?? 0), 'SIGKILL');
			} catch {
				// Gone already.
			}
		}
	});

	test('a hold keeps the worker from other jobs, and a cancel frees it', async () => {
		const env = {
			...process.env,
			...emulator.control.workerEnvironment(ENDPOINT, 'real-1'),
			MODEL_SET: 'demo',
			WARM_START: '0',
		};
		const handler = join(__dirname, '..', '..', 'worker', 'handler.py');
		children.push(spawn(python ?? '', ['-u', handler], { env, stdio: 'ignore', detached: true }));
		const { items, error } = await runNode(warmUp({ duration: 3600, interval: 1 }));
		expect(error).toBeUndefined();
		const hold = items[0].json.hold as Record<string, string | null>;
		// A serverless worker of this package serves no port, and SwarmUI does not run in it.
		expect(hold).toMatchObject({ worker_id: 'real-1', public_url: null, session_id: null });
		const health = setup({
			resource: 'job',
			operation: 'run',
			endpoint: locator(ENDPOINT),
			input: '{"route": "health"}',
			jobOptions: { pollIntervalMs: 500 },
		});
		const waiting = startNode(health);
		while (ledger().openJobs.length < 2) await new Promise((resolve) => setTimeout(resolve, 50));
		expect(ledger().openJobs).toContain(hold.job_id);
		const ended = await runNode(cancel(hold.job_id!));
		expect(ended.items[0].json).toMatchObject({ status: 'CANCELLED' });
		// The one worker of the endpoint takes the next job, which it could not while it was held.
		const next = await (await waiting).done;
		expect(next.items[0].json).toMatchObject({ status: 'healthy', job: { workerId: 'real-1' } });
		const { incidents, openJobs } = ledger();
		expect(openJobs).toEqual([]);
		expect(incidents.filter(({ jobId }) => jobId === hold.job_id)).toEqual([]);
	});
});
