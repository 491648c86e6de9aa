/** Long random runs of many jobs: what must hold whatever the platforms, the network and the user do. */
import fc from 'fast-check';
import type { CrowdTrace, CrowdWorld } from './crowd.mts';
import { driveBatch } from './crowd.mts';
import type { Fault, World } from './world.mts';

const RUNS = Number(process.env.LIFECYCLE_RUNS ?? 300);
/** Long after every end; Infinity less Infinity is no time. */
const FOREVER = 1e15;

// A platform that denies a job that it has is for the life of one job: here its word counts.
const fault = fc.oneof(
	{ weight: 5, arbitrary: fc.constant<Fault>('none') },
	{
		weight: 3,
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
			'odd body',
			'odd state',
		),
	},
);

const duration = fc.oneof(
	{ weight: 4, arbitrary: fc.integer({ min: 0, max: 12_000 }) },
	{ weight: 1, arbitrary: fc.integer({ min: 0, max: 300_000 }) },
	{ weight: 1, arbitrary: fc.constant(Infinity) },
);
const never = <T,>(arbitrary: fc.Arbitrary<T>, weight: number) =>
	fc.oneof(
		{ weight, arbitrary: fc.constant(Infinity) },
		{ weight: 1, arbitrary: arbitrary as unknown as fc.Arbitrary<number> },
	);

const place: fc.Arbitrary<World> = fc.record({
	queueMs: duration,
	runMs: duration,
	outcome: fc.constantFrom(
		'COMPLETED',
		'COMPLETED',
		'FAILED',
		'TIMED_OUT',
		'CANCELLED',
		'COMPLETED without output',
	),
	tellsProgress: fc.boolean(),
	faults: fc.array(fault, { maxLength: 12 }),
	latencyMs: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 30_000 })),
	stopAtMs: fc.constant(Infinity),
	stopReason: fc.constant('canceled'),
	random: fc.double({ min: 0, max: 0.999, noNaN: true }),
	keepsLimit: fc.constant(true),
	forgetsAtMs: never(fc.integer({ min: 0, max: 400_000 }), 5),
});

const crowd: fc.Arbitrary<CrowdWorld> = fc.record({
	jobs: fc.array(
		fc.record({
			items: fc.constantFrom(1, 1, 1, 3),
			primary: place,
			fallback: fc.option(place, { nil: undefined }),
			isLost: fc.constantFrom(false, false, false, false, true),
		}),
		{ maxLength: 7 },
	),
	width: fc.integer({ min: 1, max: 4 }),
	goesOn: fc.boolean(),
	until: fc.constantFrom('result', 'result', 'submit'),
	cancelOnStop: fc.constantFrom(true, true, false),
	stopAtMs: never(fc.integer({ min: 0, max: 60_000 }), 3),
	queueTimeoutMs: fc.integer({ min: 5, max: 120 }).map((s) => s * 1000),
	runTimeoutMs: fc.integer({ min: 5, max: 120 }).map((s) => s * 1000),
	maxUsdPerRun: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 300 })),
});

const platformsOf = ({ platforms }: CrowdTrace) =>
	platforms.flatMap(({ primary, fallback }) => [primary, fallback]).filter((one) => one);

const holds = (check: (trace: CrowdTrace, world: CrowdWorld) => void) =>
	fc.assert(
		fc.property(crowd, (world) => check(driveBatch(world), world)),
		{ numRuns: RUNS },
	);

