/** Images that are too large for a request: through the bucket, and out of it when the job is over. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { INodeExecutionData, INodeParameters } from 'n8n-workflow';
import { describeWithBucket, storageCredential, storageKeys, useBucket } from './bucket.mts';
import type { Setup } from './harness.mts';
import { everything, runNode, startNode } from './harness.mts';
import { png } from './pictures.mts';
import { changeEndpoint, fault, ledger, usePlatform, workerDoes } from './platform.mts';
import { binaryOf, score, scored } from './sources.mts';
import { startStub } from './stub.mts';
import { WaitingN8n } from './waitingN8n.mts';

// Servers and programs are started here: a busy machine needs its time.
jest.setTimeout(60_000);

usePlatform();

/** Two images that are 10.7 MB in base64. */
function items(): INodeExecutionData[] {
	const start = Buffer.from(png, 'base64');
	const large = (fill: number) => Buffer.concat([start, Buffer.alloc(4e6 - start.length, fill)]);
	return [{ json: {}, binary: { a: binaryOf(large(1)), b: binaryOf(large(2)) } }];
}

function run(parameters: INodeParameters = {}, setup: Partial<Setup> = {}, more = {}): Setup {
	const jobOptions = {
		pollIntervalMs: 500,
		storage: 'runPodStorage',
		...(parameters.jobOptions as INodeParameters),
	};
	const made = score(
		{ inputField: 'a, b', ...parameters, jobOptions },
		{ items: items(), ...setup },
	);
	return {
		...made,
		credentials: { ...made.credentials, runPodStorageApi: storageCredential(more) },
	};
}

const linksOf = (input: unknown) => (input as { images: string[] }).images;
const statusOf = async (link: string) => (await fetch(link)).status;

