/**
 * Every operation of the management API once: the request as it was sent, RunPod's reply, the item
 * that came out, which the published schema of the operation describes to its last key.
 * OPERATION_TABLE=1 prints the table.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { INodeParameters, INodePropertyOptions } from 'n8n-workflow';
import { readContract } from '../../contract/generator/source.mts';
import { managedExecutes } from '../../nodes/RunPod/actions/managed.ts';
import { RunPod } from '../../nodes/RunPod/RunPod.node.ts';
import type { Setup } from './harness.mts';
import { account, accountUrl, GPU, jsons, makePod, managed, one, useAccount } from './managed.mts';
import { locator } from './platform.mts';

useAccount();

interface Exchange {
	request: string;
	status: number;
	reply: string;
}
const seen: Exchange[] = [];
const table: Array<Record<string, unknown>> = [];

/** Stands before the account and writes down what goes through. */
const recorder = createServer((request, response) => {
	const chunks: Buffer[] = [];
	request.on('data', (chunk: Buffer) => chunks.push(chunk));
	request.on('end', async () => {
		const body = Buffer.concat(chunks);
		const { method = 'GET', url = '', headers } = request;
		const answer = await fetch(`${accountUrl()}${url}`, {
			method,
			headers: { authorization: headers.authorization ?? '' },
			body: body.length === 0 ? undefined : body,
		});
		const reply = await answer.text();
		seen.push({
			request: `${method} ${url} ${body.toString()}`.trim(),
			status: answer.status,
			reply,
		});
		response.writeHead(answer.status, { 'content-type': 'application/json' }).end(reply);
	});
});
let url: string;
beforeAll(async () => {
	await new Promise<void>((done) => recorder.listen(0, '127.0.0.1', done));
	url = `http://127.0.0.1:${(recorder.address() as AddressInfo).port}`;
});
afterAll(async () => {
	recorder.closeAllConnections();
	await new Promise((done) => recorder.close(done));
	if (process.env.OPERATION_TABLE) process.stdout.write(`${JSON.stringify(table, null, 1)}\n`);
});

function recorded(setup: Setup): Setup {
	const { runPodApi } = setup.credentials;
	const bases = { jobBaseUrl: `${url}/v2`, managementBaseUrl: `${url}/management/v2` };
	return { ...setup, credentials: { ...setup.credentials, runPodApi: { ...runPodApi, ...bases } } };
}

const pod = async (status: 'RUNNING' | 'EXITED') => {
	const { id } = await makePod();
	account().changePod(String(id), { status, telemetry: { gpuIdleS: 700, requestIdleS: 1000 } });
	return { pod: locator(String(id)) };
};
const volume = async () => {
	const made = managed('networkVolume', 'create', { name: 'models', dataCenter: locator('EM-1') });
	return { networkVolume: locator(String((await one(made)).id)) };
};
const endpoint = { managedEndpoint: locator('studio1') };
const healthy = () =>
	account().addScript({ script: { output: { status: 'healthy', version: '1.0.0' } } });

/** What each operation is given; `main` names the request that does its work. */
const operations: Record<
	string,
	{ main: RegExp; given: () => Promise<INodeParameters> | INodeParameters }
