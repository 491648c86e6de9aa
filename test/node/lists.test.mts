/** The lists of the form: live, with what a choice needs to be known; what cannot be read is no empty list. */
import './environment.mts';
import { LoadOptionsContext } from 'n8n-core';
import type { ILoadOptionsFunctions } from 'n8n-workflow';
import { RunPod } from '../../nodes/RunPod/RunPod.node.ts';
import * as listSearch from '../../nodes/RunPod/methods/listSearch.ts';
import * as loadOptions from '../../nodes/RunPod/methods/loadOptions.ts';
import { makeAdditionalData, makeWorkflow, NODE } from './harness.mts';
import type { Setup } from './harness.mts';
import { account, callsOf, fault, makePod, managed, one, useAccount, withKey } from './managed.mts';
import { locator } from './platform.mts';
import { startStub } from './stub.mts';

useAccount();

function loading(setup: Setup = managed('pod', 'create')): ILoadOptionsFunctions {
	const workflow = makeWorkflow(setup);
	return new LoadOptionsContext(
		workflow,
		workflow.getNode(NODE)!,
		makeAdditionalData(setup, []),
		'parameters.pod',
	);
}

type Search = Exclude<keyof typeof listSearch, 'default' | 'module.exports'>;
const search = async (name: Search, filter?: string) =>
	(await listSearch[name].call(loading(), filter)).results.map((entry) => entry.name);

test('every list that a field asks for is there', () => {
	const { description, methods } = new RunPod();
	const text = JSON.stringify(description.properties);
	const asked = (key: string) =>
		[
			...new Set([...text.matchAll(new RegExp(`"${key}":"(\\w+)"`, 'g'))].map(([, name]) => name)),
		].sort();
	expect(Object.keys(methods.listSearch).sort()).toEqual(asked('searchListMethod'));
	expect(Object.keys(methods.loadOptions).sort()).toEqual(asked('loadOptionsMethod'));
});

test('endpoints: paused ones say so; those without a queue take no jobs', async () => {
	account().setEndpoint({ id: 'night', name: 'Night shift', workersMax: 0 } as never);
	expect(await search('searchAllEndpoints')).toEqual([
		expect.stringMatching(/^Night shift \(night\) - paused$|^night \(night\) - paused$/),
		expect.stringMatching(/\(studio1\)$/),
	]);
	expect(await search('searchAllEndpoints', 'STUDIO')).toHaveLength(1);
	expect(await search('searchEndpoints')).toHaveLength(2);
});

test('Pods: name, ID, status and price', async () => {
	const { id } = await makePod({ name: 'b' });
	const { id: other } = await makePod({ name: 'a' });
	account().changePod(String(id), { status: 'EXITED' });
	account().changePod(String(other), { status: 'RUNNING' });
	expect(await search('searchPods')).toEqual([
		`n8n-runpod-a (${String(other)}) - RUNNING - $1.00/h`,
		`n8n-runpod-b (${String(id)}) - EXITED - $0.00/h`,
	]);
	expect(await search('searchPods', String(id))).toHaveLength(1);
});

test('network volumes: size and place', async () => {
	const volume = managed('networkVolume', 'create', {
		name: 'models',
		dataCenter: locator('EM-2'),
		sizeGb: 20,
	});
	const { id } = await one(volume);
	expect(await search('searchNetworkVolumes')).toEqual([`models (${String(id)}) - 20 GB - EM-2`]);
	expect(await loadOptions.getNetworkVolumes.call(loading())).toEqual([
		{ name: 'models - 20 GB - EM-2', value: id },
	]);
});

test('GPU types: memory, price and stock of now; in stock first, then the cheapest', async () => {
	const names = async () => (await loadOptions.getPodGpus.call(loading())).map(({ name }) => name);
	expect(await names()).toEqual([
		'Emulated GPU 24 - 24 GB - $1.00/h - stock HIGH',
		'Emulated GPU 48 - 48 GB - $2.00/h - stock LOW',
		'Emulated GPU 80 - 80 GB - $4.00/h - stock NONE',
	]);
	account().account.change({
		gpu: {
			'Emulated GPU 24': { availability: 'NONE' },
			'Emulated GPU 80': { availability: 'HIGH', price: 1.5 },
		},
	});
	expect(await names()).toEqual([
		'Emulated GPU 80 - 80 GB - $1.50/h - stock HIGH',
		'Emulated GPU 48 - 48 GB - $2.00/h - stock LOW',
		'Emulated GPU 24 - 24 GB - $1.00/h - stock NONE',
	]);
	expect(callsOf('catalog-gpus')[0].path).toContain('?include=AVAILABILITY&product=POD');
});

