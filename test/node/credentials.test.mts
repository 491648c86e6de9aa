/**
 * The tests of the credentials, and the list of endpoints: n8n's own router sends the request, and
 * the rules of the credential make the answer, as in n8n's credential dialog.
 */
import './environment.mts';
import { ExecuteContext, LoadOptionsContext, RoutingNode } from 'n8n-core';
import type {
	ICredentialDataDecryptedObject,
	ICredentialType,
	IHttpRequestOptions,
	INode,
	INodeType,
	INodeTypes,
	IWorkflowExecuteAdditionalData,
} from 'n8n-workflow';
import { createRunExecutionData, NodeConnectionTypes, Workflow } from 'n8n-workflow';
import { RunPodApi } from '../../credentials/RunPodApi.credentials.ts';
import { RunPodWorkerApi } from '../../credentials/RunPodWorkerApi.credentials.ts';
import type { RunningComfyUi } from '../../emulator/comfyui/server.mts';
import { startComfyUi } from '../../emulator/comfyui/server.mts';
import type { RunningSwarmUi } from '../../emulator/swarmui/server.mts';
import { startSwarmUi } from '../../emulator/swarmui/server.mts';
import { searchEndpoints } from '../../nodes/RunPod/methods/listSearch.ts';
import type { CredentialName } from './credentialsHelper.mts';
import { TestCredentialsHelper } from './credentialsHelper.mts';
import { runNode } from './harness.mts';
import { png } from './pictures.mts';
import type { Stub } from './stub.mts';
import { startStub } from './stub.mts';

const KEY = 'rpa_SECRETKEYOFTHETESTS0123456789';
const types: Record<CredentialName, ICredentialType> = {
	runPodApi: new RunPodApi(),
	runPodWorkerApi: new RunPodWorkerApi(),
};

/** A node whose only field is the credential's test request: this is how n8n runs it. */
function carrier(name: CredentialName): INodeType {
	return {
		description: {
			displayName: 'Carrier',
			name: 'carrier',
			group: ['input'],
			version: 1,
			description: 'Carries a test request',
			defaults: { name: 'Carrier' },
			inputs: [NodeConnectionTypes.Main],
			outputs: [NodeConnectionTypes.Main],
			credentials: [{ name, required: true }],
			properties: [
				{
					displayName: 'Temp',
					name: 'temp',
					type: 'string',
					default: '',
					routing: { request: types[name].test!.request },
				},
			],
		},
	};
}

function surroundings(name: CredentialName, data: ICredentialDataDecryptedObject) {
	const type = carrier(name);
	const node: INode = {
		id: 'n',
		name: 'Carrier',
		type: 'carrier',
		typeVersion: 1,
		position: [0, 0],
		parameters: {},
		credentials: { [name]: { id: name, name } },
	};
	const nodeTypes = { getByNameAndVersion: () => type } as unknown as INodeTypes;
	const workflow = new Workflow({ nodes: [node], connections: {}, active: false, nodeTypes });
	const additionalData = {
		credentialsHelper: new TestCredentialsHelper({ [name]: data }),
		webhookWaitingBaseUrl: 'http://127.0.0.1:5678/webhook-waiting',
		formWaitingBaseUrl: 'http://127.0.0.1:5678/form-waiting',
		restApiUrl: 'http://127.0.0.1:5678/rest',
		variables: {},
	} as unknown as IWorkflowExecuteAdditionalData;
	return { type, node, workflow, additionalData };
}

/** 'OK', or the text that the dialog shows. */
async function testCredential(
	name: CredentialName,
	data: ICredentialDataDecryptedObject,
): Promise<string> {
	const { type, node, workflow, additionalData } = surroundings(name, data);
	const input = { main: [[{ json: {} }]] };
	const context = new ExecuteContext(
		workflow,
		node,
		additionalData,
		'internal',
		createRunExecutionData({}),
		0,
		[],
		input,
		{ node, data: {}, source: null },
		[],
	);
	const defaults = types[name].properties.map((field) => [field.name, field.default]);
	const decrypted = { ...Object.fromEntries(defaults), ...data };
	try {
		await new RoutingNode(context, type, { id: name, name, type: name, data: decrypted }).runNode();
		return 'OK';
	} catch (error) {
		const { cause } = error as { cause?: { response?: { status: number } } };
		const status = cause?.response?.status;
		const rule = types[name].test!.rules?.find(
			({ type: kind, properties }) => kind === 'responseCode' && properties.value === status,
		);
		return rule?.properties.message ?? `no rule for ${status}: ${(error as Error).message}`;
	}
}

let stub: Stub;
let status = 200;
let body: unknown = {};
beforeAll(async () => {
	stub = await startStub(() => ({ status, body }));
});
afterAll(async () => await stub.close());
beforeEach(() => {
	stub.seen.length = 0;
	status = 200;
	body = {};
});

test.each([
	[200, 'OK'],
	[
		401,
		'The API key was not accepted. Create a new key in RunPod under Settings > API Keys and paste it whole, without spaces.',
	],
	[
		403,
		'The key is valid but may not list Pods. Give it that permission, or use it only for its own endpoint.',
	],
])('RunPod API: %i gives its text', async (code, text) => {
	status = code;
	const data = { apiKey: KEY, managementBaseUrl: `${stub.url}/v2/` };
	expect(await testCredential('runPodApi', data)).toBe(text);
	// n8n itself asks a second time after a 401.
	expect(stub.seen[0]).toMatchObject({ method: 'GET', path: '/v2/pods' });
	expect(stub.seen[0].headers.authorization).toBe(`Bearer ${KEY}`);
});

test.each([
	[200, 'OK'],
	[401, 'The server asks for a token.'],
	[403, 'The server did not accept the token.'],
	[404, "The address answers, but not as the chosen 'Server Type'."],
	[503, 'The server was reached and is still starting.'],
])('RunPod Worker API: %i gives its text', async (code, text) => {
	status = code;
	const data = { baseUrl: `${stub.url}/`, token: 'a token' };
	expect(await testCredential('runPodWorkerApi', data)).toContain(text);
	expect(stub.seen[0]).toMatchObject({ method: 'GET', path: '/health' });
	expect(stub.seen[0].headers.authorization).toBe('Bearer a token');
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

async function search(filter?: string) {
	const data = { apiKey: KEY, managementBaseUrl: `${stub.url}/v2` };
	const { node, workflow, additionalData } = surroundings('runPodApi', data);
	const context = new LoadOptionsContext(workflow, node, additionalData, 'parameters.endpoint');
	return await searchEndpoints.call(context, filter);
}

test('the endpoint list has the queues of the account, sorted and filtered', async () => {
	body = {
		endpoints: [
			{ id: 'zz2', name: 'Zebra', type: 'QUEUE' },
			{ id: 'aa1', name: 'Apple', type: 'QUEUE' },
			{ id: 'lb3', name: 'Balanced', type: 'LOAD_BALANCER' },
		],
	};
	expect(await search()).toEqual({
		results: [
			{ name: 'Apple (aa1)', value: 'aa1' },
			{ name: 'Zebra (zz2)', value: 'zz2' },
		],
	});
	expect((await search('ZEB')).results).toEqual([{ name: 'Zebra (zz2)', value: 'zz2' }]);
	expect(stub.seen[0].path).toBe('/v2/serverless');
});

test.each([
	[401, 'The API key was not accepted.'],
	[403, 'The key is valid but may not list endpoints.'],
	[500, 'RunPod did not list endpoints: HTTP 500'],
])('the endpoint list shows what a %i means, not an empty list', async (code, text) => {
	status = code;
	await expect(search()).rejects.toThrow(text);
});
