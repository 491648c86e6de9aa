/** Second tries where a submit is hardest to keep single: joined items, a server that is late. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { INodeParameters } from 'n8n-workflow';
import { runNode, startNode } from './harness.mts';
import type { Setup } from './harness.mts';
import { png, studioWorker } from './pictures.mts';
import { addScript, fault, generate, ledger, until, usePlatform, workerDoes } from './platform.mts';
import { binaryOf } from './sources.mts';
import { startStub } from './stub.mts';

usePlatform();

const settings = { retryOnFail: true, maxTries: 3, waitBetweenTries: 0 };
const seedOf = (input: unknown) => (input as { seed: number }).seed;

/** Each image has another comment, so that no two jobs are alike. */
const picture = (n: number) => Buffer.concat([Buffer.from(png, 'base64'), Buffer.from([n])]);

function captions(parameters: INodeParameters, setup: Partial<Setup>): Setup {
	const { prompt: _prompt, ...base } = generate().parameters;
	const options = { imagesPerJob: 2 };
	return {
		...generate({}, setup),
		parameters: { ...base, resource: 'caption', options, ...parameters },
	};
}

const captioned = (input: unknown) => {
	const { images } = input as { images: string[] };
	const each = images.map((_, n) => ({ id: `img_000_0${n}`, caption: 'text', seed: 1 }));
	return {
		route: 'caption',
		caption: 'text',
		captions: each,
		summary: { ok: each.length, failed: 0 },
	};
};

const imagesOf = ({ input }: { input: unknown }) => (input as { images: string[] }).images.length;

test('of joined captions only the job that failed is paid again', async () => {
	const items = [0, 1, 2, 3].map((n) => ({
		json: {},
		binary: { data: binaryOf(picture(n), `${n}.png`) },
	}));
	const last = picture(3).toString('base64');
	addScript({
		match: { when: (input) => (input as { images: string[] }).images.includes(last) },
		times: 1,
		script: { runMs: 1500, error: 'JOB_FAILED: by chance' },
	});
	addScript({ script: { runMs: 50, make: captioned } });
	const { status, items: out } = await runNode(captions({}, { items, settings }));
	expect(status).toBe('success');
	expect(out.map(({ pairedItem }) => pairedItem)).toEqual([0, 1, 2, 3].map((item) => ({ item })));
	expect(ledger().submits.map(imagesOf)).toEqual([2, 2, 2]);
}, 30_000);

test('an image that comes in the second try only does not change the jobs of the others', async () => {
	let isThere = false;
	const host = await startStub(({ path }) => {
		if (path !== '/0.png') return { bytes: picture(Number(path[1])) };
		return isThere ? { bytes: picture(0) } : { status: 404 };
	});
	try {
		addScript({
			script: {
				runMs: 50,
				make: (input) => {
					isThere = true;
					return captioned(input);
				},
			},
		});
		const items = [0, 1, 2].map((n) => ({ json: { url: `${host.url}/${n}.png` } }));
		// n8n tries again where the first item is an error.
		const onError = 'continueRegularOutput' as const;
		const { items: out } = await runNode(
			captions(
				{ imageSource: 'url', imageUrls: '={{ $json.url }}' },
				{ items, settings: { ...settings, onError } },
			),
		);
		expect(out.map(({ json }) => json.error ?? json.caption)).toEqual(['text', 'text', 'text']);
		// Items 1 and 2 were captioned together in the first try: with item 0 they would be paid again.
		expect(ledger().submits.map(imagesOf)).toEqual([2, 1]);
	} finally {
		await host.close();
	}
}, 30_000);

/** A job API of one job that a test opens, closes and slows down. */
class OneJob {
	readonly seen: string[] = [];
	port = 0;
	submitMs = 0;
	private readonly server = createServer((request, response) => {
		this.seen.push(`${request.method} ${request.url}`);
		request.resume();
		const end = (body: object) =>
			response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
		const id = 'one-1';
		if (request.method === 'GET')
			end({ id, status: 'COMPLETED', output: studioWorker({ route: 'create', prompt: 'a fox' }) });
		else if (request.url?.includes('/cancel/')) end({ id, status: 'CANCELLED' });
		else setTimeout(() => end({ id, status: 'IN_QUEUE' }), this.submitMs);
	});

	async open(): Promise<void> {
		await new Promise<void>((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
		({ port: this.port } = this.server.address() as AddressInfo);
	}

	async close(): Promise<void> {
		this.server.closeAllConnections();
		await new Promise((resolve) => this.server.close(resolve));
	}

	get setup(): Setup {
		const setup = generate();
		const jobBaseUrl = `http://127.0.0.1:${this.port}/v2`;
		return {
			...setup,
			credentials: { runPodApi: { ...setup.credentials.runPodApi!, jobBaseUrl } },
		};
	}
}

test('a server that refuses the connection at first gets one submit', async () => {
	const api = new OneJob();
	await api.open();
	await api.close();
	const { done } = await startNode(api.setup);
	await new Promise((resolve) => setTimeout(resolve, 300));
	await api.open();
	try {
		expect((await done).status).toBe('success');
		expect(api.seen).toEqual(['POST /v2/studio1/run', 'GET /v2/studio1/status/one-1']);
	} finally {
		await api.close();
	}
}, 30_000);

test('a submit that answers long after Stop is told by its time, and cancelled when its ID comes', async () => {
	const api = new OneJob();
	api.submitMs = 7000;
	await api.open();
	try {
		const { done, stop } = await startNode(api.setup);
		await until(() => api.seen.length > 0);
		stop();
		const { status, error } = await done;
		expect(status).toBe('canceled');
		expect(error!.description).toMatch(/may still be running: the submit of 20\d\d-/);
		await until(() => api.seen.length > 1);
		expect(api.seen).toEqual(['POST /v2/studio1/run', 'POST /v2/studio1/cancel/one-1']);
	} finally {
		await api.close();
	}
}, 40_000);

test('a submit that may have been accepted is not repeated by a retry, while the others go on', async () => {
	workerDoes({ runMs: 50 });
	fault({
		operation: 'run',
		times: 1,
		match: { when: (input) => seedOf(input) === 0 },
		fault: { kind: 'reply', status: 524, accepted: true },
	});
	const items = [0, 1, 2].map((n) => ({ json: { n } }));
	const onError = 'continueRegularOutput' as const;
	const { items: out } = await runNode(
		generate({ seed: '={{ $json.n }}' }, { items, settings: { ...settings, onError } }),
	);
	expect(out[0].json.error).toMatch(/may be running/);
	expect(out.slice(1).map(({ json }) => json.error)).toEqual([undefined, undefined]);
	const counts = [0, 1, 2].map(
		(n) => ledger().submits.filter(({ input }) => seedOf(input) === n).length,
	);
	expect(counts).toEqual([1, 1, 1]);
}, 30_000);
