/** What the Server Type of the worker's credential decides: its test, who gets which token, which operations take it. */
import type { ICredentialDataDecryptedObject, IHttpRequestOptions } from 'n8n-workflow';
import type { RunningComfyUi } from '../../emulator/comfyui/server.mts';
import { startComfyUi } from '../../emulator/comfyui/server.mts';
import type { RunningSwarmUi } from '../../emulator/swarmui/server.mts';
import { startSwarmUi } from '../../emulator/swarmui/server.mts';
import { testCredential, types } from './credentialTest.mts';
import { runNode } from './harness.mts';
import { png } from './pictures.mts';
import { KEY } from './platform.mts';
import type { Stub } from './stub.mts';
import { startStub } from './stub.mts';

let stub: Stub;
beforeAll(async () => {
	stub = await startStub(() => ({}));
});
afterAll(async () => await stub.close());
beforeEach(() => {
	stub.seen.length = 0;
});

describe('a ComfyUI of your own', () => {
	let comfyUi: RunningComfyUi;
	afterEach(async () => await comfyUi.close());
	const test = async (token: string, more: object = {}) =>
		await testCredential('runPodWorkerApi', {
			serverType: 'comfyui',
			baseUrl: comfyUi.url,
			token,
			...more,
		});

	it('passes without a token, and is asked for its figures', async () => {
		comfyUi = await startComfyUi();
		expect(await test('')).toBe('OK');
		expect(comfyUi.seen).toMatchObject([{ method: 'GET', path: '/system_stats' }]);
		expect(comfyUi.seen[0].authorization).toBeUndefined();
	});

	it('behind a proxy that asks for a token, passes with the right one alone', async () => {
		comfyUi = await startComfyUi({ token: 'right' });
		expect(await test('right')).toBe('OK');
		expect(await test('wrong')).toContain('The server did not accept the token.');
		expect(await test('')).toContain('The server asks for a token.');
	});

	it('gets no token of SwarmUI, though one is left in the credential', async () => {
		comfyUi = await startComfyUi();
		expect(await test('', { swarmToken: 'swarm-secret' })).toBe('OK');
		expect(comfyUi.seen[0].cookie).toBeUndefined();
	});

	it('is no Studio Worker', async () => {
		comfyUi = await startComfyUi();
		expect(await test('', { serverType: 'studio' })).toContain("not as the chosen 'Server Type'");
	});
});

describe('a SwarmUI of your own', () => {
	let swarmUi: RunningSwarmUi;
	afterEach(async () => await swarmUi.close());
	const test = async (more: object = {}) =>
		await testCredential('runPodWorkerApi', {
			serverType: 'swarmui',
			baseUrl: swarmUi.url,
			...more,
		});

	it('passes without a login, and is asked for its start page', async () => {
		swarmUi = await startSwarmUi();
		expect(await test()).toBe('OK');
		expect(swarmUi.seen.map(({ path }) => path)).toEqual(['/', '/Text2Image']);
		expect(swarmUi.seen[0].cookie).toBeUndefined();
	});

	it('gets its token as a cookie, and knows the user by it', async () => {
		swarmUi = await startSwarmUi({ swarmToken: 'a;b =c' });
		expect(await test({ swarmToken: 'a;b =c', token: 'bearer' })).toBe('OK');
		expect(swarmUi.seen[0]).toMatchObject({ isUser: true, authorization: 'Bearer bearer' });
	});

	it('that asks for an authorization passes with the right one alone', async () => {
		swarmUi = await startSwarmUi({ requiredAuthorization: 'Bearer right' });
		expect(await test({ token: 'right' })).toBe('OK');
		expect(await test({ token: 'wrong' })).toContain('The server asks for a token.');
	});

	it.each(['studio', 'comfyui'])('is no %s', async (serverType) => {
		swarmUi = await startSwarmUi();
		expect(await test({ serverType })).toContain("not as the chosen 'Server Type'");
	});
});

test("SwarmUI's token goes to the credential's own host alone", async () => {
	const rule = types.runPodWorkerApi.authenticate as (
		credentials: ICredentialDataDecryptedObject,
		request: IHttpRequestOptions,
	) => Promise<IHttpRequestOptions>;
	const credential = {
		serverType: 'swarmui',
		baseUrl: 'https://pod1-7801.proxy.runpod.net',
		token: 'bearer',
		swarmToken: 'swarm-secret',
	};
	const headersFor = async (url: string) => (await rule(credential, { url })).headers;
	expect(await headersFor('https://pod1-7801.proxy.runpod.net/API/GetNewSession')).toEqual({
		Authorization: 'Bearer bearer',
		Cookie: 'swarm_token=swarm-secret',
	});
	// Another Pod may have the bearer token, which opens Pods, and not the login of this SwarmUI.
	expect(await headersFor('https://pod2-7801.proxy.runpod.net/')).toEqual({
		Authorization: 'Bearer bearer',
	});
	for (const url of [
		'http://pod1-7801.proxy.runpod.net/',
		'https://example.com/',
		'http://127.0.0.1:7801/',
	]) {
		expect(await headersFor(url)).toBeUndefined();
	}
});

const needStudio = [
	{ resource: 'image', operation: 'generate', prompt: 'a cat' },
	{ resource: 'image', operation: 'upscale', imageSource: 'base64', imageBase64: png },
	{ resource: 'image', operation: 'score', imageSource: 'base64', imageBase64: png },
	{ resource: 'caption', operation: 'getModels' },
	{ resource: 'job', operation: 'run', input: '{"a": 1}' },
	{ resource: 'job', operation: 'cancel', jobId: 'job-1' },
	{ resource: 'job', operation: 'retry', jobId: 'job-1' },
	{ resource: 'job', operation: 'pollStatus', jobId: 'job-1' },
];
test.each(
	needStudio.flatMap((parameters) => [
		['comfyui', 'ComfyUI', parameters] as const,
		['swarmui', 'SwarmUI', parameters] as const,
	]),
)(
	'a credential for %s is refused before anything is sent, by the name of its field',
	async (type, name, parameters) => {
		const { status: end, error } = await runNode({
			parameters: { runOn: 'workerUrl', ...parameters },
			credentials: { runPodWorkerApi: { serverType: type, baseUrl: stub.url, token: 'bearer' } },
		});
		expect(end).toBe('error');
		expect(error!.message).toContain(
			`'Server Type' is ${name}, but this operation needs a Studio Worker.`,
		);
		expect(error!.description).toContain(
			"Choose a credential whose 'Server Type' is Studio Worker",
		);
		expect(stub.seen).toEqual([]);
	},
);

test('a fallback that is no Studio Worker is refused before the first target gets a job', async () => {
	const { error } = await runNode({
		parameters: {
			resource: 'image',
			operation: 'generate',
			prompt: 'a cat',
			endpoint: { __rl: true, mode: 'id', value: 'studio1' },
			jobOptions: { fallback: 'workerUrl' },
		},
		credentials: {
			runPodApi: { apiKey: KEY, jobBaseUrl: `${stub.url}/v2`, managementBaseUrl: `${stub.url}/m` },
			runPodWorkerApi: { serverType: 'comfyui', baseUrl: stub.url },
		},
	});
	expect(error!.message).toContain("'Server Type' is ComfyUI");
	expect(stub.seen.filter(({ method }) => method === 'POST')).toEqual([]);
});
