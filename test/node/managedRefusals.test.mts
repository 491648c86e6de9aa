/** What RunPod's management API refuses, and what is lost on the way: told, waited for, never paid twice. */
import { existsSync } from 'node:fs';
import {
	account,
	callsOf,
	dataOf,
	failed,
	fault,
	GPU,
	jsons,
	ledger,
	makePod,
	managed,
	one,
	openPods,
	podSetup,
	textOf,
	useAccount,
	withKey,
} from './managed.mts';
import { KEY, locator } from './platform.mts';

useAccount();

const document = process.env.RUNPOD_OPENAPI;
const why =
	document === undefined
		? ' (set RUNPOD_OPENAPI to the path of https://api.runpod.io/v2/openapi.json)'
		: '';
(document === undefined ? test.skip : test)(
	`requests are checked against the published document${why}`,
	() => {
		expect(existsSync(document!)).toBe(true);
	},
);

const lists: Array<[string, string, () => ReturnType<typeof managed>]> = [
	['pods', 'list Pods', () => managed('pod', 'getAll')],
	['serverless-list', 'list endpoints', () => managed('endpoint', 'getAll')],
	['volume-list', 'list network volumes', () => managed('networkVolume', 'getAll')],
	['catalog-gpus', 'read the catalog of GPU types', () => managed('gpuType', 'getAll')],
	['billing', 'read bills', () => managed('billing', 'get')],
];

test('a wrong key', async () => {
	const outcome = await failed(withKey(podSetup(), 'rpa_wrong'));
	expect(outcome.error!.message).toBe('The API key was not accepted.');
	expect(openPods()).toEqual([]);
});

test.each(lists)(
	'%s: a key without the right to %s is told which right it lacks',
	async (_, to, setup) => {
		account().keys.add({ key: 'rpa_jobs_only', name: 'jobs', management: false } as never);
		const outcome = await failed(withKey(setup(), 'rpa_jobs_only'));
		expect(outcome.error!.message).toBe(`The key is valid but may not ${to}.`);
		expect(outcome.error!.description).toContain('Settings > API Keys');
		expect(dataOf(outcome)).toMatchObject({ code: 'FORBIDDEN', http_status: 403 });
	},
);

test('a key that may read but not create makes nothing', async () => {
	fault('pod-create', { kind: 'reply', status: 403 }, 10);
	const outcome = await failed(podSetup());
	expect(outcome.error!.message).toBe('The key is valid but may not create Pods.');
	expect(openPods()).toEqual([]);
});

test.each(lists)(
	'%s: too many requests are waited for as long as RunPod asks',
	async (operation, _, setup) => {
		fault(operation, { kind: 'reply', status: 429, retryAfter: 1 });
		await jsons(setup());
		const [first, second] = callsOf(operation);
		expect([first.status, second.status]).toEqual([429, 200]);
		expect(second.at - first.at).toBeGreaterThanOrEqual(1000);
	},
);

test('too many requests without an end', async () => {
	fault('pods', { kind: 'reply', status: 429, retryAfter: 0 }, 10);
	const outcome = await failed(managed('pod', 'getAll'));
	expect(textOf(outcome)).toBe(
		"RunPod answered 'too many requests' 5 times RunPod counts requests per minute, hour and day. Run less often.",
	);
	expect(callsOf('pods')).toHaveLength(5);
});

test('too many requests at the creation: the same GPU type is asked for again', async () => {
	fault('pod-create', { kind: 'reply', status: 429, retryAfter: 1 });
	expect(await makePod({ gpuTypes: [GPU, 'Emulated GPU 48'] })).toMatchObject({
		gpu: GPU,
		answers: [],
	});
	const [first, second] = callsOf('pod-create');
	expect(second.at - first.at).toBeGreaterThanOrEqual(1000);
	expect(openPods()).toHaveLength(1);
});

test('no credit: nothing is created, and no other GPU type is tried', async () => {
	account().account.change({ balance: 0.5 });
	const outcome = await failed(podSetup({ gpuTypes: [GPU, 'Emulated GPU 48'] }));
	expect(outcome.error!.message).toMatch(/^The account has not enough credit: /);
	expect(outcome.error!.description).toContain('a Pod needs at least one hour of it');
	expect(dataOf(outcome)).toMatchObject({ code: 'NO_CREDIT', http_status: 402 });
	expect(callsOf('pod-create')).toHaveLength(1);
	expect(openPods()).toEqual([]);
});

