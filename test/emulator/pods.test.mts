/** Pods, volumes and endpoints of the management plane: lives on the clock, refusals, costs, the proxy. */
import { startEmulator } from '../../emulator/server.mts';
import type { RunningEmulator } from '../../emulator/server.mts';

let emulator: RunningEmulator;
const KEY = 'rpa_pods_test';
const HOUR = 3_600_000;
const BODY = {
	name: 'n8n-runpod-one',
	image: 'studio:1',
	gpu: { id: 'Emulated GPU 24', count: 2 },
	ports: ['8000/http', '22/tcp'],
	env: { AUTH_TOKEN: 'secret' },
};

// Many calls in one test: a machine under load takes its time.
jest.setTimeout(60_000);

beforeAll(async () => {
	emulator = await startEmulator({ clock: 'fake', keys: [{ key: KEY, name: 'owner' }] });
});
afterAll(async () => await emulator.close());
beforeEach(() => emulator.control.reset());

interface Answer {
	status: number;
	type: string | null;
	retryAfter: string | null;
	body: Record<string, any>;
}

async function call(method: string, path: string, body?: unknown, key = KEY): Promise<Answer> {
	const response = await fetch(`${emulator.url}/management/v2${path}`, {
		method,
		headers: { authorization: `Bearer ${key}` },
		...(body === undefined ? {} : { body: JSON.stringify(body) }),
	});
	const text = await response.text();
	return {
		status: response.status,
		type: response.headers.get('content-type'),
		retryAfter: response.headers.get('retry-after'),
		body: text === '' ? {} : JSON.parse(text),
	};
}

const create = async (change: object = {}) => await call('POST', '/pods', { ...BODY, ...change });
const act = async (id: string, action: string) =>
	await call('POST', `/pods/${id}/action`, { action });
const proxied = async (id: string, path: string, headers = {}) => {
	const response = await fetch(`${emulator.url}/_pods/${id}-8000${path}`, { headers });
	return { status: response.status, text: await response.text() };
};
const advance = async (ms: number) => await emulator.control.advance(ms);
const snapshot = () => emulator.control.snapshot();

test('a Pod lives by the clock, is billed while it is there, and is gone when it is ended', async () => {
	const made = await create();
	expect(made.status).toBe(201);
	expect(made.body).toMatchObject({
		status: 'PROVISIONING',
		cost: 2,
		runtime: null,
		startedAt: null,
	});
	const { id } = made.body;
	await advance(500);
	expect((await call('GET', `/pods/${id}`)).body).toMatchObject({
		status: 'STARTING',
		actions: ['stop', 'terminate'],
	});
	await advance(500);
	const running = (await call('GET', `/pods/${id}`)).body;
	expect(running).toMatchObject({
		status: 'RUNNING',
		actions: ['stop', 'restart', 'terminate'],
		runtime: { gpus: [{ util: 0 }, { util: 0 }], ports: [{ private: 8000 }, { private: 22 }] },
	});
	expect((await act(id, 'start')).status).toBe(409);
	await advance(HOUR - 1000);
	expect((await act(id, 'stop')).body).toMatchObject({ status: 'EXITED', cost: 0, runtime: null });
	await advance(HOUR);
	expect((await act(id, 'start')).body.status).toBe('PROVISIONING');
	await advance(HOUR / 2);
	expect(snapshot()).toMatchObject({ openPods: [id], podUsd: 3 });
	expect((await act(id, 'terminate')).status).toBe(204);
	await advance(HOUR);
	expect((await call('GET', `/pods/${id}`)).status).toBe(404);
	expect((await call('DELETE', `/pods/${id}`)).status).toBe(404);
	const { pods, openPods } = snapshot();
	expect(openPods).toEqual([]);
	expect(pods).toMatchObject([{ id, status: 'TERMINATED', usd: 3, createdBy: 'owner' }]);
	const bill = (await call('GET', '/billing/pods?bucketSize=hour')).body;
	expect(bill.metadata.totals).toEqual({
		totalAmount: 3,
		gpuAmount: 3,
		cpuAmount: 0,
		diskAmount: 0,
	});
});

