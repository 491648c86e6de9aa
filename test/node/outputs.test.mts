/** Output Binary, URL and Both: where pictures go, what is fetched, and what is told. */
import type { ICredentialDataDecryptedObject, IDataObject, INodeParameters } from 'n8n-workflow';
import { openStorage } from '../../nodes/RunPod/transport/storage.ts';
import {
	describeWithBucket,
	storageCredential,
	storageKeys,
	storageUrl,
	useBucket,
	BUCKET,
} from './bucket.mts';
import { contextWith } from './credentialTest.mts';
import type { Outcome, Setup } from './harness.mts';
import { bytesOf, everything, runNode } from './harness.mts';
import { jpeg, png, studioWorker } from './pictures.mts';
import { generate, ledger, pollStatus, usePlatform, workerDoes } from './platform.mts';
import { upscale } from './sources.mts';
import { startStub } from './stub.mts';
import { WaitingN8n } from './waitingN8n.mts';

// Servers and programs are started here: a busy machine needs its time.
jest.setTimeout(60_000);

usePlatform();

const answer = (more: IDataObject): IDataObject => {
	const { image: _, ...rest } = studioWorker({ route: 'create', prompt: 'a fox' });
	return { ...rest, ...more };
};
const fetched = async (link: unknown) =>
	Buffer.from(await (await fetch(String(link))).arrayBuffer()).toString('base64');
const fileOf = ({ items }: Outcome, index = 0) => (items[index].json.files as IDataObject[])[0];

/** A run with the bucket of the test. */
function stored(
	parameters: INodeParameters,
	more: ICredentialDataDecryptedObject = {},
	setup = generate({
		...parameters,
		jobOptions: { storage: 'runPodStorage', ...(parameters.jobOptions as INodeParameters) },
	}),
): Setup {
	return {
		...setup,
		credentials: { ...setup.credentials, runPodStorageApi: storageCredential(more) },
	};
}

