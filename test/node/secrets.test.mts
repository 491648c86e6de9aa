/** The key and the token stay where they belong: in the credential and in the request's header. */
import type { INodeParameters } from 'n8n-workflow';
import { RunPodWorkerApi } from '../../credentials/RunPodWorkerApi.credentials.ts';
import type { Setup } from './harness.mts';
import { everything, runNode } from './harness.mts';
import {
	ENDPOINT,
	fault,
	generate,
	KEY,
	ledger,
	platformUrl,
	pollStatus,
	usePlatform,
	workerDoes,
} from './platform.mts';
import { startStub } from './stub.mts';

usePlatform();

const TOKEN = 'token-SECRETOFTHEWORKER-0123456789';

test('every request to the platform carries the key as Bearer', async () => {
	workerDoes();
	await runNode(generate());
	const { requests } = ledger();
	expect(requests.length).toBeGreaterThan(1);
	for (const { headers, key } of requests) {
		expect(headers.authorization).toBe(`Bearer ${KEY}`);
		expect(key).toBe('owner');
	}
});

const runs: Array<[string, () => Setup]> = [
	['an image', () => generate()],
	['an image with everything shown', () => generate({ simplify: false })],
	["Don't Wait", () => generate({ waitForResult: 'dontWait' })],
	['Sync', () => generate({ jobOptions: { submitMode: 'sync' } })],
	[
		'a failed job',
		() => {
			workerDoes({ error: `JOB_FAILED: the header was Bearer ${KEY}` });
			return generate();
		},
	],
	[
		'an answer that echoes the key',
		() => {
			fault({
				operation: 'run',
				fault: { kind: 'reply', status: 400, body: { detail: `bad key ${KEY}` } },
			});
			return generate();
		},
	],
	[
		'a lost submit',
		() => {
			fault({ operation: 'run', fault: { kind: 'cut', accepted: true } });
			return generate();
		},
	],
	[
		'a submit that n8n cannot reach',
		() => {
			const setup = generate();
			setup.credentials.runPodApi!.jobBaseUrl = 'http://127.0.0.1:9/v2';
			return setup;
		},
	],
	['Poll Status of an unknown job', () => pollStatus('60902e6c-08a1-u1')],
	[
		'an error item',
		() => {
			fault({ operation: 'run', fault: { kind: 'reply', status: 401 } });
			return generate({}, { settings: { onError: 'continueErrorOutput' } });
		},
	],
];

test.each(runs)(
	'no trace of the key after %s',
	async (_name, make) => {
		const setup = make();
		workerDoes();
		const outcome = await runNode(setup);
		expect(everything(outcome)).not.toContain(KEY);
	},
	60_000,
);

/** A host that is not the credential's: it refuses, and remembers what it was sent. */
const stranger = async () =>
	await startStub(() => ({ status: 404, body: { detail: 'not found' } }));

function onWorker(parameters: INodeParameters, baseUrl: string): Setup {
	const setup = generate({ runOn: 'workerUrl', ...parameters });
	return { ...setup, credentials: { runPodWorkerApi: { baseUrl, token: TOKEN } } };
}

test('the token goes to the address of the credential', async () => {
	const own = await stranger();
	const outcome = await runNode(onWorker({}, own.url));
	await own.close();
	expect(outcome.status).toBe('error');
	expect(own.seen[0].headers.authorization).toBe(`Bearer ${TOKEN}`);
	expect(everything(outcome)).not.toContain(TOKEN);
});

test('the token does not go to a foreign host that an item names', async () => {
	const foreign = await stranger();
	const outcome = await runNode({
		...onWorker({ workerUrl: '={{ $json.url }}' }, 'http://127.0.0.1:8000'),
		items: [{ json: { url: foreign.url } }],
	});
	await foreign.close();
	expect(outcome.status).toBe('error');
	expect(foreign.seen.length).toBeGreaterThan(0);
	for (const { headers } of foreign.seen) expect(JSON.stringify(headers)).not.toContain(TOKEN);
});

test.each([
	[401, 'The worker asks for a token.'],
	[403, 'The worker did not accept the token.'],
])('a %i of a worker speaks of its token, not of a RunPod key', async (status, message) => {
	const worker = await startStub(() => ({ status, body: { title: 'no' } }));
	const { error } = await runNode(onWorker({}, worker.url));
	await worker.close();
	expect(error!.message).toBe(message);
	expect(error!.description).toContain('AUTH_TOKEN');
	expect(error!.description).not.toContain('API Keys');
});

test('a worker at its own address gives the same items as the endpoint', async () => {
	workerDoes();
	const setup = onWorker({}, `${platformUrl()}/v2/${ENDPOINT}/`);
	setup.credentials.runPodWorkerApi!.token = KEY;
	const { status, items } = await runNode(setup);
	expect(status).toBe('success');
	expect(items[0].json).toMatchObject({ route: 'create', job: { status: 'COMPLETED' } });
	expect(items[0].binary!.data.mimeType).toBe('image/jpeg');
	expect(ledger().jobs[0].readsAfterFinal).toBe(0);
});

test.each([
	['https://abc123-8000.proxy.runpod.net/health', true],
	['http://abc123-8000.proxy.runpod.net/health', false],
	['https://proxy.runpod.net/health', false],
	['https://abc123-8000.proxy.runpod.net.example.com/', false],
	['https://abc123-8000.proxy.runpod.net:8443/', false],
	['https://worker.example.com/run', true],
	['http://worker.example.com/run', false],
	['https://worker.example.com:8443/run', false],
	['https://worker.example.com@evil.example/run', false],
])('token to %s: %s', async (url, expected) => {
	const credentials = { baseUrl: 'https://worker.example.com/', token: ` ${TOKEN}\n` };
	const { headers } = await new RunPodWorkerApi().authenticate(credentials, { url });
	expect(headers?.Authorization).toBe(expected ? `Bearer ${TOKEN}` : undefined);
});

test('an empty token sends no header', async () => {
	const credentials = { baseUrl: 'http://127.0.0.1:8000', token: '' };
	const request = await new RunPodWorkerApi().authenticate(credentials, {
		url: 'http://127.0.0.1:8000/health',
	});
	expect(request.headers).toBeUndefined();
});
