/** Max USD per Day and Stop and Pause Endpoint: what RunPod has billed, whose day it is, what is paused. */
import type { INodeParameters } from 'n8n-workflow';
import type { Outcome, Setup } from './harness.mts';
import { runNode } from './harness.mts';
import {
	account,
	changeEndpoint,
	ENDPOINT,
	fault,
	generate,
	ledger,
	OTHER_ENDPOINT,
	usePlatform,
	workerDoes,
} from './platform.mts';

usePlatform();

let moved = 0;
const realNow = Date.now.bind(Date);

/** Moves the clock of node and platform together. */
function setClock(time: string): void {
	moved = Date.parse(time) - realNow();
}

/** A dollar for each second on the worker, so that an amount is a time; noon, so that today is long. */
beforeEach(() => {
	jest.spyOn(Date, 'now').mockImplementation(() => realNow() + moved);
	setClock('2030-06-10T12:00:00Z');
	account({ gpus: [{ id: 'G', pool: 'ADA_24', price: 3600 }], costs: [] });
});
afterEach(() => jest.restoreAllMocks());

const cost = (usd: number, from: string, more: { id?: string; to?: string } = {}) => ({
	product: 'serverless' as const,
	id: ENDPOINT,
	from,
	usd,
	...more,
});

const items = (count: number) => Array.from({ length: count }, (_, n) => ({ json: { n } }));
const goOn = { settings: { onError: 'continueRegularOutput' } } as const;

/** Nobody watches the jobs: each counts with its run timeout, 5 s or $5. */
function submits(jobOptions: INodeParameters, count = 1, setup: Partial<Setup> = goOn): Setup {
	return generate(
		{
			waitForResult: 'dontWait',
			seed: '={{ $itemIndex }}',
			jobOptions: { runTimeoutS: 5, maxParallelJobs: 1, ...jobOptions },
		},
		{ items: items(count), ...setup },
	);
}

const results = ({ items: all }: Outcome) =>
	all.map(({ json }) => (json.error === undefined ? 'submitted' : String(json.error)));
const textOf = ({ error }: Outcome) => `${error?.message} ${error?.description}`;
const billRequests = () => ledger().requests.filter(({ operation }) => operation === 'billing');
const workersOf = (endpoint: string) =>
	ledger()
		.requests.filter(
			({ operation, path }) => operation === 'serverless-update' && path.endsWith(endpoint),
		)
		.map(({ body }) => (body as { workers: object }).workers);

