/** Fallback Endpoint: another target takes over what the first cannot serve, never beside it. */
import { runNode, startNode } from './harness.mts';
import {
	addScript,
	changeEndpoint,
	ENDPOINT,
	fault,
	generate,
	ledger,
	locator,
	OTHER_ENDPOINT,
	usePlatform,
} from './platform.mts';
import { studioWorker } from './pictures.mts';
import { startStub } from './stub.mts';

usePlatform();
const OTHER = OTHER_ENDPOINT;

beforeEach(() => {
	addScript({ endpoint: OTHER, script: { runMs: 100, make: studioWorker } });
});

const withFallback = (jobOptions = {}, parameters = {}, setup = {}) =>
	generate(
		{
			...parameters,
			jobOptions: {
				fallback: 'endpoint',
				fallbackEndpoint: OTHER,
				queueTimeoutS: 5,
				...jobOptions,
			},
		},
		setup,
	);

const places = () => ledger().submits.map(({ endpointId }) => endpointId);

test('after the queue timeout the first job is cancelled, then the second is submitted', async () => {
	fault({ endpoint: ENDPOINT, fault: { kind: 'stuck' } });
	const { status, items, run } = await runNode(withFallback());
	expect(status).toBe('success');
	expect(places()).toEqual([ENDPOINT, OTHER]);
	const { submits, cancels, openJobs } = ledger();
	expect(cancels).toMatchObject([{ jobId: submits[0].jobId, changed: true }]);
	expect(cancels[0].at).toBeLessThanOrEqual(submits[1].at);
	expect(openJobs).toEqual([]);
	expect(items[0].json.job).toMatchObject({
		id: submits[1].jobId,
		servedBy: 'fallback',
		endpointId: OTHER,
	});
	expect(JSON.stringify(run.data.resultData.runData)).toContain('taken over by the fallback');
}, 30_000);

test('also where Cancel Remote Job on Stop is off: two jobs never run side by side', async () => {
	fault({ endpoint: ENDPOINT, fault: { kind: 'stuck' } });
	const { status } = await runNode(withFallback({ cancelOnStop: false }));
	expect(status).toBe('success');
	expect(ledger().openJobs).toEqual([]);
	expect(ledger().cancels).toHaveLength(1);
}, 30_000);

test('an endpoint with 0 max workers is taken over, without a job that waits there', async () => {
	changeEndpoint({ workersMax: 0 });
	const { status, items } = await runNode(withFallback({ queueTimeoutS: 60 }));
	expect(status).toBe('success');
	expect(items[0].json.job).toMatchObject({ servedBy: 'fallback' });
	expect(ledger().openJobs).toEqual([]);
	expect(places().at(-1)).toBe(OTHER);
}, 30_000);