describeWithBucket('with a storage', () => {
	useBucket();

	let n8n: WaitingN8n;
	beforeEach(async () => {
		n8n = new WaitingN8n();
		await n8n.open();
	});
	afterEach(async () => await n8n.close());

	/** Puts a file there as the worker does: with the keys that came with the job. */
	async function workerStores(bytes: Buffer, name: string): Promise<string> {
		const data = storageCredential({ linkExpiryS: 3600 });
		const storage = await openStorage(contextWith('runPodStorageApi', data) as never, 5000);
		const file = { folder: 'by-the-worker', name, extension: 'png', mimeType: 'image/png', bytes };
		return storage.linkOf(await storage.put(file)) ?? '';
	}

	test('URL: what came as base64 goes to the bucket, and only its link into the item', async () => {
		workerDoes({ output: answer({ image: jpeg }) });
		const outcome = await runNode(stored({ outputAs: 'url' }, { linkExpiryS: 120 }));
		expect(outcome.status).toBe('success');
		const [{ json, binary }] = outcome.items;
		expect(binary).toBeUndefined();
		expect(json.image_url).toBe(fileOf(outcome).url);
		expect(fileOf(outcome)).toMatchObject({
			field: null,
			fileName: 'a red fox in the snow.jpg',
			mimeType: 'image/jpeg',
			width: 16,
			height: 8,
			bytes: Buffer.from(jpeg, 'base64').length,
		});
		const link = new URL(String(json.image_url));
		const { jobId } = ledger().submits[0];
		expect(link.pathname).toMatch(
			new RegExp(`^/pictures/runpod-studio/${jobId}/a-red-fox-in-the-snow-[0-9a-f]{12}\\.jpg$`),
		);
		expect(link.searchParams.get('X-Amz-Expires')).toBe('120');
		expect(await fetched(link)).toBe(jpeg);
	});

	test('the worker gets the bucket with the job and is asked for links', async () => {
		workerDoes({ output: answer({ image: jpeg }) });
		await runNode(stored({ outputAs: 'url' }));
		const [{ input, s3Config }] = ledger().submits;
		expect(input).toMatchObject({ output: 'url' });
		expect(s3Config).toEqual({
			accessId: storageKeys().id,
			accessSecret: storageKeys().secret,
			bucketName: BUCKET,
			endpointUrl: storageUrl(),
		});
	});

	test('Binary: the worker may use the bucket for what is too large, and is not asked for links', async () => {
		workerDoes({ output: answer({ image: jpeg }) });
		const outcome = await runNode(stored({}));
		const [{ input, s3Config }] = ledger().submits;
		expect(input).not.toHaveProperty('output');
		expect(s3Config).toBeDefined();
		expect((await bytesOf(outcome.items[0].binary!.data)).toString('base64')).toBe(jpeg);
		expect(outcome.items[0].json).not.toHaveProperty('image_url');
	});

	test('a link into the bucket is opened with the key, and handed on with the own expiry', async () => {
		const link = await workerStores(Buffer.from(png, 'base64'), 'large');
		// Without its signature nobody else could open it, as on a network volume.
		workerDoes({ output: answer({ image_url: link.split('?')[0] }) });
		const outcome = await runNode(stored({ outputAs: 'both' }, { linkExpiryS: 60 }));
		expect((await bytesOf(outcome.items[0].binary!.data)).toString('base64')).toBe(png);
		const url = new URL(String(fileOf(outcome).url));
		expect(url.searchParams.get('X-Amz-Expires')).toBe('60');
		expect(await fetched(url)).toBe(png);
	});

	test('a public address stands for the bucket', async () => {
		workerDoes({ output: answer({ image: jpeg }) });
		const outcome = await runNode(
			stored({ outputAs: 'url' }, { publicBaseUrl: 'https://cdn.example.com/p/' }),
		);
		expect(outcome.items[0].json.image_url).toMatch(
			/^https:\/\/cdn\.example\.com\/p\/runpod-studio\/[^?]+\.jpg$/,
		);
	});

	test('Both, several images: each has its file and its link', async () => {
		workerDoes({
			output: answer({
				images: [
					{ id: 'img_000_00', image: jpeg, seed: 1 },
					{ id: 'img_000_01', image: png, seed: 2 },
				],
			}),
		});
		const outcome = await runNode(stored({ outputAs: 'both', numImages: 2 }));
		expect(outcome.items.map(({ binary }) => Object.keys(binary!))).toEqual([
			['img_000_00'],
			['img_000_01'],
		]);
		expect(await fetched(outcome.items[0].json.image_url)).toBe(jpeg);
		expect(await fetched(outcome.items[1].json.image_url)).toBe(png);
	});

	test('a bucket that refuses is told with the finished job', async () => {
		workerDoes({ output: answer({ image: jpeg }) });
		const outcome = await runNode(stored({ outputAs: 'url' }, { bucket: 'nonesuch' }));
		expect(outcome.error?.message).toMatch(/^The upload to the bucket failed: NoSuchBucket: /);
		expect(outcome.error?.description).toContain('The job itself is finished and paid');
		expect(JSON.stringify(outcome.error?.context)).toContain(ledger().submits[0].jobId);
	});

	test('Poll Status makes links, too', async () => {
		workerDoes({ output: answer({ image: jpeg }) });
		const { items } = await runNode(generate({ waitForResult: 'dontWait' }));
		const jobId = (items[0].json.job as { id: string }).id;
		await new Promise((resolve) => setTimeout(resolve, 500));
		const poll = pollStatus(jobId, {
			pollMode: 'untilFinished',
			options: { outputAs: 'url' },
			jobOptions: { storage: 'runPodStorage' },
		});
		const outcome = await runNode(stored({}, {}, poll));
		expect(await fetched(outcome.items[0].json.image_url)).toBe(jpeg);
	});

	test('a parked execution makes them when it is resumed, and holds no key', async () => {
		workerDoes({ output: answer({ image: jpeg }), runMs: 800 });
		const parked = await n8n.start(stored({ outputAs: 'url', waitForResult: 'callback' }));
		expect(parked.status).toBe('waiting');
		expect(everything(parked)).not.toContain(storageKeys().secret);
		const { items } = await n8n.resumed;
		expect(await fetched(items[0].json.image_url)).toBe(jpeg);
	});

	test.each<[string, INodeParameters, ICredentialDataDecryptedObject, IDataObject]>([
		['a link', { outputAs: 'url' }, {}, { output: answer({ image: jpeg }) }],
		['a file', {}, {}, { output: answer({ image: jpeg }) }],
		['a failed job', {}, {}, { error: 'JOB_FAILED: by chance' }],
		['a wrong key', { outputAs: 'url' }, { accessKeyId: 'AKIAUNKNOWNUNKNOWN00' }, {}],
		['no wait', { waitForResult: 'dontWait', outputAs: 'url' }, {}, {}],
	])('no trace of the secret after %s', async (_, parameters, more, worker) => {
		workerDoes(worker);
		const outcome = await runNode(stored(parameters, more));
		const told = everything(outcome);
		expect(told).not.toContain(storageKeys().secret);
		// The link names the public half of the key, as S3 wants it; nothing else does.
		if (outcome.items[0]?.json.image_url === undefined) {
			expect(told).not.toContain(storageKeys().id);
		}
		// The job's own requests carry it, and no other.
		for (const { headers } of ledger().requests) {
			expect(JSON.stringify(headers)).not.toContain(storageKeys().secret);
		}
	});

	test('what cannot work is told before anything is submitted', async () => {
		workerDoes();
		const volume = { endpointUrl: 'https://s3api-eu-ro-1.runpod.io', bucket: 'vol1' };
		const { error } = await runNode(stored({ outputAs: 'url' }, volume));
		expect(error?.message).toContain('a RunPod network volume has no links');
		const typo = await runNode(stored({}, { endpointUrl: 's3.example.com' }));
		expect(typo.error?.message).toContain("'Endpoint URL' must be an address");
		expect(ledger().submits).toEqual([]);
	});
});

