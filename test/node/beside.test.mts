/** What a run reads beside its jobs: cost, a paused endpoint, the stuck queue, the worker's log. */
import { runNode } from './harness.mts';
import {
	KEY,
	account,
	changeEndpoint,
	fault,
	generate,
	ledger,
	pollStatus,
	usePlatform,
	workerDoes,
} from './platform.mts';

usePlatform();

const asked = (operation: string) =>
	ledger().requests.filter((request) => request.operation === operation).length;

describe('cost', () => {
	const price = (price?: number) =>
		account({ gpus: [{ id: 'Emulated GPU 24', pool: 'ADA_24', price }] });

	test('each result tells it, by the prices of the moment', async () => {
		workerDoes({ runMs: 300 });
		const usd: number[] = [];
		for (const perHour of [3.6, 7.2]) {
			price(perHour);
			const { items } = await runNode(generate());
			const { cost, job } = items[0].json as Record<string, Record<string, number>>;
			expect(cost).toMatchObject({ pricePerHour: perHour, gpu: 'Emulated GPU 24' });
			expect(cost.usd).toBeCloseTo((perHour * job.executionTime) / 3_600_000, 8);
			const whole = job.executionTime + job.delayTime + 5000;
			expect(cost.upperUsd).toBeCloseTo((perHour * whole) / 3_600_000, 8);
			usd.push(cost.usd);
		}
		expect(usd[1]).toBeGreaterThan(usd[0]);
	});

	test('five items read catalog and endpoint once', async () => {
		workerDoes({ runMs: 50 });
		const { items } = await runNode(
			generate({}, { items: Array.from({ length: 5 }, () => ({ json: {} })) }),
		);
		expect(items.every(({ json }) => json.cost !== null)).toBe(true);
		expect([asked('catalog-gpus'), asked('serverless-get')]).toEqual([1, 1]);
	});

	test.each<[string, () => void]>([
		['the price is not known', () => price(undefined)],
		[
			'the catalog does not answer',
			() => void fault({ operation: 'catalog-gpus', fault: { kind: 'reply', status: 500 } }),
		],
		[
			'the key may not read it',
			() => {
				for (const operation of ['catalog-gpus', 'serverless-get', 'serverless-workers'] as const)
					fault({ operation, fault: { kind: 'reply', status: 403 } });
			},
		],
	])('is null where %s, and the job succeeds', async (_, prepare) => {
		workerDoes();
		prepare();
		const { status, items } = await runNode(generate());
		expect(status).toBe('success');
		expect(items[0].json.cost).toBeNull();
	});

	test('is not read when it is switched off', async () => {
		workerDoes();
		const { items } = await runNode(generate({ jobOptions: { costEstimate: false } }));
		expect(items[0].json.cost).toBeNull();
		expect(asked('catalog-gpus') + asked('serverless-workers')).toBe(0);
	});

	test('Poll Status tells it, too', async () => {
		workerDoes();
		const { items } = await runNode(generate());
		const id = (items[0].json.job as { id: string }).id;
		const again = await runNode(pollStatus(id));
		expect(again.items[0].json.cost).toMatchObject({ gpu: 'Emulated GPU 24' });
	});
});

test('an endpoint with 0 max workers is told before anything is submitted', async () => {
	changeEndpoint({ workersMax: 0 });
	const { status, error } = await runNode(generate({ jobOptions: { queueTimeoutS: 3600 } }));
	expect(status).toBe('error');
	expect(`${error!.message} ${error!.description}`).toContain(
		"Endpoint 'studio1' has 0 max workers. RunPod scales unused endpoints down to 0 after 7 days; raise 'Max Workers'.",
	);
	expect(ledger().submits).toEqual([]);
});

test('where that is not told soon, the job is submitted, and cancelled when it is known', async () => {
	changeEndpoint({ workersMax: 0 });
	fault({ operation: 'serverless-get', fault: { kind: 'slow', delayMs: 2500 } });
	const { error } = await runNode(generate({ jobOptions: { queueTimeoutS: 3600 } }));
	expect(error!.message).toContain('has 0 max workers');
	expect(ledger().submits).toHaveLength(1);
	expect(ledger().cancels).toHaveLength(1);
	expect(ledger().openJobs).toEqual([]);
}, 20_000);