test('after Stop, and after a cancel by somebody else, nothing is submitted a second time', async () => {
	addScript({ endpoint: ENDPOINT, script: { runMs: 60_000, make: studioWorker } });
	const isSubmitted = async () => {
		while (ledger().submits.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
	};
	const stopped = await startNode(withFallback());
	await isSubmitted();
	stopped.stop();
	expect((await stopped.done).status).toBe('canceled');
	expect(places()).toEqual([ENDPOINT]);

	const cancelled = await startNode(withFallback());
	while (ledger().openJobs.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
	const [jobId] = ledger().openJobs;
	const { endpoint } = generate().parameters;
	await runNode({
		...generate(),
		parameters: { resource: 'job', operation: 'cancel', endpoint, jobId },
	});
	const { status, error } = await cancelled.done;
	expect(status).toBe('error');
	expect(error!.message).toContain('cancelled, but not by this run');
	expect(places()).toEqual([ENDPOINT, ENDPOINT]);
}, 30_000);

test('without a confirmed cancel nothing is submitted a second time', async () => {
	fault({ endpoint: ENDPOINT, fault: { kind: 'stuck' } });
	fault({ endpoint: ENDPOINT, operation: 'cancel', fault: { kind: 'reply', status: 500 } });
	const { status, error } = await runNode(withFallback());
	expect(status).toBe('error');
	expect(places()).toEqual([ENDPOINT]);
	expect(JSON.stringify(error!.context)).toContain(ledger().submits[0].jobId);
}, 30_000);

test.each([
	['a missing endpoint', { endpoint: locator('missing') }, undefined],
	['a server error at the submit', {}, { kind: 'reply', status: 500 }],
	['no server at all behind the gateway', {}, { kind: 'reply', status: 503 }],
] as const)(
	'%s',
	async (_name, parameters, what) => {
		if (what) fault({ endpoint: ENDPOINT, operation: 'run', fault: what });
		const { status, items } = await runNode(withFallback({}, parameters));
		expect(status).toBe('success');
		expect(places()).toEqual([OTHER]);
		expect(items[0].json.job).toMatchObject({ servedBy: 'fallback' });
	},
	20_000,
);

test.each([
	['500, yet accepted', { kind: 'reply', status: 500, accepted: true }],
	['502, yet accepted', { kind: 'reply', status: 502, accepted: true }],
	['503, and the health cannot be read', { kind: 'reply', status: 503 }],
] as const)(
	'a submit that ended with %s is not taken over',
	async (name, what) => {
		addScript({ endpoint: ENDPOINT, script: { runMs: 60_000, make: studioWorker } });
		fault({ endpoint: ENDPOINT, operation: 'run', fault: what });
		if (name.includes('health')) {
			fault({ endpoint: ENDPOINT, operation: 'health', fault: { kind: 'reply', status: 503 } });
		}
		const { status, error } = await runNode(withFallback());
		expect(status).toBe('error');
		expect(error!.message).toContain('may be running');
		expect(places()).not.toContain(OTHER);
	},
	20_000,
);

test.each([
	['a worker without capacity', 'NO_CAPACITY: none left', [ENDPOINT, OTHER]],
	['bad input', 'INVALID_INPUT: no', [ENDPOINT]],
	['a spent budget', 'BUDGET_EXCEEDED: spent', [ENDPOINT]],
	['a broken job', 'JOB_FAILED: broken', [ENDPOINT]],
])(
	'%s',
	async (_name, error, expected) => {
		addScript({ endpoint: ENDPOINT, script: { runMs: 50, error } });
		const { status } = await runNode(withFallback());
		expect(places()).toEqual(expected);
		expect(status).toBe(expected.length > 1 ? 'success' : 'error');
	},
	20_000,
);

test('a submit whose answer was lost is told, not taken over', async () => {
	addScript({ endpoint: ENDPOINT, script: { runMs: 50, make: studioWorker } });
	fault({ endpoint: ENDPOINT, operation: 'run', fault: { kind: 'cut', accepted: true } });
	const { status, error } = await runNode(withFallback());
	expect(status).toBe('error');
	expect(places()).toEqual([ENDPOINT]);
	expect(error!.message).toContain('may be running');
}, 20_000);

test('Retry On Fail takes up the job of the fallback', async () => {
	fault({
		endpoint: OTHER,
		operation: 'status',
		times: 3,
		fault: { kind: 'reply', status: 403, body: {} },
	});
	const settings = { retryOnFail: true, maxTries: 2, waitBetweenTries: 0 };
	// The cancel would end the job that is to be taken up.
	const setup = withFallback(
		{ cancelOnStop: false },
		{ endpoint: locator('missing') },
		{ settings },
	);
	const { status, items } = await runNode(setup);
	expect(status).toBe('success');
	expect(places()).toEqual([OTHER]);
	expect(items[0].json.job).toMatchObject({ servedBy: 'fallback' });
}, 20_000);

test('both fail: the second failure is told, with the first one', async () => {
	fault({
		endpoint: OTHER,
		operation: 'run',
		fault: { kind: 'reply', status: 404, body: { detail: 'endpoint not found' } },
	});
	const { status, error } = await runNode(withFallback({}, { endpoint: locator('missing') }));
	expect(status).toBe('error');
	expect(error!.context!.data).toMatchObject({ primary_code: 'ENDPOINT_NOT_FOUND' });
	expect(ledger().submits).toEqual([]);
}, 20_000);

test('a Worker URL takes over from an endpoint, with the credential of the worker', async () => {
	const answer = {
		id: 'own-1',
		status: 'COMPLETED',
		output: studioWorker({ route: 'create', prompt: 'x' }),
	};
	const worker = await startStub(() => ({ body: answer }));
	const setup = generate({ endpoint: locator('missing'), jobOptions: { fallback: 'workerUrl' } });
	const runPodWorkerApi = { serverType: 'studio', baseUrl: worker.url, token: 'worker-token' };
	const { status, items } = await runNode({
		...setup,
		credentials: { ...setup.credentials, runPodWorkerApi },
	});
	await worker.close();
	expect(status).toBe('success');
	expect(items[0].json.job).toMatchObject({ id: 'own-1', servedBy: 'fallback', endpointId: null });
	expect(worker.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer worker-token']);
	expect(ledger().submits).toEqual([]);
}, 20_000);