describe('whatever happens to a batch', () => {
	it('no work is paid twice: one accepted submit each, the fallback only when the first is over', () => {
		holds((trace) => {
			for (const platform of platformsOf(trace)) expect(platform!.accepted).toBeLessThanOrEqual(1);
			expect(trace.paidTwice).toBe(0);
		});
	});

	it('nothing is read after its end', () => {
		holds(({ lives }) => {
			for (const { reads } of lives) expect(reads.some(({ afterFinal }) => afterFinal)).toBe(false);
		});
	});

	it('what may run on is told by its ID, or by the time of its submit', () => {
		holds((trace) => {
			const { told, handedIn, endedAt } = trace;
			for (const platform of platformsOf(trace)) {
				if (!platform!.isOpen(endedAt)) continue;
				const { jobId } = platform!;
				const isNamed = told.includes(jobId) || handedIn.includes(jobId);
				if (!isNamed) expect(told.join()).toContain('the submit of 20');
			}
		});
	});

	it('what nobody waits for any more is cancelled where the platform can be reached', () => {
		const reachable = crowd.map((world): CrowdWorld => {
			const open = (some: World) => ({ ...some, faults: [] });
			const jobs = world.jobs.map((job) => ({
				...job,
				primary: open(job.primary),
				fallback: job.fallback && open(job.fallback),
			}));
			return { ...world, jobs, cancelOnStop: true };
		});
		fc.assert(
			fc.property(reachable, (world) => {
				const trace = driveBatch(world);
				const kept = new Set(trace.handedIn);
				for (const platform of platformsOf(trace))
					if (!kept.has(platform!.jobId)) expect(platform!.isOpen(trace.endedAt)).toBe(false);
			}),
			{ numRuns: RUNS },
		);
	});

	it('every item has the outcome of its own job, and only a stop leaves one without', () => {
		holds(({ batch, outcomes }, { goesOn }) => {
			batch.jobs.forEach(({ items, phase }, job) => {
				for (const item of items) {
					const outcome = outcomes[item];
					if (outcome !== undefined) expect(outcome.job).toBe(job);
					if (phase === 'dropped') expect(outcome).toBeUndefined();
					if (phase === 'failed') expect(outcome?.kind).toBe('failure');
					if (phase === 'done') expect(outcome?.kind).toBe('result');
				}
			});
			if (batch.stop === undefined)
				expect(batch.jobs.every(({ phase }) => phase === 'done' || phase === 'failed')).toBe(true);
			if (goesOn) expect(batch.stop).not.toBe('sibling');
		});
	});

	it('the first failure is the one that is thrown, unless n8n lets the others go on', () => {
		holds(({ batch }, { goesOn }) => {
			const hasFailed = batch.jobs.some(({ phase }) => phase === 'failed');
			if (goesOn) expect(batch.firstFailed).toBeUndefined();
			else if (hasFailed && batch.stop !== 'canceled') expect(batch.firstFailed).toBeDefined();
			if (batch.firstFailed !== undefined)
				expect(batch.jobs[batch.firstFailed].phase).toBe('failed');
		});
	});

	it('never more jobs at a time than the window is wide, and none starts after a stop', () => {
		holds(({ mostAtOnce, stoppedAt, batch, ...trace }, { width, jobs }) => {
			if (batch.stop !== undefined) expect(stoppedAt).toBeLessThan(Infinity);
			expect(mostAtOnce).toBeLessThanOrEqual(width);
			trace.platforms.forEach((servers, job) => {
				for (const server of ['primary', 'fallback'] as const) {
					const { acceptedAt = -Infinity } = servers[server] ?? {};
					const latencyMs = jobs[job][server]?.latencyMs ?? 0;
					expect(acceptedAt - latencyMs / 2).toBeLessThanOrEqual(stoppedAt);
				}
			});
		});
	});

	it('the time on the workers never costs more than Max USD per Run', () => {
		holds((trace, { maxUsdPerRun }) => {
			if (maxUsdPerRun === 0) return;
			const ran = platformsOf(trace).reduce((sum, platform) => sum + platform!.ranMs(FOREVER), 0);
			expect(ran / 1000).toBeLessThanOrEqual(maxUsdPerRun + 1e-3);
			expect(ran / 1000).toBeLessThanOrEqual(trace.bookedUsd + 1e-3);
		});
	});

	it('ends', () => {
		holds(({ batch }) => {
			expect(batch.isOver).toBe(true);
			expect(batch.jobs.some(({ phase }) => /waiting|running|checking|settling/.test(phase))).toBe(
				false,
			);
		});
	});
});
