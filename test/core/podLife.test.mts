/** Decisions about Pods over time: after an answer, while waiting, when idle. */
import { afterLookUp, afterRefusal, beforeCreate, elderOf } from '../../nodes/RunPod/core/podCreate.ts';
import type { Attempt } from '../../nodes/RunPod/core/podCreate.ts';
import { judgeIdle, readTelemetry, whyUntold } from '../../nodes/RunPod/core/podIdle.ts';
import type { IdleRules } from '../../nodes/RunPod/core/podIdle.ts';
import { firstReady, nextReady } from '../../nodes/RunPod/core/podReady.ts';
import type { ReadyEvent } from '../../nodes/RunPod/core/podReady.ts';
import { readPod } from '../../nodes/RunPod/core/pods.ts';
import { refusalOf } from '../../nodes/RunPod/core/refusal.ts';
import type { Reply } from '../../nodes/RunPod/core/reply.ts';

type Failed = Exclude<Reply, { kind: 'ok' }>;
const http = (status: number, body: unknown = {}): Failed => ({ kind: 'http', status, body });
const pod = (more: object = {}) =>
	readPod({ id: 'p1', name: 'n8n-runpod-a', status: 'RUNNING', runtime: { uptime: 5 }, ...more })!;

describe('before a creation', () => {
	const name = 'n8n-runpod-a';
	const before = (statuses: Array<[string, string]>, maxPods = 0) =>
		beforeCreate(
			statuses.map(([own, status], index) => pod({ id: `p${index}`, name: own, status })),
			name,
			'n8n-runpod',
			maxPods,
		).type;

	test.each([
		['create', []],
		['create', [[name, 'TERMINATED']]],
		['create', [['n8n-runpod-ab', 'RUNNING']]],
		['adopt', [[name, 'PROVISIONING']]],
		[
			'adopt',
			[
				[name, 'ERROR'],
				[name, 'RUNNING'],
			],
		],
		['revive', [[name, 'EXITED']]],
		['replace', [[name, 'ERROR']]],
	] as Array<[string, Array<[string, string]>]>)('%s: %j', (type, pods) => {
		expect(before(pods)).toBe(type);
	});

	test('a broken Pod with a volume disk is started, not thrown away with it', () => {
		const broken = pod({ status: 'ERROR', mounts: { persistent: { size: 50, path: '/workspace' } } });
		expect(beforeCreate([broken], name, 'n8n-runpod', 0)).toEqual({ type: 'revive', pod: broken });
		const onNetwork = pod({ status: 'ERROR', mounts: { network: [{ volumeId: 'v', path: '/workspace' }] } });
		expect(beforeCreate([onNetwork], name, 'n8n-runpod', 0).type).toBe('replace');
	});

	test('of two Pods of one name the older one is kept, whoever looks', () => {
		const at = (id: string, createdAt: string, more = {}) => pod({ id, createdAt, ...more });
		const [old, young] = [at('z', '2026-01-01T00:00:00Z'), at('a', '2026-01-01T00:00:01Z')];
		expect(elderOf(young, [old, young])).toBe(old);
		expect(elderOf(old, [old, young])).toBeUndefined();
		const twin = at('b', '2026-01-01T00:00:01Z');
		expect(elderOf(twin, [young, twin])).toBe(young);
		expect(elderOf(young, [young, twin])).toBeUndefined();
		expect(elderOf(young, [at('z', '2025-01-01T00:00:00Z', { status: 'EXITED' })])).toBeUndefined();
		expect(elderOf(young, [at('z', '2025-01-01T00:00:00Z', { name: 'n8n-runpod-b' })])).toBeUndefined();
	});

	test('the limit counts living Pods of the tag, and the own one is no new one', () => {
		const others: Array<[string, string]> = [
			['n8n-runpod-b', 'RUNNING'],
			['n8n-runpod-c', 'TERMINATED'],
			['other-d', 'RUNNING'],
		];
		expect(before(others, 2)).toBe('create');
		expect(() => before(others, 1)).toThrow('RunPod session limit reached');
		expect(before([...others, [name, 'RUNNING']], 1)).toBe('adopt');
	});
});

