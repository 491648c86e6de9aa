/** Files in a bucket, through n8n's own HTTP functions, on a real server that checks signatures. */
import './environment.mts';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { ICredentialDataDecryptedObject } from 'n8n-workflow';
import { JobFailure } from '../../nodes/RunPod/core/failure.ts';
import { openStorage } from '../../nodes/RunPod/transport/storage.ts';
import {
	describeWithBucket,
	storageCredential,
	storageKeys,
	storageUrl,
	useBucket,
} from './bucket.mts';
import { contextWith, testCredential } from './credentialTest.mts';
import { startStub } from './stub.mts';

// Servers and programs are started here: a busy machine needs its time.
jest.setTimeout(60_000);

async function open(data: ICredentialDataDecryptedObject) {
	const storage = await openStorage(contextWith('runPodStorageApi', data) as never, 5000);
	return { ...storage, linkOf: (key: string) => String(storage.linkOf(key)) };
}
const file = (bytes: Buffer, name = 'Füchse im Schnee #1') => ({
	folder: 'job-1',
	name,
	extension: 'png',
	mimeType: 'image/png',
	bytes,
});

function workerSide(job: object): { stored: string; fetched: string[] } {
	const script = join(__dirname, 'worker_side.py');
	const input = JSON.stringify(job);
	return JSON.parse(execFileSync(process.env.STUDIO_PYTHON ?? '', [script], { input }).toString());
}

async function failureOf(work: Promise<unknown>) {
	const thrown = await work.catch((error: unknown) => error);
	if (thrown instanceof JobFailure) return thrown.failure;
	throw thrown;
}

describeWithBucket('a bucket', () => {
	useBucket();

	test('what was put is what its link gives, until the link expires', async () => {
		const storage = await open(storageCredential({ linkExpiryS: 60 }));
		const key = await storage.put(file(Buffer.from('the bytes')));
		const reply = await fetch(storage.linkOf(key));
		expect(reply.headers.get('content-type')).toBe('image/png');
		expect(await reply.text()).toBe('the bytes');
		expect(storage.keyIn(storage.linkOf(key))).toBe(key);
		const changed = storage.linkOf(key).replace(/Expires=60/, 'Expires=61');
		expect((await fetch(changed)).status).toBe(403);
		expect((await fetch(storage.linkOf(key).split('?')[0] ?? '')).status).toBe(403);
	});

	test('the same name twice makes two files', async () => {
		const storage = await open(storageCredential());
		const one = await storage.put(file(Buffer.from('one')));
		const two = await storage.put(file(Buffer.from('two')));
		expect(one).not.toBe(two);
		expect(await (await fetch(storage.linkOf(one))).text()).toBe('one');
	});

	test('with the key a file is opened without a link, and removed', async () => {
		const storage = await open(storageCredential({ pathPrefix: 'a b/ü' }));
		const key = await storage.put(file(Buffer.from('with the key')));
		const opened = await storage.open(key);
		if (!('stream' in opened)) throw new Error('not opened');
		let text = '';
		for await (const chunk of opened.stream) text += String(chunk);
		expect(text).toBe('with the key');
		await storage.remove(key);
		expect(await storage.open(key)).toMatchObject({ kind: 'http', status: 404 });
	});

	test.each<[string, { pathPrefix?: string; region?: string }]>([
		['as it comes', {}],
		['with a prefix of its own', { pathPrefix: 'a b/ü', region: 'us-east-1' }],
	])('the worker reads and fills the bucket that the job brings along, %s', async (_, more) => {
		const storage = await open(storageCredential(more));
		const link = storage.workerLink(await storage.put(file(Buffer.from('by n8n'))), 60);
		// On a network volume the link is the bare address, for the key that came with the job.
		const links = [link, link.split('?')[0]];
		const told = workerSide({ s3Config: storage.s3Config, links });
		expect(told.fetched).toEqual(['by n8n', 'by n8n']);
		const key = storage.keyIn(told.stored) ?? '';
		expect(key).toBe(`${more.pathPrefix ?? 'runpod-studio'}/job-1/image.png`);
		expect(await (await fetch(storage.linkOf(key))).text()).toBe('by the worker');
	});

	test.each<[string, ICredentialDataDecryptedObject, string]>([
		['a wrong secret', { secretAccessKey: 'planted-secret' }, 'SignatureDoesNotMatch: The request'],
		['an unknown key', { accessKeyId: 'AKIAUNKNOWNUNKNOWN00' }, 'InvalidAccessKeyId: The AWS'],
		['a bucket that is not there', { bucket: 'nonesuch' }, 'NoSuchBucket: '],
	])("%s is told in the bucket's words, without the keys", async (_, more, text) => {
		const failure = await failureOf(
			(await open(storageCredential(more))).put(file(Buffer.alloc(9))),
		);
		expect(failure.code).toBe('UPLOAD_FAILED');
		expect(failure.message).toMatch(new RegExp(`^The upload to the bucket failed: ${text}`));
		const told = JSON.stringify(failure);
		for (const key of ['planted-secret', storageKeys().secret, storageKeys().id]) {
			expect(told).not.toContain(key);
		}
	});

	test.each<[string, ICredentialDataDecryptedObject, string]>([
		['the bucket of the key', {}, 'OK'],
		['an endpoint that was pasted with its bucket', { endpointUrl: '+' }, 'OK'],
		['a wrong secret', { secretAccessKey: 'x' }, 'The server was reached and refused the key.'],
		['no such bucket', { bucket: 'nonesuch' }, 'The server has no such bucket.'],
	])("the credential's test: %s", async (_, more, text) => {
		const data = storageCredential(more);
		if (data.endpointUrl === '+') data.endpointUrl = `${storageUrl()}/pictures/`;
		expect(await testCredential('runPodStorageApi', data)).toContain(text);
	});
});

test('a server that is busy is asked again, one that refuses is not', async () => {
	let busy = 2;
	const stub = await startStub(() => ({ status: busy-- > 0 ? 503 : 200 }));
	const data = { endpointUrl: stub.url, bucket: 'b', accessKeyId: 'i', secretAccessKey: 's' };
	await (await open(data)).put(file(Buffer.from('x')));
	expect(stub.seen.map(({ method }) => method)).toEqual(['PUT', 'PUT', 'PUT']);
	await stub.close();
	const refusing = await startStub(() => ({ status: 403 }));
	await failureOf((await open({ ...data, endpointUrl: refusing.url })).put(file(Buffer.from('x'))));
	expect(refusing.seen).toHaveLength(1);
	await refusing.close();
}, 20_000);

test('a credential that is not complete says what is missing', async () => {
	const data = { endpointUrl: 'https://s3.example.com', bucket: '' };
	expect((await failureOf(open(data))).message).toContain("'Bucket' of the storage credential");
});
