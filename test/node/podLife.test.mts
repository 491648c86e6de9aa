/** Pods that are there: shown, stopped, started, measured, terminated, reaped. */
import type { INodeParameters } from 'n8n-workflow';
import {
	account,
	callsOf,
	failed,
	fault,
	jsons,
	ledger,
	makePod,
	managed,
	one,
	openPods,
	podSetup,
	textOf,
	useAccount,
	withToken,
} from './managed.mts';
import { locator } from './platform.mts';

useAccount();

/** A Pod that runs, without the wait for it. */
async function running(parameters: INodeParameters = {}) {
	const pod = await makePod(parameters);
	account().changePod(String(pod.id), { status: 'RUNNING' });
	return pod;
}

test("the worker's credential gives the token and opens the metrics", async () => {
	const pod = await one(withToken(podSetup()));
	expect(ledger().requests.find(({ operation }) => operation === 'pod-create')!.body).toMatchObject(
		{
			env: { AUTH_TOKEN: 'worker-token' },
		},
	);
	const metrics = managed('pod', 'getMetrics', { pod: locator(String(pod.id)) });
	expect(await one(withToken(metrics))).toMatchObject({
		source: 'worker',
		worker: { jobs_running: 0 },
	});
	expect(await one(metrics)).toMatchObject({ source: 'platform', worker: null });
	const raw = await one(managed('pod', 'get', { pod: locator(String(pod.id)), simplify: false }));
	expect(JSON.stringify(raw)).not.toContain('worker-token');
});

test.each(['comfyui', 'swarmui'])('a Pod of %s gets no AUTH_TOKEN', async (serverType) => {
	await one(withToken(podSetup({ waitUntilReady: false }), 'worker-token', serverType));
	expect(JSON.stringify(callsOf('pod-create')[0]!.body)).not.toContain('worker-token');
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
	const { error } = await failed(managed('pod', 'terminate', { pod: locator(String(foreign.id)) }));
	expect(error!.message).toBe("Pod 'other-captions' does not carry the tag 'n8n-runpod'");
	const byTag = (dryRun: boolean) => managed('pod', 'terminate', { terminateScope: 'tag', dryRun });
	expect(await jsons(byTag(true))).toHaveLength(2);
	expect(openPods()).toHaveLength(3);
	expect(await jsons(byTag(false))).toHaveLength(2);
	expect(openPods()).toEqual([foreign.id]);
	const gone = managed('pod', 'terminate', { pod: locator('gone1') });
	expect(await one(gone)).toMatchObject({ terminated: true, was_gone: true });
});

test('idle Pods end, busy and unknown ones stay', async () => {
	const long = { gpuIdleS: 700, requestIdleS: 1000 };
	for (const name of ['idle', 'busy', 'unknown']) await running({ name });
	const set = (name: string, telemetry: object) =>
		account().changePod(`n8n-runpod-${name}`, { telemetry });
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

test('Get Many finds Pods by their tag', async () => {
	await makePod({ nameTag: 'other' });
	await makePod();
	const names = async (tagFilter: string) =>
		(await jsons(managed('pod', 'getAll', { tagFilter }))).map(({ name }) => name);
	expect(await names('other')).toEqual(['other-captions']);
	expect(await names('')).toHaveLength(2);
});

test('a foreign Pod is terminated where that is wanted', async () => {
	const { id } = await makePod({ nameTag: 'other' });
	const pod = locator(String(id));
	expect(await one(managed('pod', 'terminate', { pod, allowUntagged: true }))).toMatchObject({
		terminated: true,
	});
	expect(openPods()).toEqual([]);
});

test('a locked Pod is not stopped, and says so', async () => {
	const { id } = await running();
	account().changePod(String(id), { locked: true });
	const outcome = await failed(managed('pod', 'stop', { pod: locator(String(id)) }));
	expect(textOf(outcome)).toContain("RunPod refused the request: action 'stop' not valid");
	expect(ledger().pods[0].status).toBe('RUNNING');
});

test('an action whose answer was lost is not sent again when it was heard', async () => {
	const { id } = await running();
	fault('pod-action', { kind: 'reply', status: 502, accepted: true });
	expect(await one(managed('pod', 'stop', { pod: locator(String(id)) }))).toMatchObject({
		state: 'stopped',
	});
	expect(callsOf('pod-action')).toHaveLength(1);
});

test('Wait Until Ready keeps a Pod that ends, unless told otherwise', async () => {
	account().addPodScript({ script: { provisionMs: 0, startMs: 0, end: 'EXITED' } });
	const { id } = await makePod();
	const wait = (more = {}) =>
		managed('pod', 'waitUntilReady', { pod: locator(String(id)), ...more });
	expect(textOf(await failed(wait()))).toContain('It was kept as it is.');
	expect(openPods()).toEqual([id]);
	expect(textOf(await failed(wait({ waitOnTimeout: 'terminate' })))).toContain(
		'It was terminated.',
	);
	expect(openPods()).toEqual([]);
});

describe('Terminate Idle', () => {
	const long = { gpuIdleS: 700, requestIdleS: 1000 };
	const reap = (parameters = {}) => managed('pod', 'terminateIdle', parameters);
	async function idle(name: string) {
		await running({ name });
		account().changePod(`n8n-runpod-${name}`, { telemetry: long });
	}

	test('Stop instead of Terminate keeps the volume disk', async () => {
		await idle('one');
		expect(await one(reap({ idleAction: 'stop' }))).toMatchObject({ action: 'stop', done: true });
		expect(ledger().pods[0].status).toBe('EXITED');
		expect(await one(reap())).toMatchObject({
			action: 'none',
			reason: 'It is EXITED, not running: left alone.',
		});
	});

	test('a Pod that cannot be ended does not save the others', async () => {
		await idle('one');
		await idle('two');
		fault('pod-delete', { kind: 'reply', status: 403 });
		const items = await jsons(reap());
		expect(items.map(({ done }) => done).sort()).toEqual([false, true]);
		expect(items.find(({ done }) => done === false)!.reason).toContain(
			'It could not be ended: The key is valid but may not terminate Pods.',
		);
		expect(openPods()).toHaveLength(1);
	});

	test("a worker's telemetry wants the worker's token", async () => {
		await one(withToken(podSetup({ name: 'one', waitUntilReady: false })));
		account().changePod('n8n-runpod-one', { status: 'RUNNING' });
		account().changePod('n8n-runpod-one', { telemetry: long });
		expect(await one(reap())).toMatchObject({
			action: 'none',
			reason: expect.stringMatching(
				/^Unknown telemetry: left alone\..*choose the RunPod Worker API credential/,
			),
		});
		expect(await one(withToken(reap()))).toMatchObject({ action: 'terminate', done: true });
		expect(callsOf('pod-delete')).toHaveLength(1);
	});
});