test.each([
	['unknown field', { gpuTypeIds: [] }, 422, "additional properties 'gpuTypeIds' not allowed"],
	['neither image nor template', { image: undefined }, 422, "missing property 'image'"],
	['wrong type', { disk: '50' }, 422, '$.disk: must be integer'],
	[
		'volume disk too small',
		{ mounts: { persistent: { size: 9, path: '/w' } } },
		422,
		'must be >= 10',
	],
	['no name', { name: undefined }, 422, "missing property 'name'"],
	[
		'no stock',
		{ gpu: { id: 'Emulated GPU 80', count: 1 } },
		400,
		'no longer any instances available',
	],
	['no count', { gpu: { id: 'Emulated GPU 24' } }, 400, 'no longer any instances available'],
	['elsewhere', { dataCenterIds: ['EM-9'] }, 400, 'no longer any instances available'],
	[
		'CUDA',
		{ gpu: { ...BODY.gpu, minCudaVersion: '12.11' } },
		400,
		'no longer any instances available',
	],
	['unknown GPU', { gpu: { id: 'GTX 1', count: 1 } }, 400, 'unknown GPU type'],
	['two kinds of compute', { cpu: { id: 'cpu5c', vcpuCount: 2 } }, 400, 'mutually exclusive'],
	['unknown template', { templateId: 'nope' }, 404, 'template not found'],
])('refused: %s', async (_, change, status, text) => {
	const refused = await create(change);
	expect(refused).toMatchObject({
		status,
		type: expect.stringContaining('application/problem+json'),
	});
	expect(JSON.stringify(refused.body)).toContain(text);
	expect(snapshot().pods).toEqual([]);
});

test('faults before and after creating', async () => {
	const fault = (operation: 'pod-create' | 'pods', rest: object) =>
		emulator.control.addFault({ operation, times: 1, fault: { kind: 'reply', ...rest } as never });
	for (const [status, title] of [
		[402, 'Payment Required'],
		[403, 'Forbidden'],
		[503, 'Error'],
	] as const) {
		fault('pod-create', { status });
		expect(await create()).toMatchObject({ status, body: { title, status } });
	}
	fault('pods', { status: 429, retryAfter: 7 });
	expect(await call('GET', '/pods')).toMatchObject({ status: 429, retryAfter: '7' });
	expect(snapshot().pods).toEqual([]);
	fault('pod-create', { status: 500, accepted: true });
	expect((await create({ name: 'half' })).status).toBe(500);
	emulator.control.addFault({
		operation: 'pod-create',
		match: { input: { name: 'cut' } },
		fault: { kind: 'cut', accepted: true },
	});
	await expect(create({ name: 'cut' })).rejects.toThrow();
	expect((await call('GET', '/pods')).body.pods.map((pod: any) => pod.name)).toEqual([
		'half',
		'cut',
	]);
});

test('stock, price and balance move', async () => {
	emulator.control.account.change({
		gpu: { 'Emulated GPU 24': { price: { secure: 3, community: 1 }, stock: { 'EM-1': 'NONE' } } },
		balance: 5,
	});
	expect((await create()).status).toBe(402);
	const made = await create({ cloud: 'COMMUNITY' });
	expect(made.body).toMatchObject({ cost: 2, dataCenterId: 'EM-2' });
	emulator.control.account.change({
		gpu: { 'Emulated GPU 24': { availability: 'NONE', stock: {} } },
	});
	expect((await create({ cloud: 'COMMUNITY' })).status).toBe(400);
	const { body } = await call('GET', '/catalog/gpus?include=AVAILABILITY&product=POD');
	expect(body.gpus[0]).toMatchObject({ availability: 'NONE', price: { secure: 3, community: 1 } });
});

test('scripted ends, a lock, a forced end, and the key of the Pod itself', async () => {
	emulator.control.addPodScript({ match: { input: { name: 'bad' } }, script: { end: 'ERROR' } });
	const bad = (await create({ name: 'bad' })).body.id;
	const good = (await create()).body.id;
	await advance(1000);
	expect((await call('GET', `/pods/${bad}`)).body).toMatchObject({
		status: 'ERROR',
		actions: ['start', 'terminate'],
	});
	await call('PATCH', `/pods/${good}`, { locked: true });
	expect((await act(good, 'stop')).status).toBe(409);
	const own = `rpa_pod_${good}`;
	expect((await call('GET', '/pods', undefined, own)).status).toBe(403);
	expect((await call('DELETE', `/pods/${bad}`, undefined, own)).status).toBe(403);
	expect((await call('POST', `/pods/${good}/action`, { action: 'terminate' }, own)).status).toBe(
		204,
	);
	emulator.control.changePod('bad', { status: 'TERMINATED' });
	expect((await call('GET', `/pods/${bad}`)).body.status).toBe('TERMINATED');
	expect(snapshot().openPods).toEqual([]);
});

