/** Endpoints: deployed, watched, changed, warmed up and deleted, on n8n's engine and the emulated account. */
import type { INodeParameters } from 'n8n-workflow';
import type { Setup } from './harness.mts';
import {
	account,
	accountUrl,
	callsOf,
	failed,
	jsons,
	ledger,
	managed,
	one,
	useAccount,
} from './managed.mts';
import { KEY, locator } from './platform.mts';

useAccount();

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
		expect(callsOf('serverless-create')).toHaveLength(1);
	});

	test('an answer 500 after the creation makes no second endpoint', async () => {
		account().addFault({
			endpoint: 'management',
			operation: 'serverless-create',
			times: 1,
			fault: { kind: 'reply', status: 500, accepted: true },
		});
		expect(await one(create())).toMatchObject({ created: true });
		expect(callsOf('serverless-create')).toHaveLength(1);
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
		expect(await one(gone)).toEqual({ deleted: true, id, was_gone: false });
		const { error } = await failed(
			managed('endpoint', 'get', { managedEndpoint: locator(String(id)) }),
		);
		expect(error!.message).toContain(`Endpoint '${id}' was not found with this key.`);
	});

	test('an endpoint with waiting jobs is not deleted, its queue is purged', async () => {
		await fetch(`${accountUrl()}/v2/studio1/run`, {
			method: 'POST',
			headers: { authorization: `Bearer ${KEY}` },
			body: JSON.stringify({ input: { a: 1 } }),
		});
		const endpoint = { managedEndpoint: locator('studio1') };
		const { error } = await failed(managed('endpoint', 'delete', endpoint));
		expect(error!.message).toBe("Endpoint 'studio1' still has 1 jobs that wait or run.");
		expect(callsOf('serverless-delete')).toEqual([]);
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

	test('Force deletes an endpoint with its jobs', async () => {
		await fetch(`${accountUrl()}/v2/studio1/run`, {
			method: 'POST',
			headers: { authorization: `Bearer ${KEY}` },
			body: JSON.stringify({ input: { a: 1 } }),
		});
		const forced = managed('endpoint', 'delete', {
			managedEndpoint: locator('studio1'),
			force: true,
		});
		expect(await one(forced)).toEqual({ deleted: true, id: 'studio1', was_gone: false });
		expect(await one(forced)).toMatchObject({ was_gone: true });
	});

	test('a key that may not read the health deletes nothing, and is told why', async () => {
		account().addFault({ operation: 'health', fault: { kind: 'reply', status: 403 } });
		const { error } = await failed(
			managed('endpoint', 'delete', { managedEndpoint: locator('studio1') }),
		);
		expect(error!.message).toContain(
			'may not read the health of the endpoint, which tells whether jobs run',
		);
		expect(callsOf('serverless-delete')).toEqual([]);
	});

	test('health of all endpoints: one item each, with the word for each', async () => {
		account().setEndpoint({ id: 'night', workersMax: 0 });
		account().setEndpoint({ id: 'full', workersMax: 2, workers: { throttled: 1 } });
		const all = await jsons(managed('endpoint', 'getHealth', { scope: 'all' }));
		expect(all.map(({ endpoint_id, state }) => [endpoint_id, state])).toEqual([
			['studio1', 'IDLE'],
			['night', 'PAUSED'],
			['full', 'THROTTLED'],
		]);
		expect(all[1]).toMatchObject({
			id: 1,
			title: 'night',
			status: 'PAUSED',
			message: 'It is paused or scaled to zero.',
			model_count: null,
			auto_refresh: false,
			max_concurrent: 0,
			total_backends: 3,
		});
	});

	test('diagnostics: one JSON with versions, settings and the answer of a worker', async () => {
		const output = {
			status: 'healthy',
			version: '1.0.0',
			gpu: { name: 'G' },
			models: ['a', 'b'],
			settings: { model_set: 'core' },
		};
		account().addScript({ script: { output } });
		account().account.change({ logs: { 'scripted-1': ['create container', 'ready'] } });
		const health = managed('endpoint', 'getHealth', {
			managedEndpoint: locator('studio1'),
			includeDiagnostics: true,
		});
		expect(await one(health)).toMatchObject({
			model_count: 2,
			diagnostics: {
				package_version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
				worker: output,
				worker_id: 'scripted-1',
				endpoint: { workers_max: 3 },
				timeouts: { ready_timeout_s: 600 },
				log: ['[CREATE] create container', '[LOG] ready'],
			},
		});
	});

	test('warm up: a paused endpoint is told before a job is sent, or allowed a worker', async () => {
		account().setEndpoint({ id: 'studio1', workersMax: 0 });
		const warm = (raiseMaxWorkers: boolean) =>
			managed('endpoint', 'warmUp', { managedEndpoint: locator('studio1'), raiseMaxWorkers });
		const { error } = await failed(warm(false));
		expect(error!.message).toBe("Endpoint 'studio1' has 0 max workers.");
		expect(ledger().submits).toEqual([]);
		const output = { status: 'healthy', version: '1.0.0', cold_start: true, model_set: 'core' };
		account().addScript({ script: { output } });
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