test('nothing of a batch is submitted to a paused endpoint', async () => {
	changeEndpoint({ workersMax: 0 });
	const { items } = await runNode(
		generate(
			{ jobOptions: { maxParallelJobs: 2 } },
			{
				items: [{ json: {} }, { json: {} }, { json: {} }],
				settings: { onError: 'continueRegularOutput' },
			},
		),
	);
	expect(items.map(({ json }) => String(json.error))).toEqual(
		Array.from({ length: 3 }, () => expect.stringContaining('has 0 max workers')),
	);
	expect(ledger().submits).toEqual([]);
});

test('a stuck queue explains itself with health, workers and stock', async () => {
	workerDoes({ queueMs: 60_000 });
	changeEndpoint({ workers: { throttled: 2 } });
	account({
		gpus: [{ id: 'G', name: 'GPU G', pool: 'ADA_24', price: 1, availability: 'NONE' }],
		workers: { studio1: [{ id: 'w1', status: 'THROTTLED', gpuTypeId: 'G' }] },
	});
	const { error } = await runNode(generate({ jobOptions: { queueTimeoutS: 5 } }));
	expect(error!.message).toContain('Worker did not become ready within 5 seconds');
	const text = String(error!.description);
	expect(text).toMatch(/180 or 240/);
	expect(text).toContain('no GPU of the chosen types is free');
	expect(text).toMatch(/Endpoint health - .*throttled 2/);
	expect(text).toContain('Workers - w1 THROTTLED (G).');
	expect(text).toContain('Stock of its GPU pools - ADA_24: GPU G NONE.');
}, 20_000);

describe('a job that fails on its worker', () => {
	const lines = Array.from({ length: 60 }, (_, n) => `line ${n}${n === 59 ? ` ${KEY}` : ''}`);

	test('brings the last 50 lines of its log, without keys', async () => {
		workerDoes({ error: 'CUDA error: device-side assert' });
		account({ logs: { 'scripted-1': lines } });
		const { error } = await runNode(generate());
		const text = String(error!.description);
		expect(text).toContain('Last lines of the log of worker scripted-1:\nline 10\n');
		expect(text).toContain('line 59 ***');
		expect(text).not.toContain('line 9\n');
	});

	test('is told without them where they cannot be read', async () => {
		workerDoes({ error: 'CUDA error' });
		fault({ operation: 'worker-logs', fault: { kind: 'reply', status: 403 } });
		const { error } = await runNode(generate());
		expect(error!.message).toContain('CUDA error');
		expect(String(error!.description)).not.toContain('Last lines');
	});

	test('because of its input is clear without a log', async () => {
		workerDoes({ error: "INVALID_INPUT: 'Width' must be between 64 and 2048." });
		account({ logs: { 'scripted-1': lines } });
		await runNode(generate());
		expect(asked('worker-logs')).toBe(0);
	});
});

describe('Cancel If ETA Above', () => {
	const slow = () =>
		workerDoes({
			runMs: 60_000,
			progress: [{ atMs: 0, output: { stage: 'generating', percent: 20, eta_s: 900 } }],
		});

	test('a job that promises too long a rest is cancelled', async () => {
		slow();
		const { error } = await runNode(generate({ jobOptions: { cancelIfEtaAboveS: 300 } }));
		expect(error!.message).toMatch(/^The job would need about 900 more seconds; the limit is 300/);
		expect(error!.description).toContain("Raise 'Cancel If ETA Above (Seconds)'");
		expect(ledger().cancels).toMatchObject([{ changed: true }]);
	});

	test('one within the limit goes on', async () => {
		workerDoes({ runMs: 1200, progress: [{ atMs: 0, output: { percent: 20, eta_s: 200 } }] });
		const { status } = await runNode(generate({ jobOptions: { cancelIfEtaAboveS: 300 } }));
		expect(status).toBe('success');
		expect(ledger().cancels).toEqual([]);
	});
});
