/**
 * The resources of the management API on n8n's engine and the emulated platform.
 * The file is longer than others: one emulated account serves all, and every body sent is checked at its end.
 */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { INodeParameters } from 'n8n-workflow';
import type { RunningEmulator } from '../../emulator/server.mts';
import { startEmulator } from '../../emulator/server.mts';
import { everything, runNode, startNode } from './harness.mts';
import type { Outcome, Setup } from './harness.mts';
import { KEY, locator } from './platform.mts';

jest.setTimeout(120_000);

const GPU = 'Emulated GPU 24';
let emulator: RunningEmulator;
/** Every body that was sent: method, path and body, for the check against the published document. */
const sent: Array<{ method: string; path: string; body: unknown }> = [];

beforeAll(async () => {
	emulator = await startEmulator({
		keys: [{ key: KEY, name: 'owner' }],
		endpoints: [{ id: 'studio1', workersMax: 3 }],
	});
});
afterAll(async () => await emulator.close());
beforeEach(() => {
	emulator.control.reset();
	emulator.control.addPodScript({ script: { provisionMs: 0, startMs: 200 } });
});
afterEach(() => {
	for (const { method, path, body, status } of ledger().requests) {
		const isManaged = path.startsWith('/management/v2/');
		// What a test makes the platform refuse says nothing about the shape.
		if (isManaged && body !== undefined && status !== 422) sent.push({ method, path, body });
	}
});

const ledger = () => emulator.control.snapshot();
const openPods = () => ledger().openPods;
const creations = (operation: string) =>
	ledger().requests.filter((request) => request.operation === operation);