describe('Max USD per Day', () => {
	test('counts what RunPod has billed for the endpoint today, and the jobs of this run', async () => {
		account({ costs: [cost(30, '2030-06-10T00:00:01Z', { to: '2030-06-10T11:00:00Z' })] });
		const outcome = await runNode(submits({ maxUsdPerDay: 41 }, 3));
		expect(results(outcome)).toEqual([
			'submitted',
			'submitted',
			expect.stringMatching(
				/^The budget of \$41 \('Max USD per Day'\) would be exceeded: \$40 for this endpoint today \(UTC\)/,
			),
		]);
		expect(ledger().submits).toHaveLength(2);
		// Its own jobs are in later bills, too: they must not be counted twice.
		expect(billRequests()).toHaveLength(1);
	}, 20_000);

	test('yesterday and other endpoints do not count', async () => {
		account({
			costs: [
				cost(90, '2030-06-09T00:00:00Z', { to: '2030-06-10T00:00:00Z' }),
				cost(90, '2030-06-10T08:00:00Z', { id: OTHER_ENDPOINT }),
			],
		});
		const outcome = await runNode(submits({ maxUsdPerDay: 6 }));
		expect(results(outcome)).toEqual(['submitted']);
	});

	test('a job that ran over midnight counts with its part of today', async () => {
		account({ costs: [cost(40, '2030-06-09T23:00:00Z', { to: '2030-06-10T01:00:00Z' })] });
		const outcome = await runNode(submits({ maxUsdPerDay: 24 }));
		expect(results(outcome)[0]).toContain('$20 for this endpoint today (UTC)');
	});

	test('the next execution finds in the bill what the one before has spent', async () => {
		workerDoes({ runMs: 2500, times: 1 });
		const watched = generate({ jobOptions: { runTimeoutS: 5, maxUsdPerDay: 6 } });
		account({ costs: [cost(0.5, '2030-06-10T01:00:00Z')] });
		expect((await runNode(watched)).status).toBe('success');
		const second = await runNode(watched);
		expect(textOf(second)).toMatch(/\$3\.\d+ for this endpoint today/);
		expect(ledger().submits).toHaveLength(1);
	}, 20_000);

	test('two nodes of one execution share the day, also before RunPod has billed anything', async () => {
		const setup = submits({ maxUsdPerDay: 14 }, 2);
		const outcome = await runNode({ ...setup, next: setup.parameters });
		expect(results(outcome)).toEqual([
			expect.stringContaining('$10 for this endpoint today'),
			expect.stringContaining('$10 for this endpoint today'),
		]);
		expect(ledger().submits).toHaveLength(2);
	}, 20_000);

	test('Max USD per Run stays an account of each node', async () => {
		const setup = submits({ maxUsdPerRun: 14 }, 2);
		await runNode({ ...setup, next: setup.parameters });
		expect(ledger().submits).toHaveLength(4);
	}, 20_000);

	test('at midnight UTC another day begins, in the middle of a run', async () => {
		account({ costs: [cost(2, '2030-06-10T01:00:00Z')] });
		// Looked at while the second item is submitted; applies to none.
		fault({
			operation: 'run',
			match: {
				when: (input) => {
					if ((input as { seed: number }).seed === 1) setClock('2030-06-11T00:00:01Z');
					return false;
				},
			},
			fault: { kind: 'cut', accepted: false },
		});
		setClock('2030-06-10T23:59:00Z');
		const outcome = await runNode(submits({ maxUsdPerDay: 13 }, 5));
		// Yesterday holds $2 and two jobs; the new day is asked for, and counts from nothing.
		expect(results(outcome)).toEqual([
			'submitted',
			'submitted',
			'submitted',
			'submitted',
			expect.stringContaining('$10 for this endpoint today (UTC)'),
		]);
		expect(billRequests().map(({ path }) => path)).toEqual([
			expect.stringContaining('2030-06-10T00'),
			expect.stringContaining('2030-06-11T00'),
		]);
	}, 20_000);

	test('a bill that cannot be read lets nothing through', async () => {
		fault({ operation: 'billing', fault: { kind: 'reply', status: 403 } });
		const outcome = await runNode(submits({ maxUsdPerDay: 50 }, 1, {}));
		expect(outcome.error!.message).toBe(
			`'Max USD per Day' cannot be kept: today's bill of endpoint '${ENDPOINT}' is not known`,
		);
		expect(textOf(outcome)).toContain('Nothing was submitted.');
		expect(ledger().submits).toEqual([]);
	}, 20_000);

	test('a bill that fails once is read again', async () => {
		fault({ operation: 'billing', times: 1, fault: { kind: 'reply', status: 500 } });
		expect(results(await runNode(submits({ maxUsdPerDay: 50 })))).toEqual(['submitted']);
	}, 20_000);

	test('an amount that is no number is not taken for zero', async () => {
		const body = { records: [{ totalAmount: 'much' }], metadata: {} };
		fault({ operation: 'billing', fault: { kind: 'reply', status: 200, body } });
		expect(textOf(await runNode(submits({ maxUsdPerDay: 50 }, 1, {})))).toContain(
			"today's bill of endpoint",
		);
	}, 20_000);
});

