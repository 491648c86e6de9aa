/** Pod > Create: one Pod for its owner, whatever is answered and whatever was there before. */
import { everything, runNode, startNode } from './harness.mts';
import {
	account,
	accountUrl,
	callsOf,
	dataOf,
	failed,
	fault,
	GPU,
	ledger,
	makePod,
	one,
	openPods,
	podSetup,
	textOf,
	useAccount,
} from './managed.mts';

useAccount();

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
		url: `${accountUrl()}/_pods/${first.id}-8000`,
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
		const reply = { kind: 'reply' as const, status: 502, accepted: true };
		fault('pod-create', kind === 'reply' ? reply : { kind: 'cut', accepted: true });
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
	account().addPodScript({ script: { provisionMs: 0, startMs: 0, end: 'ERROR' } });
	const options = { maxTries: 2, failureBackoffS: 0 };
	const { error } = await failed(podSetup({ podOptions: options }));
	expect(error!.message).toBe("Pod 'n8n-runpod-captions' is ERROR instead of becoming ready");
	expect(error!.description).toContain('It was terminated.');
	expect(error!.context!.data).toMatchObject({
		code: 'POD_NOT_READY',
		failure_count: 2,
		terminated: true,
	});
	expect(callsOf('pod-create')).toHaveLength(2);
	expect(openPods()).toEqual([]);
});

test('a page of the proxy does not count as healthy', async () => {
	account().addPodScript({
		script: { provisionMs: 0, startMs: 0, app: { placeholderMs: 2500 } },
	});
	const pod = await one(podSetup());
	expect(Number(pod.ready_after_s)).toBeGreaterThanOrEqual(2.5);
});