test.each([
	['serverless-create', () => managed('endpoint', 'create', { preset: 'playground' })],
	[
		'volume-create',
		() => managed('networkVolume', 'create', { name: 'v', dataCenter: locator('EM-1') }),
	],
])('no credit for %s', async (operation, setup) => {
	fault(operation, { kind: 'reply', status: 402, body: { detail: 'add funds' } });
	const outcome = await failed(setup());
	expect(outcome.error!.message).toBe('The account has not enough credit: add funds');
	expect(callsOf(operation)).toHaveLength(1);
});

test('a body that breaks the contract is never sent again, and every reason is told', async () => {
	const errors = ['$.disk: must be at most 40', "$: additional properties 'x' not allowed"];
	fault(
		'pod-create',
		{ kind: 'reply', status: 422, body: { detail: 'Request validation failed.', errors } },
		5,
	);
	const outcome = await failed(podSetup({ gpuTypes: [GPU, 'Emulated GPU 48'] }));
	for (const reason of errors) expect(textOf(outcome)).toContain(reason);
	expect(callsOf('pod-create')).toHaveLength(1);
});

describe('an answer 5xx', () => {
	test.each(lists)('%s: to a question it is asked again', async (operation, _, setup) => {
		fault(operation, { kind: 'reply', status: 503 });
		await jsons(setup());
		expect(
			callsOf(operation)
				.slice(0, 2)
				.map(({ status }) => status),
		).toEqual([503, 200]);
	});

	test.each([true, false])('to a creation that was heard: %s - one Pod', async (accepted) => {
		fault('pod-create', { kind: 'reply', status: 500, accepted });
		expect(await one(podSetup())).toMatchObject({ created: true, state: 'ready' });
		expect(ledger().pods).toHaveLength(1);
		expect(callsOf('pod-create')).toHaveLength(accepted ? 1 : 2);
	});

	test.each([true, false])('to a volume that was heard: %s - one volume', async (accepted) => {
		fault('volume-create', { kind: 'cut', accepted });
		const setup = () =>
			managed('networkVolume', 'create', { name: 'models', dataCenter: locator('EM-1') });
		expect(await one(setup())).toMatchObject({ created: true });
		expect(await jsons(managed('networkVolume', 'getAll'))).toHaveLength(1);
		expect(callsOf('volume-create')).toHaveLength(accepted ? 1 : 2);
	});

	test('to a change: it is sent again, because it names the end and not the step', async () => {
		fault('serverless-update', { kind: 'reply', status: 502, accepted: true });
		const pause = managed('endpoint', 'update', {
			managedEndpoint: locator('studio1'),
			change: 'pause',
		});
		expect(await one(pause)).toMatchObject({ state: 'PAUSED' });
		expect(callsOf('serverless-update')).toHaveLength(2);
	});

	test('to a termination: it is sent again, and gone is gone', async () => {
		const { id } = await makePod();
		fault('pod-delete', { kind: 'cut', accepted: true });
		const outcome = await one(managed('pod', 'terminate', { pod: locator(String(id)) }));
		expect(outcome).toMatchObject({ terminated: true });
		expect(openPods()).toEqual([]);
	});
});

test('the log of a worker is a stream without an end: its last lines are read, and it is left', async () => {
	const lines = Array.from({ length: 60 }, (_, n) => `line ${n} with Bearer ${KEY}`);
	account().account.change({ logs: { 'scripted-1': lines } });
	account().addScript({ script: { error: 'JOB_FAILED: the model is broken' } });
	const health = managed('endpoint', 'getHealth', {
		managedEndpoint: locator('studio1'),
		includeDiagnostics: true,
	});
	const { diagnostics } = (await one(health)) as {
		diagnostics: { log: string[]; worker: unknown; failure: object };
	};
	expect(diagnostics.failure).toMatchObject({
		message: expect.stringContaining('the model is broken'),
	});
	expect(diagnostics.log).toHaveLength(50);
	expect(diagnostics.log[0]).toContain('line 10');
	const [asked] = callsOf('worker-logs');
	expect(asked.path).toMatch(/\?tail=50$/);
});

test.each(['get', 'update', 'purgeQueue', 'warmUp', 'getHealth'])(
	'%s of an endpoint of somebody else',
	async (operation) => {
		const setup = managed('endpoint', operation, {
			managedEndpoint: locator('foreign'),
			fields: { maxWorkers: 1 },
		});
		const outcome = await failed(setup);
		expect(outcome.error!.message).toBe(
			"Endpoint 'foreign' was not found with this key. A key sees only its own account.",
		);
	},
);