> = {
	'billing.get': {
		main: /GET .*\/billing/,
		given: () => ({ scope: 'all', startTime: '2026-11-01' }),
	},
	'endpoint.create': { main: /POST .*\/serverless /, given: () => ({ preset: 'playground' }) },
	'endpoint.delete': { main: /DELETE/, given: () => endpoint },
	'endpoint.get': { main: /GET .*\/serverless\/studio1/, given: () => endpoint },
	'endpoint.getAll': { main: /GET .*\/serverless/, given: () => ({}) },
	'endpoint.getHealth': { main: /GET .*\/health/, given: () => endpoint },
	'endpoint.purgeQueue': { main: /POST .*\/purge-queue/, given: () => endpoint },
	'endpoint.update': { main: /PATCH/, given: () => ({ ...endpoint, fields: { maxWorkers: 2 } }) },
	'endpoint.warmUp': { main: /POST .*\/run /, given: () => (healthy(), endpoint) },
	'gpuType.getAll': {
		main: /GET .*\/catalog\/gpus/,
		given: () => ({ addCostEstimate: true, secondsPerJob: 10 }),
	},
	'networkVolume.create': {
		main: /POST/,
		given: () => ({ name: 'models', dataCenter: locator('EM-1') }),
	},
	'networkVolume.delete': { main: /DELETE/, given: volume },
	'networkVolume.get': { main: /GET/, given: volume },
	'networkVolume.getAll': { main: /GET/, given: async () => (await volume(), {}) },
	'networkVolume.update': {
		main: /PATCH/,
		given: async () => ({ ...(await volume()), fields: { sizeGb: 200 } }),
	},
	'pod.create': {
		main: /POST/,
		given: () => ({
			name: 'captions',
			image: 'me/worker:1',
			gpuTypes: [GPU],
			readiness: { pollS: 1 },
		}),
	},
	'pod.get': { main: /GET/, given: () => pod('RUNNING') },
	'pod.getAll': { main: /GET/, given: async () => (await pod('RUNNING'), {}) },
	'pod.getMetrics': { main: /GET/, given: () => pod('RUNNING') },
	'pod.restart': { main: /POST/, given: () => pod('RUNNING') },
	'pod.start': { main: /POST/, given: () => pod('EXITED') },
	'pod.stop': { main: /POST/, given: () => pod('RUNNING') },
	'pod.terminate': { main: /DELETE/, given: () => pod('RUNNING') },
	'pod.terminateIdle': { main: /DELETE/, given: async () => (await pod('RUNNING'), {}) },
	'pod.waitUntilReady': {
		main: /GET/,
		given: async () => ({ ...(await pod('RUNNING')), readiness: { pollS: 1 } }),
	},
};

const ajv = new Ajv2020({ strict: false });
const schemas = new Map(
	readContract().management.map(({ resource, outputs }) => [resource, outputs]),
);

const guide = readFileSync(resolve(__dirname, '../../docs/credentials.md'), 'utf8');

/** `GET /pods/{id}`: without what is different each time. Jobs have an address of their own. */
function callOf({ request }: Exchange): string {
	const [method, address] = request.split(' ');
	const isManaged = address.startsWith('/management/v2/');
	const path = address.replace('/management/v2', '').replace('/v2', '').split('?')[0];
	const parts = path.split('/').map((part, n, { length }) => {
		const isName = ['catalog', 'billing'].includes(path.split('/')[1]);
		const isId = isManaged ? n === 2 && !isName : n === 1 || (n === 3 && length === 4);
		return isId ? '{id}' : part;
	});
	return `${method} ${isManaged ? '' : 'api.runpod.ai/v2'}${parts.join('/')}`;
}

/** `Pod > Create`, as the form calls it. */
function labelOf(resource: string, operation: string): string {
	const { properties } = new RunPod().description;
	const labels = (name: string, shown?: string) =>
		properties
			.filter((field) => field.name === name)
			.filter(({ displayOptions }) => !shown || displayOptions?.show?.resource?.includes(shown))
			.flatMap(({ options = [] }) => options as INodePropertyOptions[]);
	const one = labels('resource').find(({ value }) => value === resource)!;
	return `${one.name} > ${labels('operation', resource).find(({ value }) => value === operation)!.name}`;
}

test('every operation is in the table', () => {
	expect(Object.keys(operations).sort()).toEqual(managedExecutes.map(([name]) => name).sort());
});

test.each(Object.keys(operations))('%s', async (name) => {
	const [resource, operation] = name.split('.');
	const { main, given } = operations[name];
	const parameters = await given();
	seen.length = 0;
	const items = await jsons(recorded(managed(resource, operation, parameters)));
	const work = seen.filter(({ request }) => main.test(request)).at(-1)!;
	expect(work.status).toBeLessThan(300);
	expect(items.length).toBeGreaterThan(0);
	const schema = schemas.get(resource)![operation];
	const described = Object.keys(schema.properties ?? {});
	for (const item of items) {
		expect(Object.keys(item).filter((key) => !described.includes(key))).toEqual([]);
		expect([ajv.validate(schema, item), ajv.errorsText()]).toEqual([true, 'No errors']);
	}
	const asked = [...new Set(seen.map(callOf))];
	const label = labelOf(resource, operation);
	// What a key has to be allowed stands in the guide, row by row.
	expect(guide).toContain(`| ${label} | ${asked.map((call) => `\`${call}\``).join(', ')} |`);
	table.push({
		operation: name,
		request: work.request,
		status: work.status,
		reply: work.reply,
		item: items[0],
	});
});