test('Stop while it waits leaves no Pod', async () => {
	account().addPodScript({ script: { provisionMs: 0, startMs: 600_000 } });
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

test('a template instead of an image; the spec wins over the form', async () => {
	account().account.change({
		templates: { tpl1: { image: 'me/of-template:1', ports: ['8000/http'] } },
	});
	const podSpec = JSON.stringify({
		gpu_type_id: 'Emulated GPU 48',
		volume_gb: 0,
		extra_payload: { dataCenterId: 'EM-2' },
	});
	const pod = await makePod({ image: '', templateId: 'tpl1', podOptions: { podSpec } });
	expect(pod).toMatchObject({
		gpu: 'Emulated GPU 48',
		image: 'me/of-template:1',
		data_center: 'EM-2',
	});
	expect(callsOf('pod-create')[0].body).toEqual({
		name: 'n8n-runpod-captions',
		templateId: 'tpl1',
		gpu: { id: 'Emulated GPU 48', count: 1 },
		cloud: 'SECURE',
		dataCenterIds: ['EM-2'],
		disk: 50,
		ports: ['8000/http'],
		env: {},
		startSsh: false,
		startJupyter: false,
	});
});

test('a pool that the key may not use is passed over', async () => {
	fault('pod-create', { kind: 'reply', status: 403, body: { detail: 'no access to this pool' } });
	const pod = await makePod({ gpuTypes: [GPU, 'Emulated GPU 48'] });
	expect(pod).toMatchObject({
		gpu: 'Emulated GPU 48',
		answers: [`${GPU} (SECURE): no access to this pool`],
	});
});

test('metrics and a warm-up request have to be answered, too', async () => {
	const answers = { '/runsync': { status: 200, body: { status: 'COMPLETED' } } };
	account().addPodScript({ script: { provisionMs: 0, startMs: 0, app: { answers } } });
	const warmUpBody = '{"input": {"route": "health"}}';
	const pod = await one(podSetup({ readiness: { metricsPath: '/metrics', warmUpBody } }));
	expect(pod).toMatchObject({ state: 'ready', health: 'PASSED' });
	const asked = ledger().podCalls.map(({ method, path }) => `${method} ${path}`);
	expect(asked).toEqual(['GET /health', 'GET /health', 'GET /metrics', 'POST /runsync']);
});

test('a warm-up that fails is told, and the Pod goes', async () => {
	const answers = { '/prompt': { status: 400, body: { error: 'no such node' } } };
	account().addPodScript({ script: { provisionMs: 0, startMs: 0, app: { answers } } });
	const readiness = { warmUpPath: '/prompt', warmUpBody: '{"prompt": {}}' };
	const outcome = await failed(podSetup({ healthPath: '/queue', readiness }));
	expect(textOf(outcome)).toContain(
		'It is healthy, but the answer at /prompt was HTTP 400 (no such node).',
	);
	expect(dataOf(outcome)).toMatchObject({ code: 'POD_NOT_READY', terminated: true });
	expect(openPods()).toEqual([]);
});

test('On Timeout: Keep leaves the Pod and says what it costs', async () => {
	account().addPodScript({ script: { provisionMs: 0, startMs: 0, end: 'EXITED' } });
	const outcome = await failed(podSetup({ onTimeout: 'keep' }));
	expect(textOf(outcome)).toMatch(
		/is EXITED instead of becoming ready.*It still exists and costs \$/s,
	);
	expect(dataOf(outcome)).toMatchObject({ pod_id: openPods()[0], terminated: false });
});

describe('the Pod of the owner is there already', () => {
	const change = (status: 'EXITED' | 'ERROR') =>
		account().changePod('n8n-runpod-captions', { status });

	test.each(['EXITED', 'ERROR'] as const)(
		'%s: it is started, with its volume disk',
		async (status) => {
			const { id } = await one(podSetup());
			change(status);
			expect(await one(podSetup())).toMatchObject({ id, created: false, state: 'ready' });
			expect(callsOf('pod-delete')).toEqual([]);
			expect(ledger().pods).toMatchObject([{ status: 'RUNNING', actions: [{ action: 'start' }] }]);
		},
	);

	test('ERROR, and its machine is full: it is kept, and what holds it is told', async () => {
		const { id } = await makePod();
		change('ERROR');
		const detail = 'There are not enough free GPUs on the host machine to start this pod.';
		fault('pod-action', { kind: 'reply', status: 400, body: { detail } });
		const outcome = await failed(podSetup());
		expect(textOf(outcome)).toContain(
			`Pod 'n8n-runpod-captions' (${String(id)}) is ERROR and was kept with its volume disk (50 GB), which may hold work.`,
		);
		expect(dataOf(outcome)).toMatchObject({ code: 'NO_CAPACITY', pod_id: id });
		expect(openPods()).toEqual([id]);
		expect(callsOf('pod-create')).toHaveLength(1);
	});

	test('ERROR without a volume disk: nothing is lost, so it is replaced, and told', async () => {
		const { id } = await makePod({ volumeDiskGb: 0 });
		change('ERROR');
		const outcome = await runNode(podSetup({ volumeDiskGb: 0 }));
		expect(outcome.items[0].json).toMatchObject({ created: true, state: 'ready' });
		expect(openPods()).toEqual([outcome.items[0].json.id]);
		expect(openPods()).not.toContain(id);
		expect(everything(outcome)).toContain('had the status ERROR and no volume disk: replaced.');
	});
});

describe('two Pods of one name', () => {
	test('of a request whose answer was lost and that shows up late: one is left', async () => {
		fault('pods', { kind: 'reply', status: 200, body: { pods: [] } }, 3);
		fault('pod-create', { kind: 'reply', status: 502, accepted: true });
		const pod = await one(podSetup());
		expect(callsOf('pod-create')).toHaveLength(2);
		const [first, second] = ledger().pods;
		expect(pod).toMatchObject({ id: first.id, created: true, state: 'ready' });
		expect([first.status, second.status]).toEqual(['RUNNING', 'TERMINATED']);
	});

	test('of two runs at the same time: both go on with the older one', async () => {
		fault('pod-create', { kind: 'slow', delayMs: 1500 }, 2);
		const pods = await Promise.all([one(podSetup()), one(podSetup())]);
		expect(openPods()).toEqual([ledger().pods[0].id]);
		expect(pods.map(({ id }) => id)).toEqual([openPods()[0], openPods()[0]]);
	});
});