describe('Stop and Pause Endpoint', () => {
	const pause = { maxUsdPerRun: 7, onBudgetBreach: 'pause' };

	test('sets the max workers to 0, once, and says so', async () => {
		const outcome = await runNode(submits(pause, 3));
		expect(results(outcome)).toEqual([
			'submitted',
			expect.stringContaining("'Max USD per Run'"),
			expect.stringMatching(/^The endpoint was paused, because: The budget of \$7/),
		]);
		const [, breach, after] = outcome.items.map(({ json }) => json.details as INodeParameters);
		expect(breach.description).toContain(
			`Endpoint '${ENDPOINT}' was paused: its max workers are 0`,
		);
		expect(breach.endpoint_paused).toBe(true);
		expect(after.code).toBe('BUDGET_EXCEEDED');
		expect(workersOf(ENDPOINT)).toEqual([{ max: 0 }]);
	}, 20_000);

	test('takes workers away that are always on, too', async () => {
		changeEndpoint({ workersMin: 2, workersMax: 3 });
		await runNode(submits(pause, 2));
		expect(workersOf(ENDPOINT)).toEqual([{ min: 0, max: 0 }]);
	}, 20_000);

	test('Stop alone leaves the endpoint as it is', async () => {
		await runNode(submits({ ...pause, onBudgetBreach: 'stop' }, 3));
		expect(workersOf(ENDPOINT)).toEqual([]);
	}, 20_000);

	test('a pause that fails for a moment is tried again', async () => {
		fault({ operation: 'serverless-update', times: 2, fault: { kind: 'reply', status: 500 } });
		const outcome = await runNode(submits(pause, 2));
		expect((outcome.items[1].json.details as INodeParameters).endpoint_paused).toBe(true);
		expect(workersOf(ENDPOINT)).toHaveLength(3);
	}, 20_000);

	test('a pause that is refused is told; the limit is kept all the same', async () => {
		fault({ operation: 'serverless-update', fault: { kind: 'reply', status: 403 } });
		const outcome = await runNode(submits(pause, 3));
		const [, breach, after] = outcome.items.map(({ json }) => json.details as INodeParameters);
		expect(results(outcome)[2]).toMatch(/^The budget of/);
		expect(after.description).not.toContain('paused');
		expect(breach.description).toContain(`Endpoint '${ENDPOINT}' could not be paused: HTTP 403`);
		expect(breach.endpoint_paused).toBe(false);
		expect(workersOf(ENDPOINT)).toHaveLength(1);
		expect(ledger().submits).toHaveLength(1);
	}, 20_000);

	test('the limit of the day pauses as well', async () => {
		account({ costs: [cost(50, '2030-06-10T01:00:00Z')] });
		await runNode(submits({ maxUsdPerDay: 50, onBudgetBreach: 'pause' }));
		expect(workersOf(ENDPOINT)).toEqual([{ max: 0 }]);
		expect(ledger().submits).toEqual([]);
	}, 20_000);

	test('a guard that cannot measure pauses nothing: no limit was broken', async () => {
		fault({ operation: 'billing', fault: { kind: 'reply', status: 403 } });
		await runNode(submits({ maxUsdPerDay: 50, onBudgetBreach: 'pause' }));
		expect(workersOf(ENDPOINT)).toEqual([]);
	}, 20_000);

	test('a job that waits in the queue of the paused endpoint is cancelled and says why', async () => {
		// The first one runs out of its budget while the second waits for a worker.
		fault({ match: { input: { seed: 1 } }, fault: { kind: 'stuck' } });
		workerDoes({ runMs: 60_000 });
		const setup = generate(
			{
				seed: '={{ $itemIndex }}',
				jobOptions: {
					runTimeoutS: 100,
					maxUsdPerJob: '={{ [5, 0][$itemIndex] }}',
					maxUsdPerRun: '={{ [0, 500][$itemIndex] }}',
					onBudgetBreach: 'pause',
					fallback: 'endpoint',
					fallbackEndpoint: OTHER_ENDPOINT,
				},
			},
			{ items: items(2), ...goOn },
		);
		const outcome = await runNode(setup);
		const [, waiting] = outcome.items.map(({ json }) => json);
		expect(waiting.error).toMatch(/^The endpoint was paused, because: The budget of \$5/);
		expect(waiting.details).toMatchObject({ code: 'BUDGET_EXCEEDED', remote_job: 'done' });
		const second = ledger().submits.find(({ input }) => (input as { seed: number }).seed === 1);
		expect((waiting.details as INodeParameters).job_id).toBe(second?.jobId);
		// No fallback after a breach.
		expect(ledger().submits).toHaveLength(2);
		expect(ledger().openJobs).toEqual([]);
	}, 60_000);
});
