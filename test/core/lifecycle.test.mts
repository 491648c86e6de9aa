/** Tables of event sequences: submitting, polling, the pace. The end of a job is in ending.test.mts. */
import { next } from '../../nodes/RunPod/core/lifecycle.ts';
import type { Reply } from '../../nodes/RunPod/core/reply.ts';
import { attachedRun, newRun } from '../../nodes/RunPod/core/run.ts';
import type { Event } from '../../nodes/RunPod/core/run.ts';
import { failureOfEnd, http, job, ok, play, submitted } from './play.mts';
import { drive, JOB_ID, policyWith, START } from './world.mts';
import type { World } from './world.mts';

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

	describe('where the job is watched until it has told something', () => {
		const told = policyWith({ until: 'told' });
		const running = job('IN_PROGRESS', { output: { worker_id: 'w1', percent: 0 } });

		it('hands it over with what it told, and leaves it running', () => {
			const { action } = play(
				[
					...submitted,
					[2000, ['read', job('IN_PROGRESS')], 'wait 2000'],
					[2500, ['read', running], 'handOver'],
				],
				told,
			);
			expect(action).toMatchObject({ job: { state: 'IN_PROGRESS', output: { worker_id: 'w1' } } });
		});

		it('believes after half a minute that nothing will be told', () => {
			play(
				[
					...submitted,
					[2000, ['read', job('IN_PROGRESS')], 'wait 2000'],
					[31_900, ['read', job('IN_PROGRESS')], 'wait 2000'],
					[32_000, ['read', job('IN_PROGRESS')], 'handOver'],
				],
				told,
			);
		});

		it('cancels it when it gets no worker, or the run is stopped', () => {
			play([...submitted, [120_000, ['read', job('IN_QUEUE')], 'cancel deadline']], told);
			play([...submitted, [3000, 'stop', 'cancel canceled']], told);
		});

		it('hands on what ended before', () => {
			play([...submitted, [2000, ['read', job('COMPLETED', { output: 1 })], 'succeed']], told);
		});
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
	const progressAfter = (executionTime: number, percent: number): Reply =>
		job('IN_PROGRESS', { executionTime, output: { percent } });
	const progress = (percent: number): Reply => progressAfter(1000, percent);

	it('reads where the progress says that the job ends, at most twice a second', () => {
		play([
			...submitted,
			// 50 % was reached up to 100 ms before, the time of its step: half of it is counted twice.
			[2000, ['read', progress(50)], 'wait 1000'],
			[3000, ['read', progress(99)], 'wait 500'],
		]);
	});

	it('does not move the end when the same progress is read again', () => {
		play([
			...submitted,
			[2000, ['read', progressAfter(0, 0)], 'wait 2000'],
			[8000, ['read', progressAfter(6000, 80)], 'wait 1366'],
			[9366, ['read', progressAfter(7366, 80)], 'wait 500'],
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
