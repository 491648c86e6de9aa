/** Several tries of the same item, as Retry On Fail and restarts make them: no job beside an open one. */
import fc from 'fast-check';
import { mayRunAgain, takeUp } from '../../nodes/RunPod/core/secondTry.ts';
import type { KnownJob } from '../../nodes/RunPod/core/secondTry.ts';
import type { Fault, World } from './world.mts';
import { live, Platform, policyWith, resumedAt, START } from './world.mts';

const RUNS = Number(process.env.LIFECYCLE_RUNS ?? 600);

interface Try {
	/** How it is ended from outside: not, by a stop or a sibling, or by a crash that nobody notices. */
	end: { kind: 'none' | 'canceled' | 'sibling' | 'crash'; atMs: number };
	faults: Fault[];
	cancelOnStop: boolean;
	until: 'end' | 'submit';
	pauseMs: number;
}

const fault = fc.constantFrom<Fault>(
	'none',
	'none',
	'none',
	'429',
	'502',
	'502 after',
	'524',
	'refused',
	'cut before',
	'cut after',
	'timeout after',
	'401',
	'403',
	'odd body',
	'odd state',
);

const someTry: fc.Arbitrary<Try> = fc.record({
	end: fc.record({
		kind: fc.constantFrom('none', 'none', 'canceled', 'sibling', 'crash'),
		atMs: fc.integer({ min: 0, max: 60_000 }),
	}),
	faults: fc.array(fault, { maxLength: 15 }),
	cancelOnStop: fc.boolean(),
	until: fc.constantFrom('end', 'end', 'submit'),
	pauseMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 400_000 })),
});

const duration = fc.oneof(
	fc.integer({ min: 0, max: 20_000 }),
	fc.integer({ min: 0, max: 600_000 }),
	fc.constant(Infinity),
);

const world: fc.Arbitrary<World> = fc.record({
	queueMs: duration,
	runMs: duration,
	outcome: fc.constantFrom('COMPLETED', 'FAILED', 'TIMED_OUT', 'CANCELLED'),
	tellsProgress: fc.boolean(),
	faults: fc.constant([]),
	latencyMs: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 30_000 })),
	stopAtMs: fc.constant(Infinity),
	stopReason: fc.constant('sibling'),
	random: fc.double({ min: 0, max: 0.999, noNaN: true }),
	keepsLimit: fc.boolean(),
	forgetsAtMs: fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 700_000 })),
});

/** What the register keeps of the item, as `run/attempts.ts` tells it. */
interface Note {
	known?: KnownJob;
	isOver: boolean;
}

function playTry(platform: Platform, some: World, one: Try, note: Note, start: number): number {
	const policy = policyWith({
		queueTimeoutMs: 60_000,
		runTimeoutMs: 60_000,
		cancelOnStop: one.cancelOnStop,
		until: one.until,
	});
	platform.faults.push(...one.faults);
	const endAt = start + one.end.atMs;
	const isStop = one.end.kind === 'canceled' || one.end.kind === 'sibling';
	const reason = one.end.kind === 'canceled' ? 'canceled' : 'sibling';
	const sign = { at: isStop ? endAt : Infinity, reason } as const;
	const first = takeUp(note.isOver ? undefined : note.known, policy);
	let now = start;
	const before = platform.accepted;
	const life = live(platform, some, policy, first, start, sign, (run, action) => {
		if (action.type === 'submit')
			Object.assign(note, { known: { submittedAt: now }, isOver: false });
		if (run.jobId !== undefined && first.jobId === undefined)
			note.known = { submittedAt: run.submittedAt ?? now, jobId: run.jobId };
	});
	let step = life.next(now);
	while (!step.done) {
		now = resumedAt(step.value, sign);
		// A crash: what was noted is all that is left.
		if (one.end.kind === 'crash' && now >= endAt) return now;
		step = life.next(now);
	}
	const { end } = step.value;
	if (end.type === 'fail' && mayRunAgain(end.failure)) note.isOver = true;
	expect(platform.accepted - before).toBeLessThanOrEqual(1);
	return now;
}

it('whatever ends a try, the next one submits only where no job is open', () => {
	fc.assert(
		fc.property(world, fc.array(someTry, { minLength: 2, maxLength: 4 }), (some, tries) => {
			const platform = new Platform(some);
			const note: Note = { isOver: false };
			let now = START;
			for (const one of tries) {
				platform.faults.length = 0;
				now = playTry(platform, some, one, note, now) + one.pauseMs;
			}
			expect(platform.acceptedTwice).toBe(0);
		}),
		{ numRuns: RUNS },
	);
});
