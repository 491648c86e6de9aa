/** The bills of the management plane, and the limits of an endpoint that can be changed. */
import { startEmulator } from '../../emulator/server.mts';
import type { RunningEmulator } from '../../emulator/server.mts';

let emulator: RunningEmulator;
const KEY = 'rpa_billing_test';
const HOUR = 3_600_000;

beforeAll(async () => {
	emulator = await startEmulator({
		clock: 'fake',
		keys: [{ key: KEY, name: 'owner' }],
		endpoints: [{ id: 'e1' }, { id: 'e2', gpu: { pools: ['AMPERE_48'], count: 2 } }],
	});
});
afterAll(async () => await emulator.close());
beforeEach(() => emulator.control.reset());

async function call(method: string, path: string, body?: unknown) {
	const response = await fetch(`${emulator.url}/management/v2${path}`, {
		method,
		headers: { authorization: `Bearer ${KEY}` },
		...(body === undefined ? {} : { body: JSON.stringify(body) }),
	});
	return { status: response.status, body: (await response.json()) as Record<string, any> };
}

async function runJob(endpoint: string, runMs: number): Promise<void> {
	emulator.control.addScript({ endpoint, times: 1, script: { runMs, output: {} } });
	await fetch(`${emulator.url}/v2/${endpoint}/run`, {
		method: 'POST',
		headers: { authorization: `Bearer ${KEY}` },
		body: JSON.stringify({ input: { a: 1 }, policy: { executionTimeout: 100 * HOUR } }),
	});
	await emulator.control.advance(runMs);
}

test('workers are billed by their milliseconds and the price of their pool, in buckets', async () => {
	// The fake clock starts on 1 January 2026; 23 hours of waiting put the job over midnight.
	await runJob('e1', HOUR / 2);
	await emulator.control.advance(23 * HOUR);
	await runJob('e2', HOUR);
	const { body } = await call('GET', '/billing/serverless?bucketSize=day');
	expect(body.records).toEqual([
		expect.objectContaining({
			serverlessId: 'e1',
			totalAmount: 0.5,
			startTime: '2026-01-01T00:00:00.000Z',
		}),
		expect.objectContaining({
			serverlessId: 'e2',
			totalAmount: 2,
			endTime: '2026-01-02T00:00:00.000Z',
		}),
		expect.objectContaining({
			serverlessId: 'e2',
			totalAmount: 2,
			startTime: '2026-01-02T00:00:00.000Z',
		}),
	]);
	expect(body.metadata).toMatchObject({
		recordCount: 3,
		uniqueServerlessCount: 2,
		totals: { totalAmount: 4.5, gpuAmount: 4.5, cpuAmount: 0, diskAmount: 0, feeAmount: 0 },
	});
	const one = await call('GET', '/billing/serverless?bucketSize=month&lastN=1&serverlessId=e2');
	expect(one.body).toMatchObject({
		records: [
			{
				totalAmount: 4,
				startTime: '2026-01-01T00:00:00.000Z',
				endTime: '2026-02-01T00:00:00.000Z',
			},
		],
	});
});

test('costs can be set, and windows that contradict themselves are refused', async () => {
	emulator.control.account.change({
		costs: [
			{
				product: 'pods',
				id: 'p1',
				from: '2025-12-31T22:00:00Z',
				to: '2026-01-01T02:00:00Z',
				usd: 8,
			},
			{ product: 'network-volumes', id: 'v1', from: '2026-01-01T00:00:00Z', usd: 7 },
		],
	});
	await emulator.control.advance(3 * HOUR);
	const pods = await call('GET', '/billing/pods?startTime=2026-01-01T00:00:00Z&bucketSize=hour');
	expect(pods.body.records.map((record: any) => record.totalAmount)).toEqual([2, 2]);
	expect(pods.body.metadata.uniquePodCount).toBe(1);
	const volumes = await call('GET', '/billing/network-volumes?lastN=2');
	expect(volumes.body.metadata.totals).toEqual({
		totalAmount: 7,
		standardAmount: 7,
		highPerformanceAmount: 0,
	});
	expect((await call('GET', '/billing/pods?lastN=2&startTime=2026-01-01T00:00:00Z')).status).toBe(
		400,
	);
	expect((await call('GET', '/billing/pods?bucketSize=minute')).status).toBe(422);
});

test('an endpoint is paused and resumed; what is not sent stays', async () => {
	const before = (await call('GET', '/serverless/e1')).body;
	const paused = await call('PATCH', '/serverless/e1', { workers: { max: 0 } });
	expect(paused.body).toEqual({ ...before, workers: { ...before.workers, max: 0 } });
	await runJob('e1', 1000);
	expect(emulator.control.snapshot().openJobs).toHaveLength(1);
	await call('PATCH', '/serverless/e1', { workers: { max: 2 }, env: { A: 'b' }, timeout: 9000 });
	await emulator.control.advance(1000);
	expect(emulator.control.snapshot().openJobs).toHaveLength(0);
	expect((await call('GET', '/serverless/e1')).body).toMatchObject({
		workers: { min: 0, max: 2, idleTimeout: 5 },
		env: { A: 'b' },
		timeout: 9000,
	});
});

test('a change that breaks the contract is refused with every reason, and changes nothing', async () => {
	const before = (await call('GET', '/serverless/e1')).body;
	const refused = await call('PATCH', '/serverless/e1', {
		workersMax: 1,
		workers: { max: '1', idleTimeout: 4000 },
	});
	expect(refused.status).toBe(422);
	expect(refused.body).toEqual({
		title: 'Unprocessable Entity',
		status: 422,
		detail: 'Request validation failed.',
		errors: [
			"$: additional properties 'workersMax' not allowed",
			'$.workers.max: must be integer',
			'$.workers.idleTimeout: must be <= 3600',
		],
	});
	expect((await call('PATCH', '/serverless/e9', {})).status).toBe(404);
	expect((await call('GET', '/serverless/e1')).body).toEqual(before);
});
