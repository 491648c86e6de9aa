/** Many items: the window, the order, the pairing, and what one bad item does to the others. */
import { runNode } from './harness.mts';
import { studioWorker } from './pictures.mts';
import { addScript, generate, ledger, usePlatform, workerDoes } from './platform.mts';

usePlatform();

const promptsOf = (count: number) =>
	Array.from({ length: count }, (_, n) => ({ json: { prompt: `picture ${n}` } }));

/** The largest number of jobs that were open at the same moment. */
function mostOpen(): number {
	const { jobs, now } = ledger();
	const moments = jobs.flatMap(({ submittedAt, finishedAt }) => [
		{ at: submittedAt, change: 1 },
		{ at: finishedAt ?? now, change: -1 },
	]);
	// At the same millisecond an end comes before a beginning.
	moments.sort((one, other) => one.at - other.at || one.change - other.change);
	let open = 0;
	return Math.max(...moments.map(({ change }) => (open += change)));
}

/** Durations that shuffle the ends: later items finish first. */
function shuffled(count: number): void {
	for (let n = 0; n < count; n += 1) {
		workerDoes({ input: { prompt: `picture ${n}` }, runMs: ((count - n) * 37) % 400 });
	}
}

test('25 items, 10 at a time, come out in the order of the input', async () => {
	shuffled(25);
	const { items, status } = await runNode(
		generate({ prompt: '={{ $json.prompt }}' }, { items: promptsOf(25) }),
	);
	expect(status).toBe('success');
	expect(items.map(({ json }) => (json.metadata as { prompt: string }).prompt)).toEqual(
		promptsOf(25).map(({ json }) => json.prompt),
	);
	expect(items.map(({ pairedItem }) => pairedItem)).toEqual(
		promptsOf(25).map((_, item) => ({ item })),
	);
	expect(mostOpen()).toBeLessThanOrEqual(10);
	expect(mostOpen()).toBeGreaterThan(3);
	expect(ledger().submits).toHaveLength(25);
	expect(ledger().jobs.every(({ readsAfterFinal }) => readsAfterFinal === 0)).toBe(true);
}, 60_000);

test('Max Parallel Jobs 1 is strictly one after another', async () => {
	shuffled(4);
	const { items } = await runNode(
		generate(
			{ prompt: '={{ $json.prompt }}', jobOptions: { maxParallelJobs: 1 } },
			{ items: promptsOf(4) },
		),
	);
	expect(items).toHaveLength(4);
	expect(mostOpen()).toBe(1);
}, 30_000);

test('several pictures of several items keep their pairs', async () => {
	shuffled(3);
	const { items } = await runNode(
		generate({ prompt: '={{ $json.prompt }}', numImages: 2 }, { items: promptsOf(3) }),
	);
	expect(items.map(({ pairedItem }) => (pairedItem as { item: number }).item)).toEqual([
		0, 0, 1, 1, 2, 2,
	]);
}, 30_000);

test('every third item fails: the error output has them, in order, each with its job', async () => {
	addScript({
		match: { when: (input) => Number((input as { seed: number }).seed) % 3 === 0 },
		script: { error: 'JOB_FAILED: every third' },
	});
	addScript({ script: { make: studioWorker } });
	const { items, errorItems } = await runNode(
		generate(
			{ seed: '={{ $itemIndex }}' },
			{ items: promptsOf(9), settings: { onError: 'continueErrorOutput' } },
		),
	);
	const itemOf = ({ pairedItem }: { pairedItem?: unknown }) =>
		(pairedItem as { item: number }).item;
	expect(errorItems.map(itemOf)).toEqual([0, 3, 6]);
	expect(items.map(itemOf)).toEqual([1, 2, 4, 5, 7, 8]);
	const jobOf = new Map(
		ledger().submits.map(({ input, jobId }) => [(input as { seed: number }).seed, jobId]),
	);
	for (const item of errorItems) {
		const { job_id: jobId, code } = item.json.details as { job_id: string; code: string };
		expect([jobId, code]).toEqual([jobOf.get(itemOf(item)), 'JOB_FAILED']);
		// The item's own data comes along, so that it can be tried again.
		expect(item.json.prompt).toBe(`picture ${itemOf(item)}`);
	}
}, 30_000);

test('300 items, 50 at a time: each is submitted once, none is lost', async () => {
	workerDoes({ runMs: 20 });
	const { items, status } = await runNode(
		generate(
			{ seed: '={{ $itemIndex }}', jobOptions: { maxParallelJobs: 50 } },
			{ items: promptsOf(300) },
		),
	);
	expect(status).toBe('success');
	const seeds = items.map(({ json }) => (json.metadata as { seed: number }).seed);
	expect(seeds).toEqual(promptsOf(300).map((_, n) => n));
	expect(ledger().submits).toHaveLength(300);
	expect(mostOpen()).toBeLessThanOrEqual(50);
	expect(ledger().openJobs).toEqual([]);
}, 120_000);

test('no items in, no items out, no requests', async () => {
	workerDoes();
	const { items, status } = await runNode(generate({}, { items: [] }));
	expect([status, items]).toEqual(['success', []]);
	expect(ledger().requests).toEqual([]);
});
