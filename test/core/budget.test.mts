/** Budget Guard: what may be submitted, for how long, and that the limits hold whatever jobs cost. */
import fc from 'fast-check';
import { decide, refused, unmeasured, usdOf } from '../../nodes/RunPod/core/budget.ts';
import type { Application } from '../../nodes/RunPod/core/budget.ts';
import { judge } from '../../nodes/RunPod/core/verdict.ts';
import { play, job, submitted } from './play.mts';
import { policyWith } from './world.mts';

/** A dollar a second, so that amounts are seconds. */
const PER_HOUR = 3600;
const off = { perJob: 0, perRun: 0, perDay: 0 };
const none = { spent: 0, reserved: 0 };

const ask = (changes: Partial<Application> = {}) =>
	decide({
		limits: off,
		perHour: PER_HOUR,
		runTimeoutMs: 300_000,
		run: none,
		day: none,
		runMs: [],
		...changes,
	});

test('per job: the time is cut to budget / price, and never made longer', () => {
	expect(ask({ limits: { ...off, perJob: 20 } })).toEqual({
		type: 'submit',
		runTimeoutMs: 20_000,
		reserveUsd: 20,
		cappedBy: 'perJob',
	});
	expect(ask({ limits: { ...off, perJob: 1000 } })).toMatchObject({ runTimeoutMs: 300_000 });
	expect(ask({ limits: { ...off, perJob: 0.1 }, perHour: 0.72 })).toMatchObject({
		runTimeoutMs: 300_000,
	});
	// 0.1 / 3.6 is no round number of milliseconds in binary.
	expect(ask({ limits: { ...off, perJob: 0.1 }, perHour: 3.6 })).toMatchObject({
		runTimeoutMs: 100_000,
	});
});

test('per job: less than RunPod can limit a job to is refused', () => {
	expect(ask({ limits: { ...off, perJob: 4.9 } })).toEqual({
		type: 'refuse',
		scope: 'perJob',
		spent: 0,
	});
});

describe.each(['perRun', 'perDay'] as const)('%s', (scope) => {
	const account = scope === 'perRun' ? 'run' : 'day';
	const with_ = (spent: number, reserved: number, more: Partial<Application> = {}) =>
		ask({ limits: { ...off, [scope]: 500 }, [account]: { spent, reserved }, ...more });

	test('a job that fits in full is submitted with its own time', () => {
		expect(with_(100, 100)).toEqual({ type: 'submit', runTimeoutMs: 300_000, reserveUsd: 300 });
	});
	test('a job that may fit when others end waits for them', () => {
		expect(with_(0, 300)).toEqual({ type: 'wait' });
		expect(with_(100, 400)).toEqual({ type: 'wait' });
	});
	test('with nothing to wait for it gets the rest', () => {
		expect(with_(400, 0)).toMatchObject({ type: 'submit', runTimeoutMs: 100_000, cappedBy: scope });
	});
	test('a rest that pays for nothing is refused, also while others run', () => {
		expect(with_(496, 0)).toEqual({ type: 'refuse', scope, spent: 496 });
		expect(with_(496, 4)).toEqual({ type: 'refuse', scope, spent: 496 });
		expect(with_(600, 0)).toEqual({ type: 'refuse', scope, spent: 600 });
	});
	test('a rest shorter than every job so far is not burnt', () => {
		expect(with_(480, 0, { runMs: [30_000, 25_000] })).toMatchObject({ type: 'refuse' });
		expect(with_(480, 0, { runMs: [30_000, 15_000] })).toMatchObject({ runTimeoutMs: 20_000 });
	});
});

test('the tightest of several limits decides', () => {
	const limits = { perJob: 50, perRun: 30, perDay: 20 };
	expect(ask({ limits })).toMatchObject({ runTimeoutMs: 20_000, cappedBy: 'perDay' });
});

test('no limit, or nothing to pay: the job keeps its time', () => {
	expect(ask()).toMatchObject({ type: 'submit', runTimeoutMs: 300_000 });
	expect(ask({ perHour: 0, limits: { perJob: 1, perRun: 1, perDay: 1 } })).toMatchObject({
		runTimeoutMs: 300_000,
	});
});

