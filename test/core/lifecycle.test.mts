/** Tables of event sequences: what the node does after what. */
import { next } from '../../nodes/RunPod/core/lifecycle.ts';
import type { Reply } from '../../nodes/RunPod/core/reply.ts';
import { attachedRun, newRun } from '../../nodes/RunPod/core/run.ts';
import type { Action, Event, Policy, Run } from '../../nodes/RunPod/core/run.ts';
import { drive, JOB_ID, policyWith, START } from './world.mts';
import type { World } from './world.mts';

const ok = (body: unknown): Reply => ({ kind: 'ok', status: 200, body });
const http = (status: number, body: unknown = '', retryAfterMs?: number): Reply => ({
	kind: 'http',
	status,
	body,
	retryAfterMs,
});
const job = (status: string, more: object = {}): Reply => ok({ id: JOB_ID, status, ...more });

/** One row: what happened `at` ms after the start, and what the node does about it. */
type Row = [
	at: number,
	event: 'start' | 'woke' | 'stop' | ['submitted' | 'read' | 'cancelled', Reply],
	action: string,
];

const short = (action: Action): string => {
	if (action.type === 'wait') return `wait ${action.ms}`;
	if (action.type === 'fail') return `fail ${action.failure.code}`;
	if (action.type === 'cancel') return `cancel ${action.reason}`;
	return action.type;
};

function play(
	rows: Row[],
	policy: Policy = policyWith(),
	first: Run = newRun(),
): { run: Run; action: Action } {
	let step: { run: Run; action: Action } = { run: first, action: { type: 'submit' } };
	for (const [at, what, expected] of rows) {
		const now = START + at;
		let event: Event;
		if (what === 'start' || what === 'woke') event = { type: what };
		else if (what === 'stop') event = { type: 'stop', reason: 'canceled' };
		else if (what[0] === 'cancelled') event = { type: 'cancelled', reply: what[1] };
		else event = { type: what[0], reply: what[1], sentAt: now };
		step = next(step.run, event, policy, now, 0.5);
		expect(`${at} ${short(step.action)}`).toBe(`${at} ${expected}`);
	}
	return step;
}

const submitted: Row[] = [
	[0, 'start', 'submit'],
	[0, ['submitted', job('IN_QUEUE')], 'wait 2000'],
];

const failureOfEnd = (action: Action) => {
	if (action.type !== 'fail') throw new Error(`not a failure: ${action.type}`);
	return action.failure;
};

describe('polling', () => {
	it('reads one interval after the submit, then at each interval, then hands on the result', () => {
		play([
			...submitted,
			[2000, 'woke', 'read'],
			[2000, ['read', job('IN_QUEUE')], 'wait 2000'],
			[4000, 'woke', 'read'],
			[4000, ['read', job('IN_PROGRESS')], 'wait 2000'],
			[6000, 'woke', 'read'],
			[6000, ['read', job('COMPLETED', { output: { image: 'x' } })], 'succeed'],
		]);
	});

	it('takes a final answer of Sync, and goes on with the same job after any other', () => {
		play([
			[0, 'start', 'submit'],
			[900, ['submitted', job('COMPLETED', { output: {} })], 'succeed'],
		]);
		play([
			[0, 'start', 'submit'],
			[90_000, ['submitted', job('IN_PROGRESS')], 'wait 2000'],
			[92_000, 'woke', 'read'],
		]);
	});

	it('takes RUNNING for running and an unknown word for not final', () => {
		const { run } = play([
			...submitted,
			[2000, ['read', job('RUNNING')], 'wait 2000'],
			[4000, ['read', job('MIGRATING')], 'wait 2000'],
		]);
		expect(run.phase).toBe('run');
		play(
			[...submitted, [6000, ['read', job('MIGRATING')], 'cancel deadline']],
			policyWith({ queueTimeoutMs: 6000 }),
		);
	});

	it('hands the id over at once where nobody waits', () => {
		const { action } = play(
			[
				[0, 'start', 'submit'],
				[0, ['submitted', job('IN_QUEUE')], 'handOver'],
			],
			policyWith({ until: 'submit' }),
		);
		expect(action).toMatchObject({ job: { id: JOB_ID, state: 'IN_QUEUE' } });
	});

	it('looks one time where one look was asked for', () => {
		const once = policyWith({ until: 'once', totalTimeoutMs: 30_000 });
		play(
			[
				[0, 'start', 'read'],
				[0, ['read', job('IN_PROGRESS')], 'handOver'],
			],
			once,
			attachedRun(JOB_ID),
		);
		play(
			[
				[0, 'start', 'read'],
				[0, ['read', job('COMPLETED', { output: 1 })], 'succeed'],
			],
			once,
			attachedRun(JOB_ID),
		);
		play(
			[
				[0, 'start', 'read'],
				[0, ['read', job('FAILED', { error: 'x' })], 'fail JOB_FAILED'],
			],
			once,
			attachedRun(JOB_ID),
		);
	});
});