test('URL: a link of the worker is handed on, and nobody downloads it', async () => {
	const stub = await startStub(() => ({ bytes: Buffer.from(png, 'base64') }));
	workerDoes({ output: answer({ image_url: `${stub.url}/some/fox.PNG?x=1` }) });
	const outcome = await runNode(generate({ outputAs: 'url' }));
	await stub.close();
	expect(outcome.items[0].json.image_url).toBe(`${stub.url}/some/fox.PNG?x=1`);
	expect(outcome.items[0].binary).toBeUndefined();
	expect(fileOf(outcome)).toEqual({
		field: null,
		fileName: 'a red fox in the snow.png',
		mimeType: 'image/png',
		bytes: null,
		width: null,
		height: null,
		url: `${stub.url}/some/fox.PNG?x=1`,
	});
	expect(stub.seen).toEqual([]);
	expect(ledger().submits[0].input).toMatchObject({ output: 'url' });
	expect(ledger().submits[0]).not.toHaveProperty('s3Config');
});

test('Upscale: several links become one item each', async () => {
	const links = ['one', 'two'].map((name) => `https://cdn.example.com/${name}.webp`);
	const images = links.map((url, n) => ({ id: `img_000_0${n}_up`, url, width: 16, height: 8 }));
	workerDoes({ output: { route: 'upscale', images, metadata: {} } });
	const { items } = await runNode(upscale({ outputAs: 'url' }));
	expect(items.map(({ json }) => json.image_url)).toEqual(links);
	expect(items.map(({ json }) => (json.files as IDataObject[])[0].mimeType)).toEqual([
		'image/webp',
		'image/webp',
	]);
	expect(ledger().submits[0].input).toMatchObject({ route: 'upscale', output: 'url' });
});

test('URL without any storage: the paid job is named, with the way to its picture', async () => {
	workerDoes({ output: answer({ image: jpeg }) });
	const { error } = await runNode(generate({ outputAs: 'url' }));
	expect(error?.message).toContain('came as a file, and no storage was chosen');
	expect(error?.description).toContain("'Storage' of the job options");
	const { jobId } = ledger().submits[0];
	expect(JSON.stringify(error?.context)).toContain(jobId);
	const again = await runNode(pollStatus(jobId));
	expect((await bytesOf(again.items[0].binary!.data)).toString('base64')).toBe(jpeg);
});

describe('a path on the server that made the picture', () => {
	const TOKEN = 'token-of-the-worker';
	const output = answer({ image: '/view?filename=my fox.png&type=output' });

	test('is fetched from the worker with its token', async () => {
		const worker = await startStub(({ path }) =>
			path.startsWith('/view?')
				? { bytes: Buffer.from(png, 'base64') }
				: { body: { id: 'job-1', status: 'COMPLETED', output } },
		);
		const { items } = await runNode({
			...generate({ runOn: 'workerUrl' }),
			credentials: { runPodWorkerApi: { baseUrl: worker.url, token: TOKEN } },
		});
		await worker.close();
		expect((await bytesOf(items[0].binary!.data)).toString('base64')).toBe(png);
		const view = worker.seen.find(({ path }) => path.startsWith('/view?'))!;
		expect(view.path).toBe('/view?filename=my%20fox.png&type=output');
		expect(view.headers.authorization).toBe(`Bearer ${TOKEN}`);
		expect((items[0].json.files as IDataObject[])[0].url).toBeNull();
	});

	test('cannot be fetched through an endpoint, which is said with the job', async () => {
		workerDoes({ output });
		const { error } = await runNode(generate());
		expect(error?.message).toContain(
			"it is the path '/view?filename=my fox.png&type=output' on the worker, which no endpoint serves",
		);
		expect(JSON.stringify(error?.context)).toContain(ledger().submits[0].jobId);
	});
});