test('the proxy has its traps, and the telemetry its clocks', async () => {
	emulator.control.addPodScript({ script: { app: { readyMs: 2000, placeholderMs: 3000 } } });
	const { id } = (await create()).body;
	expect((await proxied('nothing', '/health')).status).toBe(404);
	expect((await proxied(id, '/health')).status).toBe(502);
	await advance(1000 + 2000);
	expect(await proxied(id, '/health')).toMatchObject({
		status: 200,
		text: expect.stringContaining('<!doctype html>'),
	});
	await advance(3000);
	expect(JSON.parse((await proxied(id, '/health')).text)).toEqual({ status: 'ready' });
	expect((await proxied(id, '/metrics')).status).toBe(401);
	emulator.control.changePod(id, { telemetry: { gpuUtil: 30, requestIdleS: 100 } });
	const metrics = async () =>
		JSON.parse((await proxied(id, '/metrics', { authorization: 'Bearer secret' })).text);
	await advance(5000);
	expect(await metrics()).toMatchObject({
		gpus: [{ utilization_gpu_percent: 30 }, {}],
		worker: { gpu_idle_s: 0, request_idle_s: 105 },
	});
	emulator.control.changePod(BODY.name, { telemetry: { gpuUtil: 0 } });
	await advance(4000);
	expect((await metrics()).worker).toMatchObject({ gpu_idle_s: 4, request_idle_s: 109 });
	expect(snapshot().podCalls.map(({ status }) => status)).toEqual([
		404, 502, 200, 200, 401, 200, 200,
	]);
	expect(snapshot().leaks).toEqual([]);
});

test('network volumes grow, cost, and are not deleted under a Pod', async () => {
	const made = await call('POST', '/network-volumes', {
		name: 'models',
		size: 100,
		dataCenter: 'EM-1',
	});
	expect(made).toMatchObject({ status: 201, body: { type: 'STANDARD', size: 100 } });
	const path = `/network-volumes/${made.body.id}`;
	expect(
		(await call('POST', '/network-volumes', { name: 'm', size: 9, dataCenter: 'EM-1' })).status,
	).toBe(422);
	expect((await call('PATCH', path, { size: 50 })).status).toBe(400);
	expect((await call('PATCH', path, { size: 200 })).body.size).toBe(200);
	const mounts = { network: [{ volumeId: made.body.id, path: '/workspace' }] };
	expect((await create({ mounts, dataCenterIds: ['EM-2'] })).status).toBe(400);
	const pod = await create({ mounts });
	expect(pod.body).toMatchObject({ dataCenterId: 'EM-1', mounts });
	expect((await call('DELETE', path)).status).toBe(409);
	await call('DELETE', `/pods/${pod.body.id}`);
	await advance(730 * HOUR);
	const { totals } = (await call('GET', '/billing/network-volumes?bucketSize=year')).body.metadata;
	expect(totals.standardAmount).toBeCloseTo(14, 6);
	expect((await call('DELETE', path)).status).toBe(204);
	expect((await call('GET', '/network-volumes')).body).toEqual({ networkVolumes: [] });
});

test('an endpoint is created from a template, runs jobs, and is deleted', async () => {
	emulator.control.account.change({
		templates: { t1: { image: 'studio:1', env: { A: '1', B: '1' } } },
	});
	const made = await call('POST', '/serverless', {
		name: 'studio',
		type: 'QUEUE',
		templateId: 't1',
		scaling: { type: 'QUEUE_DELAY', queueDelay: 4 },
		gpu: { pools: ['ADA_24'], count: 1 },
		env: { B: '2' },
	});
	expect(made).toMatchObject({
		status: 201,
		body: {
			image: 'studio:1',
			env: { A: '1', B: '2' },
			timeout: 0,
			workers: { min: 0, max: 3, idleTimeout: 10 },
		},
	});
	const run = await fetch(made.body.requestUrls.run, {
		method: 'POST',
		headers: { authorization: `Bearer ${KEY}` },
		body: JSON.stringify({ input: { a: 1 } }),
	});
	expect(run.status).toBe(200);
	const refused = await call('POST', '/serverless', {
		name: 'x',
		image: 'i',
		type: 'LOAD_BALANCER',
		gpu: { pools: ['ADA_24'] },
		scaling: { type: 'QUEUE_DELAY', queueDelay: 0.4 },
	});
	expect(refused.status).toBe(422);
	expect((await call('DELETE', `/serverless/${made.body.id}`)).status).toBe(204);
	expect((await call('GET', '/serverless')).body).toEqual({ endpoints: [] });
	expect(snapshot().openJobs).toEqual([]);
});
