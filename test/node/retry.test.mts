/** Retry On Fail runs the whole node again for all items. What was paid for must not be paid twice. */
import { runNode } from './harness.mts';
import { addScript, fault, generate, ledger, usePlatform, workerDoes } from './platform.mts';
import { studioWorker } from './pictures.mts';

usePlatform();

const settings = { retryOnFail: true, maxTries: 3, waitBetweenTries: 0 };
const seeds = (count: number) => Array.from({ length: count }, (_, n) => ({ json: { n } }));
const seedOf = (input: unknown) => (input as { seed: number }).seed;

/** How often each item was submitted. */
function submitsByItem(): number[] {
	const counts: number[] = [];
	for (const { input } of ledger().submits)
		counts[seedOf(input)] = (counts[seedOf(input)] ?? 0) + 1;
	return counts;
}

test('a job that is under way is taken up, not submitted again', async () => {
	workerDoes({ runMs: 4500 });
	// Looks and a cancel that fail for good end the first try, with the job running.
	const refused = { kind: 'reply', status: 403, body: { error: 'for a moment' } } as const;
	fault({ operation: 'status', times: 3, fault: refused });
	fault({ operation: 'cancel', times: 1, fault: refused });
	const { status, items } = await runNode(generate({}, { settings }));
	expect(status).toBe('success');
	expect(ledger().submits).toHaveLength(1);
	expect(items[0].json.job).toMatchObject({ id: ledger().submits[0].jobId });
}, 30_000);

test('a job that failed on the worker is submitted again', async () => {
	workerDoes({ times: 1, error: 'JOB_FAILED: by chance' });
	workerDoes();
	const { status } = await runNode(generate({}, { settings }));
	expect(status).toBe('success');
	expect(ledger().submits).toHaveLength(2);
}, 20_000);

test('only the item that failed is paid again; the finished ones are fetched once more', async () => {
	addScript({
		match: { when: (input) => seedOf(input) === 1 },
		times: 1,
		script: { runMs: 2500, error: 'JOB_FAILED: by chance' },
	});
	addScript({ script: { runMs: 100, make: studioWorker } });
	const { status, items } = await runNode(
		generate({ seed: '={{ $json.n }}' }, { items: seeds(4), settings }),
	);
	expect(status).toBe('success');
	expect(submitsByItem()).toEqual([1, 2, 1, 1]);
	expect(items.map(({ pairedItem }) => pairedItem)).toEqual(seeds(4).map((_, item) => ({ item })));
}, 30_000);

test('a submit whose answer was lost is not repeated by Retry On Fail either', async () => {
	workerDoes({ runMs: 60_000 });
	fault({ operation: 'run', times: 1, fault: { kind: 'cut', accepted: true } });
	const { status, error } = await runNode(generate({}, { settings }));
	expect(status).toBe('error');
	expect(ledger().submits).toHaveLength(1);
	expect(`${error!.message} ${error!.description}`).toMatch(/may be running/);
}, 20_000);

test('what was certainly not submitted is submitted by the next try', async () => {
	workerDoes();
	fault({ operation: 'run', times: 1, fault: { kind: 'reply', status: 401 } });
	const { status } = await runNode(generate({}, { settings }));
	expect(status).toBe('success');
	expect(ledger().submits).toHaveLength(1);
}, 20_000);

test('other values make another job: a changed prompt is never answered with the old picture', async () => {
	workerDoes();
	const first = await runNode(generate({ prompt: 'a fox' }));
	const second = await runNode(generate({ prompt: 'a crow' }));
	const promptOf = ({ items }: typeof first) =>
		(items[0].json.metadata as { prompt: string }).prompt;
	expect([promptOf(first), promptOf(second)]).toEqual(['a fox', 'a crow']);
	expect(ledger().submits).toHaveLength(2);
}, 20_000);

test('two equal items are two jobs', async () => {
	workerDoes();
	const { items } = await runNode(generate({}, { items: seeds(2) }));
	expect(items).toHaveLength(2);
	expect(ledger().submits).toHaveLength(2);
}, 20_000);

test('a try whose deadline passed leaves nothing in the queue', async () => {
	fault({ fault: { kind: 'stuck' } });
	workerDoes();
	const { status } = await runNode(
		generate({ jobOptions: { queueTimeoutS: 5 } }, { settings: { ...settings, maxTries: 2 } }),
	);
	// Each try waits its own time, and cancels its own job.
	expect(status).toBe('error');
	expect(ledger().submits).toHaveLength(2);
	expect(ledger().cancels).toHaveLength(2);
	expect(ledger().openJobs).toEqual([]);
}, 40_000);