describe('the end comes nearer', () => {
	const progress = (percent: number): Reply =>
		job('IN_PROGRESS', { executionTime: 1000, output: { percent } });

	it('reads where the progress says that the job ends, at most twice a second', () => {
		play([
			...submitted,
			[2000, ['read', progress(50)], 'wait 1100'],
			[3100, ['read', progress(99)], 'wait 500'],
		]);
	});

	it('does not believe the first percents', () => {
		play([...submitted, [2000, ['read', progress(5)], 'wait 2000']]);
	});

	it('reads where earlier jobs of the run ended, but the first time after one interval', () => {
		const peers = { runMs: [700, 600, 800], blockedUntil: 0 };
		play(
			[...submitted, [2000, ['read', job('IN_PROGRESS', { executionTime: 100 })], 'wait 700']],
			policyWith({ peers }),
		);
	});

	it('waits as long as another job of the run was asked to', () => {
		const peers = { runMs: [], blockedUntil: START + 9000 };
		play(
			[...submitted.slice(0, 1), [0, ['submitted', job('IN_QUEUE')], 'wait 9000']],
			policyWith({ peers }),
		);
	});
});

describe('submitting', () => {
	it.each([
		['429', http(429)],
		['a refused connection', { kind: 'refused', detail: 'refused' } as Reply],
	])('repeats after %s', (_name, reply) => {
		play([
			[0, 'start', 'submit'],
			[0, ['submitted', reply], 'wait 750'],
			[750, 'woke', 'submit'],
			[750, ['submitted', job('IN_QUEUE')], 'wait 2000'],
		]);
	});

	it('waits as long as Retry-After says', () => {
		play([
			[0, 'start', 'submit'],
			[0, ['submitted', http(429, '', 4000)], 'wait 4500'],
		]);
	});

	it('gives up after several refusals, with nothing to cancel', () => {
		let step = next(newRun(), { type: 'start' }, policyWith(), START);
		for (let turn = 0; step.action.type !== 'fail' && turn < 50; turn += 1) {
			const event: Event =
				step.action.type === 'submit'
					? { type: 'submitted', reply: http(429), sentAt: START }
					: { type: 'woke' };
			step = next(step.run, event, policyWith(), START);
		}
		expect(failureOfEnd(step.action)).toMatchObject({
			code: 'RATE_LIMITED',
			message: "RunPod answered 'too many requests' 6 times",
			details: { job_id: null },
		});
	});

	it.each<[string, Reply]>([
		['524', http(524, '<html>')],
		['502', http(502)],
		['a cut connection', { kind: 'cut', detail: 'the connection was cut' }],
		['a timeout', { kind: 'timeout', detail: 'no answer within 95 s' }],
		['a reply without an id', ok({ hello: 1 })],
	])('never repeats after %s, and tells the time of the submit', (_name, reply) => {
		const { action } = play([
			[0, 'start', 'submit'],
			[0, ['submitted', reply], 'fail NETWORK'],
		]);
		const { message, description, details } = failureOfEnd(action);
		expect(message).toContain('may be running');
		expect(message).toContain(new Date(START).toISOString());
		expect(description).toContain('could pay twice');
		expect(details).toMatchObject({ outcome: 'unknown', job_id: null, endpoint_id: 'endpoint' });
	});

	it.each<[number, unknown, string, string]>([
		[401, {}, 'UNAUTHORIZED', 'The API key was not accepted.'],
		[403, {}, 'FORBIDDEN', "This key may not run jobs on endpoint 'endpoint'."],
		[
			404,
			{ detail: 'endpoint not found' },
			'ENDPOINT_NOT_FOUND',
			"Endpoint 'endpoint' was not found with this key. A key sees only its own account.",
		],
		[
			400,
			{ error: 'not allowed for QB API' },
			'INVALID_INPUT',
			'The request was refused: not allowed for QB API',
		],
	])('ends after %i', (status, body, code, message) => {
		const { action } = play([
			[0, 'start', 'submit'],
			[0, ['submitted', http(status, body)], `fail ${code}`],
		]);
		expect(failureOfEnd(action).message).toBe(message);
	});
});

describe('reading', () => {
	it('backs off after 429 and 5xx, with Retry-After as the least', () => {
		play([
			...submitted,
			[2000, ['read', http(429, '', 10_000)], 'wait 10500'],
			[12_500, 'woke', 'read'],
			[12_500, ['read', http(503)], 'wait 2000'],
			[14_500, 'woke', 'read'],
			[14_500, ['read', http(503)], 'wait 3000'],
			[17_500, ['read', job('COMPLETED', { output: 1 })], 'succeed'],
		]);
	});

	it('bears with 404 for 150 s after a submit of its own, and not longer', () => {
		const unknown = http(404, { status: 404, title: 'Not Found', detail: 'job not found' });
		play(
			[
				...submitted,
				[2000, ['read', unknown], 'wait 2000'],
				[149_000, ['read', unknown], 'wait 2000'],
				[151_000, ['read', unknown], 'fail RESULT_EXPIRED'],
			],
			policyWith({ queueTimeoutMs: 900_000 }),
		);
		const { action } = play(
			[
				[0, 'start', 'read'],
				[0, ['read', unknown], 'fail RESULT_EXPIRED'],
			],
			policyWith(),
			attachedRun(JOB_ID),
		);
		expect(failureOfEnd(action)).toMatchObject({
			message: `Job '${JOB_ID}' is not known any more.`,
			description: 'Results are kept 30 minutes after /run and 1 minute after /runsync.',
		});
	});

	it('tells the job id when the key is refused in the middle', () => {
		const { action } = play([...submitted, [2000, ['read', http(401)], 'fail UNAUTHORIZED']]);
		expect(failureOfEnd(action).details.job_id).toBe(JOB_ID);
		expect(failureOfEnd(action).description).toContain('Poll Status');
	});
});