describe('after an answer without a Pod', () => {
	const candidate = { gpu: 'A', cloud: 'SECURE' as const };
	const attempt = (more: Partial<Attempt> = {}): Attempt => ({
		candidate,
		tries: 1,
		refusals: [],
		isLast: false,
		...more,
	});
	const full = {
		title: 'Bad Request',
		status: 400,
		detail: 'There are no longer any instances available with the requested specifications.',
	};

	test.each([
		['lookUp', http(500)],
		['lookUp', { kind: 'cut', detail: 'x' }],
		['lookUp', { kind: 'timeout', detail: 'x' }],
		['again', http(429)],
		['again', { kind: 'refused', detail: 'x' }],
		['next', http(400, full)],
		['next', http(400, { detail: 'a rule' })],
		['next', http(403)],
		['fail', http(401)],
		['fail', http(402)],
		['fail', http(404)],
		['fail', http(422)],
		['fail', { kind: 'local', detail: 'x' }],
	] as Array<[string, Failed]>)('%s after %j', (type, reply) => {
		expect(afterRefusal(attempt(), reply).type).toBe(type);
	});

	const codeOf = (refusals: Failed[], last: Failed): string | undefined => {
		const before = refusals.map((reply) => ({ candidate, reply }));
		const step = afterRefusal(attempt({ refusals: before, isLast: true }), last);
		return step.type === 'fail' ? step.failure.code : undefined;
	};

	test('when every candidate was refused, the telling answer decides', () => {
		expect(codeOf([http(400, { detail: 'a rule' })], http(400, full))).toBe('NO_CAPACITY');
		expect(codeOf([http(403)], http(400, { detail: 'a rule' }))).toBe('REQUEST_REFUSED');
		expect(codeOf([http(403)], http(403))).toBe('FORBIDDEN');
	});

	test('a request that left nothing in the list is sent again, but not for ever', () => {
		expect(afterLookUp(attempt(), http(500)).type).toBe('again');
		expect(afterLookUp(attempt({ tries: 4 }), http(500)).type).toBe('fail');
		expect(afterRefusal(attempt({ tries: 4 }), http(429)).type).toBe('fail');
	});
});

describe('waiting until ready', () => {
	const policy = { timeoutMs: 60_000, pollMs: 5000, port: 8000, path: '/health' };
	const ok = (body: unknown): ReadyEvent => ({
		type: 'answer',
		reply: { kind: 'ok', status: 200, body },
	});
	const seen = (more: object = {}): ReadyEvent => ({ type: 'pod', pod: pod(more) });
	function play(events: ReadyEvent[], stepMs = 1000) {
		let run = firstReady(0);
		const actions: string[] = [];
		events.forEach((event, index) => {
			const step = nextReady(run, event, policy, index * stepMs);
			run = step.run;
			actions.push(step.action.type);
			if (step.action.type === 'fail') actions.push(step.action.failure.message);
		});
		return actions;
	}

	test('two good answers in a row, with JSON', () => {
		expect(play([seen(), ok({}), seen(), ok({})])).toEqual(['ask', 'wait', 'ask', 'ready']);
	});

	test('RUNNING without a runtime is not asked', () => {
		expect(play([seen({ status: 'PROVISIONING' }), seen({ runtime: null })])).toEqual([
			'wait',
			'wait',
		]);
	});

	test("a page of the proxy and a bad answer between two good ones don't count", () => {
		const page = ok('<html>starting</html>');
		const events = [seen(), ok({}), seen(), page, seen(), ok({}), seen(), ok([])];
		expect(play(events).at(-3)).toBe('wait');
		expect(play(events).at(-1)).toBe('ready');
		const bad: ReadyEvent = { type: 'answer', reply: http(502) };
		expect(play([seen(), ok({}), seen(), bad, seen(), ok({})]).at(-1)).toBe('wait');
	});

	test('a container that went down in between has to prove itself anew', () => {
		expect(play([seen(), ok({}), seen({ runtime: null }), seen(), ok({})]).at(-1)).toBe('wait');
	});

	test.each(['EXITED', 'ERROR', 'TERMINATED'])('%s fails at once', (status) => {
		expect(play([seen({ status })])).toEqual([
			'fail',
			`Pod 'n8n-runpod-a' is ${status} instead of becoming ready`,
		]);
	});

	test('the failure has the last status and the last answer', () => {
		const first = nextReady(firstReady(0), seen(), policy, 0).run;
		const bad = nextReady(first, { type: 'answer', reply: http(502) }, policy, 1000).run;
		const { action } = nextReady(bad, seen(), policy, 60_000);
		expect(action).toMatchObject({
			type: 'fail',
			failure: {
				code: 'POD_NOT_READY',
				message: "Pod 'n8n-runpod-a' did not become ready within 60 seconds",
				details: { pod_id: 'p1', pod_status: 'RUNNING', last_http: 502 },
			},
		});
		expect(JSON.stringify(action)).toContain('port 8000 at /health was HTTP 502');
	});
});

