/** Long random lives of a job: what must hold whatever the platform, the network and the user do. */
import fc from 'fast-check';
import { next } from '../../nodes/RunPod/core/lifecycle.ts';
import { attachedRun, newRun } from '../../nodes/RunPod/core/run.ts';
import { NEAREST_READ_MS } from '../../nodes/RunPod/core/schedule.ts';
import { drive, JOB_ID, policyWith, START } from './world.mts';
import type { Fault, World } from './world.mts';

const RUNS = Number(process.env.LIFECYCLE_RUNS ?? 600);

const fault = fc.oneof(
	{ weight: 6, arbitrary: fc.constant<Fault>('none') },
	{
		weight: 4,
		arbitrary: fc.constantFrom<Fault>(
			'429',
			'429 with Retry-After',
			'502',
			'502 after',
			'524',
			'refused',
			'cut before',
			'cut after',
			'timeout after',
			'401',
			'403',
			'404',
			'odd body',
			'odd state',
		),
	},
);

const duration = fc.oneof(
	fc.integer({ min: 0, max: 20_000 }),
	fc.integer({ min: 0, max: 900_000 }),
	fc.constant(Infinity),
);

const world: fc.Arbitrary<World> = fc.record({
	queueMs: duration,
	runMs: duration,
	outcome: fc.constantFrom(
		'COMPLETED',
		'FAILED',
		'TIMED_OUT',
		'CANCELLED',
		'COMPLETED without output',
	),
	tellsProgress: fc.boolean(),
	faults: fc.array(fault, { maxLength: 40 }),
	latencyMs: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 95_000 })),
	stopAtMs: fc.oneof(fc.integer({ min: 0, max: 500_000 }), fc.constant(Infinity)),
	stopReason: fc.constantFrom('canceled', 'sibling'),
	random: fc.double({ min: 0, max: 0.999, noNaN: true }),
});

const policy = fc
	.record({
		queueTimeoutMs: fc.integer({ min: 5, max: 400 }).map((s) => s * 1000),
		runTimeoutMs: fc.integer({ min: 5, max: 400 }).map((s) => s * 1000),
		intervalMs: fc.integer({ min: 500, max: 60_000 }),
		cancelOnStop: fc.boolean(),
		until: fc.constantFrom('end', 'end', 'end', 'submit') as fc.Arbitrary<'end' | 'submit'>,
		peers: fc.record({
			runMs: fc.array(fc.integer({ min: 1, max: 60_000 }), { maxLength: 5 }),
			blockedUntil: fc.oneof(fc.constant(0), fc.integer({ min: START, max: START + 60_000 })),
		}),
	})
	.map(policyWith);

const first = fc.constantFrom('new', 'attached', 'foreign').map((kind) => {
	if (kind === 'new') return newRun();
	return attachedRun(JOB_ID, kind === 'attached' ? START - 1000 : undefined);
});

describe('whatever happens to a job', () => {
	it('is submitted at most once, never read after its end, and never left alone in silence', () => {
		fc.assert(
			fc.property(world, policy, first, (someWorld, somePolicy, firstRun) => {
				const rules =
					firstRun.origin === 'foreign' ? { ...somePolicy, totalTimeoutMs: 60_000 } : somePolicy;
				const trace = drive(someWorld, rules, firstRun);
				const { end } = trace;
				expect(trace.accepted).toBeLessThanOrEqual(1);
				expect(trace.reads.filter((read) => read.afterFinal)).toEqual([]);
				if (firstRun.origin === 'foreign') expect(trace.cancels).toBe(0);
				if (!trace.isOpen) return;
				// The job goes on: then its id, or at least the time of its submit, is told.
				expect(end.type).not.toBe('succeed');
				if (end.type === 'handOver') expect(end.job.id).toBe(JOB_ID);
				if (end.type !== 'fail') return;
				const { details, description } = end.failure;
				if (trace.run.jobId === undefined) {
					expect(details.outcome).toBe('unknown');
					expect(String(details.submitted_at)).toMatch(/^20\d\d-/);
				} else {
					expect(details.job_id).toBe(JOB_ID);
					expect(details.remote_job).not.toBe('done');
					expect(description).toMatch(/Poll Status|minutes after|does not know/);
				}
			}),
			{ numRuns: RUNS },
		);
	});

	it('cancels the remote job when nobody waits for it and the platform can be reached', () => {
		const reachable = world.map((some): World => ({ ...some, faults: [] }));
		fc.assert(
			fc.property(reachable, policy, (someWorld, somePolicy) => {
				const trace = drive(someWorld, { ...somePolicy, until: 'end', cancelOnStop: true });
				expect(trace.isOpen).toBe(false);
			}),
			{ numRuns: RUNS },
		);
	});

	it('reads at the pace of the rules', () => {
		fc.assert(
			fc.property(world, policy, (someWorld, somePolicy) => {
				const trace = drive(someWorld, somePolicy);
				const { intervalMs, peers } = somePolicy;
				const [one] = trace.reads;
				const knowsEnd = someWorld.tellsProgress || peers.runMs.length > 1;
				const deadline = Math.min(somePolicy.queueTimeoutMs, somePolicy.runTimeoutMs);
				if (one && trace.answeredAt !== undefined && intervalMs < deadline - someWorld.latencyMs) {
					expect(one.at - trace.answeredAt).toBeGreaterThanOrEqual(intervalMs);
				}
				trace.reads.slice(1).forEach((read, index) => {
					const gap = read.at - (trace.reads[index]?.at ?? 0);
					expect(gap).toBeGreaterThanOrEqual(NEAREST_READ_MS);
					if (!knowsEnd && intervalMs < 5000) {
						// Nearer only for the last look at a deadline, of which queue and run have one each.
						const isLastLook = trace.reads.length - index <= 2 || gap >= intervalMs;
						if (!isLastLook) expect(gap).toBeLessThan(intervalMs);
					}
				});
				for (const { ms, run, now } of trace.waits) {
					if (run.wakeTo !== 'read' || run.misses > 0 || now < peers.blockedUntil) continue;
					expect(ms).toBeLessThanOrEqual(intervalMs);
				}
			}),
			{ numRuns: RUNS },
		);
	});

	it('ends in time: no later than its deadlines, the pauses it was asked for and its requests allow', () => {
		fc.assert(
			fc.property(world, policy, (someWorld, somePolicy) => {
				const trace = drive(someWorld, somePolicy);
				const { queueTimeoutMs, runTimeoutMs } = somePolicy;
				// Each phase may end with one request that takes its time, and the end with a cancel.
				const limit = 2 * queueTimeoutMs + runTimeoutMs + 10 * someWorld.latencyMs + 10_000;
				expect(trace.endedAt - START).toBeLessThanOrEqual(limit);
			}),
			{ numRuns: RUNS },
		);
	});

	it('stays as it ended, whatever comes later', () => {
		fc.assert(
			fc.property(world, policy, (someWorld, somePolicy) => {
				const { run, end, endedAt } = drive(someWorld, somePolicy);
				const late = {
					kind: 'ok',
					status: 200,
					body: { id: JOB_ID, status: 'IN_PROGRESS' },
				} as const;
				for (const event of [
					{ type: 'read', reply: late, sentAt: endedAt },
					{ type: 'submitted', reply: late, sentAt: endedAt },
					{ type: 'cancelled', reply: late },
					{ type: 'woke' },
					{ type: 'stop', reason: 'canceled' },
				] as const) {
					expect(next(run, event, somePolicy, endedAt + 1)).toEqual({ run, action: end });
				}
			}),
			{ numRuns: Math.min(RUNS, 1000) },
		);
	});
});