test('whatever jobs cost: no more than the limit is ever spent, and the batch ends', () => {
	fc.assert(
		fc.property(
			fc.array(fc.integer({ min: 1, max: 400_000 }), { minLength: 1, maxLength: 40 }),
			fc.integer({ min: 1, max: 10 }),
			fc.double({ min: 0.01, max: 2000, noNaN: true }),
			fc.double({ min: 0.1, max: 20_000, noNaN: true }),
			(durations, width, limit, perHour) => {
				const queue = [...durations];
				const open: Array<{ cost: number; reserve: number; ms: number }> = [];
				const runMs: number[] = [];
				let spent = 0;
				let refusals = 0;
				while (queue.length > 0 || open.length > 0) {
					const reserved = open.reduce((sum, one) => sum + one.reserve, 0);
					const grant =
						queue.length > 0 && open.length < width
							? decide({
									limits: { ...off, perRun: limit },
									perHour,
									runTimeoutMs: 300_000,
									run: { spent, reserved },
									day: none,
									runMs,
								})
							: ({ type: 'wait' } as const);
					if (grant.type === 'wait') {
						const [ended] = open.splice(0, 1);
						// A wait without an open job would never end.
						expect(ended).toBeDefined();
						spent += ended.cost;
						runMs.push(ended.ms);
						continue;
					}
					const wanted = queue.shift() ?? 0;
					if (grant.type === 'refuse') {
						refusals += 1;
						continue;
					}
					const ms = Math.min(wanted, grant.runTimeoutMs);
					open.push({ ms, cost: usdOf(ms, perHour), reserve: grant.reserveUsd });
				}
				expect(spent).toBeLessThanOrEqual(limit * (1 + 1e-9));
				if (usdOf(300_000, perHour) * durations.length <= limit) expect(refusals).toBe(0);
			},
		),
		{ numRuns: 500 },
	);
});

test('the texts name limit and amount', () => {
	const limits = { ...off, perRun: 0.05 };
	const run = refused('perRun', limits, 1, 0.0495);
	expect(run.message).toBe(
		"The budget of $0.05 ('Max USD per Run') would be exceeded: $0.0495 for the jobs of this run",
	);
	expect(run.description).toContain('Nothing was submitted.');
	expect(refused('perJob', { ...off, perJob: 0.000001 }, 3.6, 0).message).toContain(
		"$0.000001 ('Max USD per Job') would be exceeded: $0.005 for 5 seconds, the least that RunPod can limit a job to",
	);
	expect(unmeasured(limits, 'e1', 'the price').message).toBe(
		"'Max USD per Run' cannot be kept: the price of endpoint 'e1' is not known",
	);
});

describe('a job that used up its budget', () => {
	const cap = { scope: 'perJob', limitUsd: 0.02, capUsd: 0.02 } as const;
	const text =
		/^The budget of \$0\.02 \('Max USD per Job'\) would be exceeded: \$0\.02 for the 20 seconds that the job ran/;

	test('is ended by the node', () => {
		const policy = policyWith({ runTimeoutMs: 20_000, intervalMs: 60_000, cap });
		const { action } = play(
			[
				...submitted.slice(0, 1),
				[0, ['submitted', job('IN_PROGRESS')], 'wait 20000'],
				[20_000, 'woke', 'read'],
				[20_000, ['read', job('IN_PROGRESS')], 'cancel deadline'],
				[20_000, ['cancelled', job('CANCELLED')], 'fail BUDGET_EXCEEDED'],
			],
			policy,
		);
		expect(action).toMatchObject({ failure: { message: expect.stringMatching(text) } });
	});

	test.each([
		{ state: 'TIMED_OUT', hasOutput: false },
		{ state: 'FAILED', hasOutput: false, error: 'executionTimeout exceeded' },
	])('is ended by RunPod: %j', (view) => {
		const failure = judge(view, { jobId: 'j', runSeconds: 20, cap });
		expect(failure).toMatchObject({
			code: 'BUDGET_EXCEEDED',
			message: expect.stringMatching(text),
		});
	});
});