describe('idle Pods', () => {
	const now = 10_000_000;
	const rules: IdleRules = {
		gpuIdleS: 600,
		gpuThreshold: 0,
		requestIdleS: 900,
		when: 'both',
		action: 'terminate',
	};
	const told = (util: number, worker: object = {}) =>
		readTelemetry({ gpus: [{ utilization_gpu_percent: util }], worker });
	const long = { jobs_running: 0, gpu_idle_s: 700, request_idle_s: 1000 };

	test.each([
		[
			'idle on both clocks',
			{},
			told(0, long),
			true,
			'GPU Idle: 700 s of 600 s; No Request: 1000 s',
		],
		['the GPU works', {}, told(40, long), false, 'Not idle yet'],
		['a job runs', {}, told(0, { ...long, jobs_running: 1 }), false, 'Busy: 1 job(s) run.'],
		['somebody asked', {}, told(0, { ...long, request_idle_s: 10 }), false, 'No Request: 10 s'],
		['nothing is known', { runtime: {} }, undefined, false, 'Unknown telemetry: left alone.'],
		['it is stopped', { status: 'EXITED' }, undefined, false, 'It is EXITED'],
	])('six Pods: %s', (_, more, telemetry, isIdle, reason) => {
		const verdict = judgeIdle(pod(more), telemetry, undefined, rules, now);
		expect(verdict.isIdle).toBe(isIdle);
		expect(verdict.reason).toContain(reason);
	});

	test.each([
		[http(401), 'choose the RunPod Worker API credential that the Pod was created with'],
		[http(403), 'wants another token at /metrics'],
		[http(404, { detail: 'Not Found' }), 'The answer at /metrics was HTTP 404 (Not Found).'],
		[{ kind: 'ok', status: 200, body: {} } as Reply, 'The answer at /metrics was no telemetry.'],
	])('without telemetry the reason says why: %j', (reply, words) => {
		expect(whyUntold(reply, '/metrics')).toContain(words);
	});

	test('the platform alone tells no request, so both clocks cannot run out', () => {
		const quiet = pod({ runtime: { gpus: [{ util: 0 }] } });
		const before = { since: now - 700_000, seenAt: now - 60_000 };
		const judge = (when: IdleRules['when'], known = before) =>
			judgeIdle(quiet, undefined, known, { ...rules, when }, now);
		expect(judge('both')).toMatchObject({ isIdle: false, gpuIdleS: 700 });
		expect(judge('gpu').isIdle).toBe(true);
		expect(judge('either').isIdle).toBe(true);
		expect(judge('request')).toMatchObject({ reason: 'Unknown telemetry: left alone.' });
		// Two looks that are far apart say nothing about the time between.
		expect(judge('gpu', { since: 0, seenAt: now - 700_000 })).toMatchObject({
			isIdle: false,
			quiet: { since: now, seenAt: now },
		});
	});

	test('a load up to the threshold is quiet, above it is work', () => {
		const above = { ...rules, gpuThreshold: 5, when: 'gpu' as const };
		const before = { since: now - 700_000, seenAt: now - 60_000 };
		const judge = (util: number) =>
			judgeIdle(pod(), told(util, { gpu_idle_s: 0 }), before, above, now);
		expect(judge(5).isIdle).toBe(true);
		expect(judge(6)).toMatchObject({ isIdle: false, gpuIdleS: 0, quiet: undefined });
	});
});

test.each([
	[http(401), 'UNAUTHORIZED', 'The API key was not accepted.'],
	[
		http(402, { detail: 'no balance' }),
		'NO_CREDIT',
		'The account has not enough credit: no balance',
	],
	[http(403), 'FORBIDDEN', 'The key is valid but may not list Pods.'],
	[http(404), 'NOT_FOUND', "Pod 'p1' was not found with this key."],
	[
		http(409, { detail: 'not running' }),
		'REQUEST_REFUSED',
		'RunPod refused the request: not running',
	],
	[
		http(422, {
			detail: 'Request validation failed.',
			errors: ["$: additional properties 'image' not allowed", "$: missing property 'name'"],
		}),
		'REQUEST_REFUSED',
		"RunPod refused the request: Request validation failed. $: missing property 'name'",
	],
	[http(429), 'RATE_LIMITED', "RunPod answered 'too many requests' 1 times"],
	[http(503), 'NETWORK', 'RunPod did not list Pods: HTTP 503'],
	[
		http(400, { detail: 'There are not enough free GPUs on the host machine' }),
		'NO_CAPACITY',
		'No GPU of',
	],
])('%j is %s', (reply, code, message) => {
	const failure = refusalOf(reply, { what: 'Pod', id: 'p1', to: 'list Pods' });
	expect(failure.code).toBe(code);
	expect(failure.message).toContain(message);
});
