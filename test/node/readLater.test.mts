/** All images are checked before the first submit; their bytes are read again when their job is due. */
import type { IBinaryData, INodeExecutionData } from 'n8n-workflow';
import { bytesOf, runNode, storeFile } from './harness.mts';
import { png } from './pictures.mts';
import { fault, ledger, usePlatform, workerDoes } from './platform.mts';
import { score, scored, upscale, upscaled } from './sources.mts';
import { startStub } from './stub.mts';

usePlatform();

/** Starts with a PNG and differs by its number. */
function numbered(size: number, number: number): Buffer {
	const start = Buffer.from(png, 'base64');
	return Buffer.concat([start, Buffer.alloc(size - start.length, number)]);
}

const itemsOf = async (count: number, size: number): Promise<INodeExecutionData[]> =>
	await Promise.all(
		Array.from({ length: count }, async (_, n) => ({
			json: { n },
			binary: { data: await storeFile(numbered(size, n), `${n}.png`) },
		})),
	);

test('a stored file is opened for its check, and then not before a place in the window is free', async () => {
	const [count, width] = [12, 3];
	workerDoes({ output: scored(1), runMs: 300 });
	const items = await itemsOf(count, 200_000);
	const submitsAtOpening: number[] = [];
	const jobOptions = { maxParallelJobs: width, pollIntervalMs: 500 };
	const outcome = await runNode({
		...score({ jobOptions }, { items }),
		onFileOpened: () => submitsAtOpening.push(ledger().submits.length),
	});
	expect(outcome.status).toBe('success');
	expect(submitsAtOpening).toHaveLength(2 * count);
	expect(submitsAtOpening.slice(0, count)).toEqual(new Array(count).fill(0));
	// What was read and is not submitted yet: never more than the window.
	submitsAtOpening.slice(count).forEach((submits, opened) => {
		expect(opened + 1 - submits).toBeLessThanOrEqual(width);
	});
	const sent = ledger().submits.map(({ input }) => (input as { images: string[] }).images[0]);
	expect(new Set(sent).size).toBe(count);
});

test('Retry On Fail knows a job with images again by their content', async () => {
	workerDoes({ output: upscaled(1), runMs: 4500 });
	const refused = { kind: 'reply', status: 403, body: { error: 'for a moment' } } as const;
	fault({ operation: 'status', times: 3, fault: refused });
	fault({ operation: 'cancel', times: 1, fault: refused });
	const settings = { retryOnFail: true, maxTries: 3, waitBetweenTries: 0 };
	const items = await itemsOf(1, 50_000);
	const { status } = await runNode(upscale({}, { items, settings }));
	expect(status).toBe('success');
	expect(ledger().submits).toHaveLength(1);
}, 30_000);

test('files from URLs are fetched once as long as there is room, and once more beyond it', async () => {
	workerDoes({ output: scored(1) });
	const size = 4_900_000;
	const stub = await startStub(({ path }) => ({ bytes: numbered(size, Number(path.slice(1))) }));
	const items = Array.from({ length: 9 }, (_, n) => ({ json: { url: `${stub.url}/${n}` } }));
	const { status } = await runNode(
		score({ imageSource: 'url', imageUrls: '={{ $json.url }}' }, { items }),
	);
	await stub.close();
	expect(status).toBe('success');
	const paths = stub.seen.map(({ path }) => path);
	// 32 MB are kept: six whole files and the one that passes the limit.
	expect(paths.slice(9).sort()).toEqual(['/7', '/8']);
}, 30_000);

test('a file that changed after its check is not submitted, and named', async () => {
	workerDoes({ output: scored(1) });
	let calls = 0;
	const stub = await startStub(() => ({ bytes: numbered(4_900_000, (calls += 1)) }));
	const items = Array.from({ length: 8 }, (_, n) => ({ json: { url: `${stub.url}/${n}` } }));
	const outcome = await runNode(
		score(
			{ imageSource: 'url', imageUrls: '={{ $json.url }}' },
			{ items, settings: { onError: 'continueErrorOutput' } },
		),
	);
	await stub.close();
	expect(ledger().submits).toHaveLength(7);
	expect(outcome.errorItems.map(({ json, pairedItem }) => [json.error, pairedItem])).toEqual([
		[
			expect.stringContaining('Image 1 is another one than when all images were checked.'),
			{ item: 7 },
		],
	]);
	expect(outcome.errorItems[0].json.details).toMatchObject({ code: 'INVALID_INPUT', job_id: null });
}, 30_000);

test('a stored file is the one that was stored', async () => {
	const stored: IBinaryData = await storeFile(numbered(300, 1), 'a.png');
	expect(stored.id).toBeDefined();
	expect((await bytesOf(stored)).length).toBe(300);
});