function managed(
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

async function jsons(setup: Setup): Promise<Array<Record<string, unknown>>> {
	const outcome = await runNode(setup);
	if (outcome.error !== undefined) throw outcome.error;
	expect(everything(outcome)).not.toContain(KEY);
	return outcome.items.map(({ json }) => json);
}

const one = async (setup: Setup) => (await jsons(setup))[0]!;
const failed = async (setup: Setup): Promise<Outcome> => {
	const outcome = await runNode(setup);
	expect(outcome.status).toBe('error');
	expect(everything(outcome)).not.toContain(KEY);
	return outcome;
};

const podSetup = (parameters: INodeParameters = {}, setup: Partial<Setup> = {}) =>
	managed(
		'pod',
		'create',
		{
			name: 'captions',
			image: 'me/worker:1',
			gpuTypes: [GPU],
			readiness: { pollS: 1, ...((parameters.readiness ?? {}) as object) },
			...Object.fromEntries(Object.entries(parameters).filter(([name]) => name !== 'readiness')),
		},
		setup,
	);
const makePod = async (parameters: INodeParameters = {}) =>
	await one(podSetup({ waitUntilReady: false, ...parameters }));

describe('GPU types', () => {
	test('price, stock and what jobs would cost', async () => {
		const estimate = { addCostEstimate: true, secondsPerJob: 36, jobsPerMonth: 100 };
		const items = await jsons(managed('gpuType', 'getAll', { onlyInStock: true, ...estimate }));
		expect(items.map(({ id }) => id)).toEqual([GPU, 'Emulated GPU 48']);
		expect(items[0]).toMatchObject({
			label: `${GPU} - 24 GB - $1.00/h - stock HIGH`,
			pool: 'ADA_24',
			memory: 24,
			job_usd: 0.01,
			month_usd: 1,
			break_even_jobs_per_day: 2400,
		});
	});
});

describe('endpoints', () => {
	const create = (more: INodeParameters = {}, setup: Partial<Setup> = {}) =>
		managed('endpoint', 'create', { preset: 'playground', ...more }, setup);

	test('a preset deploys; the same again is the same endpoint', async () => {
		const first = await one(create());
		expect(first).toMatchObject({
			name: 'Playground-Unified-Endpoint',
			created: true,
			// The catalog of the emulated platform has no AMPERE_24.
			gpu_pools: ['ADA_24'],
			workers_max: 3,
			idle_timeout_s: 120,
			execution_timeout_s: 300,
		});
		expect(await one(create())).toMatchObject({ id: first.id, created: false });
		expect(creations('serverless-create')).toHaveLength(1);
	});

	test('an answer 500 after the creation makes no second endpoint', async () => {
		emulator.control.addFault({
			endpoint: 'management',
			operation: 'serverless-create',
			times: 1,
			fault: { kind: 'reply', status: 500, accepted: true },
		});
		expect(await one(create())).toMatchObject({ created: true });
		expect(creations('serverless-create')).toHaveLength(1);
	});

	test('update, pause, resume, list, delete', async () => {
		const { id } = await one(
			create({ endpointOptions: { environment: { variable: [{ name: 'A', value: '1' }] } } }),
		);
		const update = (parameters: INodeParameters) =>
			managed('endpoint', 'update', { managedEndpoint: locator(String(id)), ...parameters });
		const changed = await one(
			update({
				fields: { idleTimeoutS: 60, environment: { variable: [{ name: 'B', value: '2' }] } },
			}),
		);
		expect(changed).toMatchObject({ idle_timeout_s: 60, workers_max: 3 });
		expect(ledger().requests.at(-1)!.body).toMatchObject({
			workers: { idleTimeout: 60 },
			env: { A: '1', B: '2' },
		});
		expect(await one(update({ change: 'pause' }))).toMatchObject({ state: 'PAUSED' });
		expect(await one(update({ change: 'resume', maxWorkers: 2 }))).toMatchObject({
			state: 'ACTIVE',
			workers_max: 2,
		});
		const all = await jsons(managed('endpoint', 'getAll'));
		expect(all.map((endpoint) => endpoint.id)).toEqual(['studio1', id]);
		const gone = managed('endpoint', 'delete', { managedEndpoint: locator(String(id)) });
		expect(await one(gone)).toEqual({ deleted: true, id });
		const { error } = await failed(
			managed('endpoint', 'get', { managedEndpoint: locator(String(id)) }),
		);
		expect(error!.message).toContain(`Endpoint '${id}' was not found with this key.`);
	});

	test('an endpoint with waiting jobs is not deleted, its queue is purged', async () => {
		await fetch(`${emulator.url}/v2/studio1/run`, {
			method: 'POST',
			headers: { authorization: `Bearer ${KEY}` },
			body: JSON.stringify({ input: { a: 1 } }),
		});
		const endpoint = { managedEndpoint: locator('studio1') };
		const { error } = await failed(managed('endpoint', 'delete', endpoint));
		expect(error!.message).toBe("Endpoint 'studio1' still has 1 jobs that wait or run.");
		expect(creations('serverless-delete')).toEqual([]);
		expect(await one(managed('endpoint', 'getHealth', endpoint))).toMatchObject({
			endpoint_id: 'studio1',
			auto_refresh: false,
			total_backends: 1,
			max_concurrent: 3,
			jobs: { inQueue: 1 },
		});
		expect(await one(managed('endpoint', 'purgeQueue', endpoint))).toMatchObject({ removed: 1 });
		expect(await one(managed('endpoint', 'delete', endpoint))).toMatchObject({ deleted: true });
	});

	test('warm up: a paused endpoint is told before a job is sent, or allowed a worker', async () => {
		emulator.control.setEndpoint({ id: 'studio1', workersMax: 0 });
		const warm = (raiseMaxWorkers: boolean) =>
			managed('endpoint', 'warmUp', { managedEndpoint: locator('studio1'), raiseMaxWorkers });
		const { error } = await failed(warm(false));
		expect(error!.message).toBe("Endpoint 'studio1' has 0 max workers.");
		expect(ledger().submits).toEqual([]);
		const output = { status: 'healthy', version: '1.0.0', cold_start: true, model_set: 'core' };
		emulator.control.addScript({ script: { output } });
		expect(await one(warm(true))).toMatchObject({
			state: 'ready',
			version: '1.0.0',
			cold_start: true,
			models: ['core'],
			raised_max_workers: true,
		});
		expect(ledger().submits[0].input).toEqual({ route: 'health' });
	});
});

describe('Pods', () => {
	test('a new Pod is proved twice; its owner gets the same again', async () => {
		const first = await one(podSetup({ ownerKey: 'Ann Lee' }));
		expect(first).toMatchObject({
			name: 'n8n-runpod-ann-lee',
			state: 'ready',
			status: 'RUNNING',
			health: 'PASSED',
			created: true,
			failure_count: 0,
			gpu: GPU,
			cost_per_hour: 1,
			url: `${emulator.url}/_pods/${first.id}-8000`,
		});
		const asked = ledger().podCalls.filter(
			({ path, status }) => path === '/health' && status === 200,
		);
		expect(asked).toHaveLength(2);
		const again = await one(podSetup({ ownerKey: 'Ann Lee' }));
		expect(again).toMatchObject({ id: first.id, created: false });
		expect(openPods()).toEqual([first.id]);
	});

	test.each(['reply', 'cut'])(
		'a lost answer (%s) after the creation: the Pod is adopted',
		async (kind) => {
			const fault =
				kind === 'reply'
					? { kind: 'reply' as const, status: 502, accepted: true }
					: { kind: 'cut' as const, accepted: true };
			emulator.control.addFault({
				endpoint: 'management',
				operation: 'pod-create',
				times: 1,
				fault,
			});
			const pod = await one(podSetup());
			expect(pod).toMatchObject({ created: true, state: 'ready' });
			expect(openPods()).toEqual([pod.id]);
		},
	);

	test('GPU types are tried one by one, and what was refused is told', async () => {
		const pod = await makePod({ gpuTypes: ['Emulated GPU 80', 'Emulated GPU 48'], cloud: 'ANY' });
		expect(pod).toMatchObject({ gpu: 'Emulated GPU 48', cloud: 'SECURE' });
		const full = await failed(podSetup({ name: 'b', gpuTypes: ['Emulated GPU 80'], cloud: 'ANY' }));
		expect(full.error!.message).toBe('No GPU of the chosen types is free');
		expect(full.error!.description).toContain('Emulated GPU 80 (COMMUNITY)');
	});

	test('a Pod that ends instead of working is terminated, and the next try told', async () => {
		emulator.control.addPodScript({ script: { provisionMs: 0, startMs: 0, end: 'ERROR' } });
		const options = { maxTries: 2, failureBackoffS: 0 };
		const { error } = await failed(podSetup({ podOptions: options }));
		expect(error!.message).toBe("Pod 'n8n-runpod-captions' is ERROR instead of becoming ready");
		expect(error!.description).toContain('It was terminated.');
		expect(error!.context!.data).toMatchObject({
			code: 'POD_NOT_READY',
			failure_count: 2,
			terminated: true,
		});
		expect(creations('pod-create')).toHaveLength(2);
		expect(openPods()).toEqual([]);
	});

	test('a page of the proxy does not count as healthy', async () => {
		emulator.control.addPodScript({
			script: { provisionMs: 0, startMs: 0, app: { placeholderMs: 2500 } },
		});
		const pod = await one(podSetup());
		expect(Number(pod.ready_after_s)).toBeGreaterThanOrEqual(2.5);
	});

	test('Stop while it waits leaves no Pod', async () => {
		emulator.control.addPodScript({ script: { provisionMs: 0, startMs: 600_000 } });
		const { done, stop } = await startNode(podSetup());
		while (openPods().length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
		stop();
		expect((await done).status).toBe('canceled');
		expect(openPods()).toEqual([]);
	});

	test('the limit of a tag', async () => {
		await makePod({ ownerKey: 'a' });
		const { error } = await failed(podSetup({ ownerKey: 'b', podOptions: { maxPods: 1 } }));
		expect(error!.message).toBe('RunPod session limit reached');
		expect(openPods()).toHaveLength(1);
	});

	test("the worker's credential gives the token and opens the metrics", async () => {
		const credentials = (setup: Setup): Setup => ({
			...setup,
			credentials: {
				...setup.credentials,
				runPodWorkerApi: { serverType: 'studio', baseUrl: emulator.url, token: 'worker-token' },
			},
		});
		const pod = await one(credentials(podSetup()));
		expect(
			ledger().requests.find(({ operation }) => operation === 'pod-create')!.body,
		).toMatchObject({
			env: { AUTH_TOKEN: 'worker-token' },
		});
		const metrics = managed('pod', 'getMetrics', { pod: locator(String(pod.id)) });
		expect(await one(credentials(metrics))).toMatchObject({
			source: 'worker',
			worker: { jobs_running: 0 },
		});
		expect(await one(metrics)).toMatchObject({ source: 'platform', worker: null });
		const raw = await one(managed('pod', 'get', { pod: locator(String(pod.id)), simplify: false }));
		expect(JSON.stringify(raw)).not.toContain('worker-token');
	});

	test('get, stop, start, restart, list', async () => {
		const { id } = await one(podSetup());
		const run = async (operation: string) =>
			await one(managed('pod', operation, { pod: locator(String(id)) }));
		expect(await run('get')).toMatchObject({ state: 'ready', health: 'PASSED' });
		expect(await run('stop')).toMatchObject({ state: 'stopped', cost_per_hour: 0 });
		const { error } = await failed(managed('pod', 'restart', { pod: locator(String(id)) }));
		expect(error!.message).toContain('RunPod refused the request:');
		expect(await jsons(managed('pod', 'getAll', { statusFilter: 'EXITED' }))).toHaveLength(1);
		expect((await run('start')).state).toMatch(/creating|starting/);
		const waited = { pod: locator(String(id)), readiness: { pollS: 1 } };
		expect(await one(managed('pod', 'waitUntilReady', waited))).toMatchObject({ state: 'ready' });
		expect((await run('restart')).id).toBe(id);
	});

	test('a foreign Pod is not terminated; a tag ends its own alone', async () => {
		const foreign = await makePod({ nameTag: 'other' });
		await makePod({ name: 'a' });
		await makePod({ name: 'b' });
		const { error } = await failed(
			managed('pod', 'terminate', { pod: locator(String(foreign.id)) }),
		);
		expect(error!.message).toBe("Pod 'other-captions' does not carry the tag 'n8n-runpod'");
		const byTag = (dryRun: boolean) =>
			managed('pod', 'terminate', { terminateScope: 'tag', dryRun });
		expect(await jsons(byTag(true))).toHaveLength(2);
		expect(openPods()).toHaveLength(3);
		expect(await jsons(byTag(false))).toHaveLength(2);
		expect(openPods()).toEqual([foreign.id]);
		const gone = managed('pod', 'terminate', { pod: locator('gone1') });
		expect(await one(gone)).toMatchObject({ terminated: true, was_gone: true });
	});

	test('idle Pods end, busy and unknown ones stay', async () => {
		const long = { gpuIdleS: 700, requestIdleS: 1000 };
		for (const name of ['idle', 'busy', 'unknown']) await one(podSetup({ name }));
		const set = (name: string, telemetry: object) =>
			emulator.control.changePod(`n8n-runpod-${name}`, { telemetry });
		set('idle', long);
		set('busy', { ...long, jobsRunning: 1 });
		set('unknown', { known: false });
		const reap = (dryRun: boolean) => managed('pod', 'terminateIdle', { dryRun });
		const wanted = { idle: 'terminate', busy: 'none', unknown: 'none' };
		const actions = (items: Array<Record<string, unknown>>) =>
			Object.fromEntries(items.map(({ name, action }) => [String(name).slice(11), action]));
		expect(actions(await jsons(reap(true)))).toEqual(wanted);
		expect(openPods()).toHaveLength(3);
		const items = await jsons(reap(false));
		expect(actions(items)).toEqual(wanted);
		expect(items.find(({ action }) => action === 'terminate')).toMatchObject({ done: true });
		expect(openPods()).toHaveLength(2);
	});
});

describe('network volumes and bills', () => {
	test('a volume is created once, grows, never shrinks, and goes', async () => {
		const create = managed('networkVolume', 'create', {
			name: 'models',
			dataCenter: locator('EM-1'),
		});
		const first = await one(create);
		expect(first).toMatchObject({ size_gb: 100, monthly_usd: 7, created: true });
		expect(await one(create)).toMatchObject({ id: first.id, created: false });
		const update = (sizeGb: number) =>
			managed('networkVolume', 'update', {
				networkVolume: locator(String(first.id)),
				fields: { sizeGb },
			});
		expect(await one(update(200))).toMatchObject({ size_gb: 200, monthly_usd: 14 });
		const { error } = await failed(update(50));
		expect(error!.message).toContain("'Size (GB)' must be at least 200");
		const pod = await makePod({ networkVolume: locator(String(first.id)) });
		expect(pod).toMatchObject({ data_center: 'EM-1' });
		await jsons(managed('pod', 'terminate', { pod: locator(String(pod.id)) }));
		const remove = managed('networkVolume', 'delete', { networkVolume: locator(String(first.id)) });
		expect(await one(remove)).toEqual({ deleted: true, id: first.id });
	});

	test('a bill has records and their sum', async () => {
		const costs = [
			{ product: 'serverless', id: 'studio1', from: '2026-11-20T00:00:00Z', usd: 2 },
			{ product: 'serverless', id: 'other', from: '2026-11-20T00:00:00Z', usd: 3 },
		];
		emulator.control.account.change({ costs: costs as never });
		const bill = (more: INodeParameters) =>
			managed('billing', 'get', {
				scope: 'serverless',
				startTime: '2026-11-19',
				endTime: '2026-11-22',
				...more,
			});
		expect(await one(bill({}))).toMatchObject({ total_usd: 5 });
		expect(await one(bill({ endpointFilter: 'studio1' }))).toMatchObject({ total_usd: 2 });
	});
});

describe('bad input costs nothing', () => {
	const pod = (parameters: INodeParameters) => podSetup(parameters);
	const all: Array<[string, () => Setup]> = [
		["'Name' must not be empty", () => pod({ name: '' })],
		["'Image' or 'Template ID' is required", () => pod({ image: '' })],
		["'Image' and 'Template ID' exclude each other", () => pod({ templateId: 'tpl' })],
		[
			"'GPU Types' has 'RTX 9999', which RunPod does not know",
			() => pod({ gpuTypes: ['RTX 9999'] }),
		],
		[
			"'Container Disk (GB)' must be between 20 and 4096, not 10.",
			() => pod({ containerDiskGb: 10 }),
		],
		["'Pod' must be the bare ID", () => managed('pod', 'terminate', { pod: locator('a/b') })],
		[
			"'GPU Pools' has 'ADA_99', which RunPod does not know. It knows ADA_24",
			() => managed('endpoint', 'create', { name: 'a', gpuPools: ['ADA_99'] }),
		],
		["'Name Tag' must not be empty", () => managed('pod', 'terminateIdle', { nameTag: ' ' })],
		[
			"'Size (GB)' must be between 10 and 4096, not 5.",
			() =>
				managed('networkVolume', 'create', { name: 'a', dataCenter: locator('EM-1'), sizeGb: 5 }),
		],
		["'Name' must not be empty", () => managed('endpoint', 'create', {})],
		["'Start' must be a time, not 'soon'.", () => managed('billing', 'get', { startTime: 'soon' })],
	];

	test.each(all)('%s', async (text, setup) => {
		const { error } = await failed(setup());
		expect(error!.message).toContain(text);
		expect(ledger().requests.filter(({ method }) => method !== 'GET')).toEqual([]);
	});

	test('a wrong key and one without rights', async () => {
		const withKey = (apiKey: string) => {
			const setup = podSetup();
			setup.credentials.runPodApi = { ...setup.credentials.runPodApi, apiKey } as never;
			return setup;
		};
		const { error } = await runNode(withKey('rpa_wrong'));
		expect(error!.message).toBe('The API key was not accepted.');
		emulator.control.keys.add({ key: 'rpa_jobs_only', name: 'jobs', management: false } as never);
		const restricted = await runNode(withKey('rpa_jobs_only'));
		expect(restricted.error!.message).toBe('The key is valid but may not list Pods.');
		expect(openPods()).toEqual([]);
	});
});

/** The document is none of this project's files; its path stands in RUNPOD_OPENAPI. */
const document = process.env.RUNPOD_OPENAPI;
if (document === undefined) {
	console.info(
		'Skipped: the bodies that the node sends against the published document. Set RUNPOD_OPENAPI to the path of https://api.runpod.io/v2/openapi.json.',
	);
}

/** ajv 8 forgets what it has evaluated when an `if` fails: the same in other words. */
function withoutIf(_: string, value: unknown): unknown {
	if (typeof value !== 'object' || value === null || !('unevaluatedProperties' in value))
		return value;
	const { if: condition, then, allOf = [], ...rest } = value as Record<string, unknown>;
	if (condition === undefined) return value;
	return { ...rest, allOf: [...(allOf as unknown[]), { anyOf: [{ not: condition }, then] }] };
}

(document === undefined ? test.skip : test)('the published document refuses no body', () => {
	const doc = JSON.parse(readFileSync(document!, 'utf8'), withoutIf) as Record<string, any>;
	const ajv = new Ajv2020({ strict: false, allErrors: true });
	formats.default(ajv);
	ajv.addFormat('uri', true);
	ajv.addSchema(doc, 'published');
	const refused: string[] = [];
	for (const { method, path, body } of sent) {
		const parts = path.split('?')[0]!.replace('/management', '').split('/');
		const template = Object.keys(doc.paths as object).find((one) => {
			const wanted = one.split('/');
			return (
				wanted.length === parts.length &&
				wanted.every((part, n) => part.startsWith('{') || part === parts[n])
			);
		});
		const { schema } =
			doc.paths[template!][method.toLowerCase()].requestBody.content['application/json'];
		const check = ajv.compile(
			JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"published#/')) as object,
		);
		if (!check(body))
			refused.push(`${method} ${path}: ${JSON.stringify(body)} ${ajv.errorsText(check.errors)}`);
	}
	console.info(`${sent.length} bodies were checked against the published document.`);
	expect(sent.length).toBeGreaterThan(30);
	expect(refused).toEqual([]);
});
