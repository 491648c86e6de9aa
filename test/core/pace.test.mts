/** How late the end of a job is noticed, and by how many reads: 100 jobs in a model, always the same. */
import { paceOf } from './pace.mts';
import type { PaceWorld } from './pace.mts';

/** A small generator with a known sequence. */
function shares(): () => number {
	let seed = 7;
	return () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
}

const jobsOf = (runMs: (share: number) => number): number[] => {
	const share = shares();
	return Array.from({ length: 100 }, () => Math.round(runMs(share())));
};
const mean = (values: number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;

const usual: Omit<PaceWorld, 'runMs'> = {
	workers: 10,
	window: 20,
	intervalMs: 2000,
	steps: 20,
	latencyMs: 20,
};
const oneToFifteen = jobsOf((share) => 1000 * 15 ** share);

test.each([
	['1 to 15 s', { ...usual, runMs: oneToFifteen }],
	['1 to 15 s, a slow network', { ...usual, runMs: oneToFifteen, latencyMs: 150 }],
	['6 s, no progress told', { ...usual, runMs: jobsOf((s) => 5700 + 600 * s), steps: 0 }],
	[
		'one after the other',
		{ ...usual, runMs: jobsOf((s) => 2500 + 5000 * s), workers: 1, window: 1 },
	],
])('%s: noticed within 0.3 s on average, with at most 8 reads', (_name, world) => {
	const { delaysMs, reads } = paceOf(world);
	expect(delaysMs).toHaveLength(world.runMs.length);
	expect(mean(delaysMs)).toBeLessThanOrEqual(300);
	expect(mean(reads)).toBeLessThanOrEqual(8);
});

test('a job of a minute has a look every interval, and no more than a few at its end', () => {
	const runMs = jobsOf((share) => 54_000 + 12_000 * share);
	const { delaysMs, reads } = paceOf({ ...usual, runMs, workers: 20 });
	expect(mean(delaysMs)).toBeLessThanOrEqual(400);
	expect(mean(reads)).toBeLessThanOrEqual(60 / 2 + 6);
});
