/**
 * The tests of the credentials, and the list of endpoints: n8n's own router sends the request, and
 * the rules of the credential make the answer, as in n8n's credential dialog.
 */
import './environment.mts';
import { ExecuteContext, LoadOptionsContext, RoutingNode } from 'n8n-core';
import type {
	ICredentialDataDecryptedObject,
	ICredentialType,
	INode,
	INodeType,
	INodeTypes,
	IWorkflowExecuteAdditionalData,
} from 'n8n-workflow';
import { createRunExecutionData, NodeConnectionTypes, Workflow } from 'n8n-workflow';
import { RunPodApi } from '../../credentials/RunPodApi.credentials.ts';
import { RunPodWorkerApi } from '../../credentials/RunPodWorkerApi.credentials.ts';
import { searchEndpoints } from '../../nodes/RunPod/methods/listSearch.ts';
import type { CredentialName } from './credentialsHelper.mts';
import { TestCredentialsHelper } from './credentialsHelper.mts';
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
	[401, 'The worker asks for a token.'],
	[403, 'The worker did not accept the token.'],
	[404, 'The address answers, but not as a Studio Worker.'],
	[503, 'The worker was reached and is still starting.'],
])('RunPod Worker API: %i gives its text', async (code, text) => {
	status = code;
	const data = { baseUrl: `${stub.url}/`, token: 'a token' };
	expect(await testCredential('runPodWorkerApi', data)).toContain(text);
	expect(stub.seen[0]).toMatchObject({ method: 'GET', path: '/health' });
	expect(stub.seen[0].headers.authorization).toBe('Bearer a token');
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