test('GPU pools: memory, price, stock and what is in them', async () => {
	expect(await loadOptions.getGpuPools.call(loading())).toEqual([
		{ name: 'ADA_24 - 24 GB - $1.00/h - stock HIGH (Emulated GPU 24)', value: 'ADA_24' },
		{ name: 'AMPERE_48 - 48 GB - $2.00/h - stock LOW (Emulated GPU 48)', value: 'AMPERE_48' },
		{ name: 'AMPERE_80 - 80 GB - $4.00/h - stock NONE (Emulated GPU 80)', value: 'AMPERE_80' },
	]);
	expect(callsOf('catalog-gpus')[0].path).toContain('product=SERVERLESS');
});

test('data centers: how many GPU types are in stock there', async () => {
	account().account.change({ gpu: { 'Emulated GPU 24': { stock: { 'EM-2': 'NONE' } } } });
	const expected = ['EM-1 - 2 of 3 GPU types in stock', 'EM-2 - 1 of 3 GPU types in stock'];
	expect(await search('searchDataCenters')).toEqual(expected);
	expect((await loadOptions.getDataCenters.call(loading())).map(({ name }) => name)).toEqual(
		expected,
	);
});

type Load = (this: ILoadOptionsFunctions) => Promise<unknown>;
const all: Array<[string, string, string, Load]> = [
	['searchEndpoints', 'serverless-list', 'list endpoints', listSearch.searchEndpoints],
	['searchAllEndpoints', 'serverless-list', 'list endpoints', listSearch.searchAllEndpoints],
	['searchPods', 'pods', 'list Pods', listSearch.searchPods],
	['searchNetworkVolumes', 'volume-list', 'list network volumes', listSearch.searchNetworkVolumes],
	[
		'searchDataCenters',
		'catalog-datacenters',
		'read the catalog of data centers',
		listSearch.searchDataCenters,
	],
	['getPodGpus', 'catalog-gpus', 'read the catalog of GPU types', loadOptions.getPodGpus],
	['getGpuPools', 'catalog-gpus', 'read the catalog of GPU types', loadOptions.getGpuPools],
	[
		'getDataCenters',
		'catalog-datacenters',
		'read the catalog of data centers',
		loadOptions.getDataCenters,
	],
	['getNetworkVolumes', 'volume-list', 'list network volumes', loadOptions.getNetworkVolumes],
];

test.each(all)(
	'%s shows what went wrong instead of an empty list',
	async (_name, operation, to, load) => {
		const said = async (setup?: Setup) => {
			const error = await load.call(loading(setup)).then(
				() => undefined,
				(thrown: Error & { description: string }) => thrown,
			);
			return `${error?.message} ${error?.description}`;
		};
		account().keys.add({ key: 'rpa_jobs_only', name: 'jobs', management: false } as never);
		const setup = managed('pod', 'create');
		expect(await said(withKey(setup, 'rpa_wrong'))).toMatch(/^The API key was not accepted\. /);
		expect(await said(withKey(setup, 'rpa_jobs_only'))).toMatch(
			new RegExp(`^The key is valid but may not ${to}\\. .*Settings > API Keys.*by its ID`),
		);
		fault(operation, { kind: 'reply', status: 503 });
		expect(await said()).toContain(`RunPod did not ${to}: HTTP 503`);
		fault(operation, { kind: 'reply', status: 429, retryAfter: 7 });
		expect(await said()).toContain("RunPod answered 'too many requests'");
		fault(operation, { kind: 'reply', status: 200, body: { things: [] } });
		expect(await said()).toContain(`RunPod did not ${to}: the answer has no list`);
	},
);

test.each(all)('%s is empty where the account has nothing', async (_name, operation, _to, load) => {
	const keys = ['endpoints', 'pods', 'networkVolumes', 'dataCenters', 'gpus'];
	const body = Object.fromEntries(keys.map((key) => [key, []]));
	fault(operation, { kind: 'reply', status: 200, body });
	expect([[], { results: [] }]).toContainEqual(await load.call(loading()));
});

test('pages are followed where they come, and a circle of them is left', async () => {
	const pages: Record<string, object> = {
		'/v2/pods': { pods: [{ id: 'p1', name: 'one', status: 'RUNNING' }], nextCursor: 'a b' },
		'/v2/pods?cursor=a%20b': {
			pods: [{ id: 'p2', name: 'two', status: 'RUNNING' }],
			nextCursor: 'a b',
		},
	};
	const stub = await startStub(({ path }) => ({ body: pages[path] }));
	const setup = managed('pod', 'create');
	setup.credentials.runPodApi!.managementBaseUrl = `${stub.url}/v2`;
	const { results } = await listSearch.searchPods.call(loading(setup));
	await stub.close();
	expect(results.map(({ value }) => value)).toEqual(['p1', 'p2']);
	expect(stub.seen.map(({ path }) => path)).toEqual(Object.keys(pages));
});