describeWithBucket('a request above 7 MB', () => {
	useBucket();

	let n8n: WaitingN8n;
	beforeEach(async () => {
		n8n = new WaitingN8n();
		await n8n.open();
	});
	afterEach(async () => await n8n.close());

	test('goes by links that live as long as the job can, and leaves nothing in the bucket', async () => {
		workerDoes({ output: scored(2), runMs: 1500 });
		const running = runNode(run({ jobOptions: { ttlS: 3600 } }));
		while (ledger().submits.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
		const links = linksOf(ledger().submits[0].input);
		const sizes = await Promise.all(
			links.map(async (link) => (await (await fetch(link)).arrayBuffer()).byteLength),
		);
		expect(sizes).toEqual([4e6, 4e6]);
		for (const link of links) {
			expect(link).toMatch(/\/pictures\/runpod-studio\/inputs\/image-[12]-[0-9a-f]{12}\.png\?/);
			expect(new URL(link).searchParams.get('X-Amz-Expires')).toBe('3600');
		}
		const outcome = await running;
		expect(outcome.status).toBe('success');
		expect(await Promise.all(links.map(statusOf))).toEqual([404, 404]);
		// Scores are no pictures: the worker has no use for the keys.
		expect(ledger().submits[0].s3Config).toBeUndefined();
		expect(everything(outcome)).not.toContain(storageKeys().secret);
	});

	test('a failed job leaves nothing either', async () => {
		workerDoes({ error: 'JOB_FAILED: by chance' });
		expect((await runNode(run())).status).toBe('error');
		expect(await Promise.all(linksOf(ledger().submits[0].input).map(statusOf))).toEqual([404, 404]);
	});

	test('a small one goes inside, as always', async () => {
		workerDoes({ output: scored(1) });
		await runNode(run({ inputField: 'a' }));
		expect(linksOf(ledger().submits[0].input)[0]).toMatch(/^iVBOR/);
	});

	test("Don't Wait leaves the images for the job", async () => {
		workerDoes({ output: scored(2), runMs: 60_000 });
		await runNode(run({ waitForResult: 'dontWait' }));
		expect(await Promise.all(linksOf(ledger().submits[0].input).map(statusOf))).toEqual([200, 200]);
	});

	test("Don't Wait takes them out where another item ends the run and the job is cancelled", async () => {
		workerDoes({ output: scored(2), runMs: 60_000 });
		fault({
			operation: 'run',
			match: { order: 2 },
			fault: { kind: 'reply', status: 400, body: { error: 'no' } },
		});
		const setup = run(
			{ waitForResult: 'dontWait', jobOptions: { maxParallelJobs: 1 } },
			{ items: [...items(), ...items()] },
		);
		expect((await runNode(setup)).status).toBe('error');
		expect(ledger().openJobs).toEqual([]);
		const links = linksOf(ledger().submits[0].input);
		expect(await Promise.all(links.map(statusOf))).toEqual([404, 404]);
	});

	test('a paused endpoint gets no images into the bucket', async () => {
		const bucket = await startStub(() => ({ status: 200 }));
		try {
			changeEndpoint({ workersMax: 0 });
			const { error } = await runNode(run({}, {}, { endpointUrl: bucket.url }));
			expect(error!.message).toContain('has 0 max workers');
			expect(bucket.seen).toEqual([]);
		} finally {
			await bucket.close();
		}
	});

	test('Callback keeps them while it is parked, and takes them out afterwards', async () => {
		workerDoes({ output: scored(2), runMs: 1500 });
		expect((await n8n.start(run({ waitForResult: 'callback' }))).status).toBe('waiting');
		const links = linksOf(ledger().submits[0].input);
		expect(await Promise.all(links.map(statusOf))).toEqual([200, 200]);
		expect((await n8n.resumed).status).toBe('success');
		expect(await Promise.all(links.map(statusOf))).toEqual([404, 404]);
	});

	test('a submit whose outcome nobody knows keeps what its job may need', async () => {
		workerDoes({ output: scored(2), runMs: 60_000 });
		fault({ operation: 'run', fault: { kind: 'cut', accepted: true } });
		expect((await runNode(run())).status).toBe('error');
		expect(await Promise.all(linksOf(ledger().submits[0].input).map(statusOf))).toEqual([200, 200]);
	});

	test('Retry On Fail knows the job again, though its links would be others', async () => {
		workerDoes({ output: scored(2), runMs: 4500 });
		const refused = { kind: 'reply', status: 403, body: { error: 'for a moment' } } as const;
		fault({ operation: 'status', times: 3, fault: refused });
		fault({ operation: 'cancel', times: 1, fault: refused });
		const settings = { retryOnFail: true, maxTries: 3, waitBetweenTries: 0 };
		expect((await runNode(run({}, { settings }))).status).toBe('success');
		expect(ledger().submits).toHaveLength(1);
	}, 30_000);

	test('a bucket that refuses costs nothing', async () => {
		workerDoes({ output: scored(2) });
		const { error } = await runNode(run({}, {}, { bucket: 'nonesuch' }));
		expect(error?.message).toMatch(/^The upload to the bucket failed: NoSuchBucket/);
		expect(ledger().submits).toEqual([]);
	});
});

test('Stop in the middle of an upload submits nothing', async () => {
	workerDoes({ output: scored(2) });
	const silent = createServer((request) => request.resume());
	silent.listen(0, '127.0.0.1');
	await once(silent, 'listening');
	const { port } = silent.address() as AddressInfo;
	const asked = once(silent, 'request');
	const keys = { bucket: 'b', accessKeyId: 'i', secretAccessKey: 's' };
	const setup = score(
		{ inputField: 'a, b', jobOptions: { storage: 'runPodStorage' } },
		{ items: items() },
	);
	const runPodStorageApi = { endpointUrl: `http://127.0.0.1:${port}`, ...keys };
	const { done, stop } = await startNode({
		...setup,
		credentials: { ...setup.credentials, runPodStorageApi },
	});
	await asked;
	stop();
	expect((await done).status).toBe('canceled');
	expect(ledger().submits).toEqual([]);
	silent.closeAllConnections();
	silent.close();
});

test('without a storage it is refused with the three ways out', async () => {
	workerDoes({ output: scored(2) });
	const { error } = await runNode(score({ inputField: 'a, b' }, { items: items() }));
	expect(error?.message).toContain("choose a bucket in 'Storage' of the job options");
	expect(ledger().submits).toEqual([]);
});
