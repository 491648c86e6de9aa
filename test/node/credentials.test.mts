/**
 * The tests of the credentials, and the list of endpoints: n8n's own router sends the request, and
 * the rules of the credential make the answer, as in n8n's credential dialog.
 */
import { LoadOptionsContext } from 'n8n-core';
import { searchEndpoints } from '../../nodes/RunPod/methods/listSearch.ts';
import { surroundings, testCredential } from './credentialTest.mts';
import type { Stub } from './stub.mts';
import { startStub } from './stub.mts';

const KEY = 'rpa_SECRETKEYOFTHETESTS0123456789';
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