describe('deadlines', () => {
	it('counts the time in the queue, looks a last time, cancels and says so', () => {
		const { action } = play(
			[
				...submitted,
				[4000, ['read', job('IN_QUEUE')], 'wait 1000'],
				[5000, 'woke', 'read'],
				[5000, ['read', job('IN_QUEUE')], 'cancel deadline'],
				[5100, ['cancelled', job('CANCELLED')], 'fail WORKER_START_TIMEOUT'],
			],
			policyWith({ queueTimeoutMs: 5000 }),
		);
		const { message, description, details } = failureOfEnd(action);
		expect(message).toBe('Worker did not become ready within 5 seconds');
		expect(description).toMatch(
			/^Last state: CANCELLED\..*180 or 240.*The remote job was cancelled, too\.$/,
		);
		expect(details).toMatchObject({ job_id: JOB_ID, remote_job: 'done' });
	});

	it('counts the run from its begin, and the queue of a job that went back to it', () => {
		play(
			[
				...submitted,
				[4000, ['read', job('IN_PROGRESS')], 'wait 2000'],
				[8000, ['read', job('IN_PROGRESS')], 'wait 1000'],
				[8900, ['read', job('IN_QUEUE')], 'wait 1000'],
				[9900, ['read', job('IN_QUEUE')], 'cancel deadline'],
			],
			policyWith({ queueTimeoutMs: 5000, runTimeoutMs: 5000 }),
		);
	});

	it('takes the result that came while the cancel was on its way', () => {
		play(
			[
				...submitted,
				[5000, ['read', job('IN_QUEUE')], 'cancel deadline'],
				[5100, ['cancelled', job('COMPLETED', { output: 1 })], 'succeed'],
			],
			policyWith({ queueTimeoutMs: 5000 }),
		);
	});

	it('leaves the job running where that was asked for, and a foreign one always', () => {
		const leave = policyWith({ queueTimeoutMs: 5000, cancelOnStop: false });
		const { action } = play(
			[...submitted, [5000, ['read', job('IN_QUEUE')], 'fail WORKER_START_TIMEOUT']],
			leave,
		);
		expect(failureOfEnd(action).details).toMatchObject({ job_id: JOB_ID, remote_job: 'left' });
		play(
			[
				[0, 'start', 'read'],
				[7000, ['read', job('IN_PROGRESS')], 'fail RUN_TIMEOUT'],
			],
			policyWith({ totalTimeoutMs: 6000 }),
			attachedRun(JOB_ID),
		);
	});
});

describe('a stop', () => {
	it('cancels the remote job and says so', () => {
		const { action } = play([
			...submitted,
			[500, 'stop', 'cancel canceled'],
			[600, ['cancelled', job('CANCELLED')], 'fail CANCELED'],
		]);
		expect(failureOfEnd(action)).toMatchObject({
			message: 'Execution was canceled',
			description: 'The remote job was cancelled, too.',
		});
	});

	it('repeats a lost cancel for five seconds, then says that it is not sure', () => {
		const { action } = play([
			...submitted,
			[500, 'stop', 'cancel canceled'],
			[600, ['cancelled', http(502)], 'wait 400'],
			[1000, 'woke', 'cancel canceled'],
			[1100, ['cancelled', http(502)], 'wait 800'],
			[5400, ['cancelled', http(502)], 'fail CANCELED'],
		]);
		expect(failureOfEnd(action).details).toMatchObject({ job_id: JOB_ID, remote_job: 'unknown' });
	});

	it('before the submit costs nothing', () => {
		play([
			[0, 'start', 'submit'],
			[0, 'stop', 'fail CANCELED'],
		]);
	});
});

describe('on a platform as it should be', () => {
	const world: World = {
		queueMs: 800,
		runMs: 5000,
		outcome: 'COMPLETED',
		tellsProgress: true,
		faults: [],
		latencyMs: 40,
		stopAtMs: Infinity,
		stopReason: 'canceled',
		random: 0.5,
	};

	it('notices the end soon, with few reads', () => {
		for (let runMs = 1000; runMs <= 60_000; runMs += 500) {
			const { reads, endedAt, end } = drive({ ...world, runMs }, policyWith());
			const endsAt = START + world.latencyMs / 2 + world.queueMs + runMs;
			expect(end.type).toBe('succeed');
			expect(reads.length).toBeLessThanOrEqual(4 + (world.queueMs + runMs) / 2000);
			if (runMs > 4000) expect(endedAt - endsAt).toBeLessThanOrEqual(700);
		}
	});
});
