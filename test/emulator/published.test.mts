/**
 * The emulator against RunPod's published OpenAPI document of the management plane: its own replies,
 * and what its body schemas take and refuse. The document is none of this project's files; its path
 * stands in RUNPOD_OPENAPI.
 */
import { readFileSync } from 'node:fs';
import type { ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { BODIES, type BodyName } from '../../emulator/runpod/management/schemas.mts';
import { failuresOf } from '../../emulator/runpod/management/validate.mts';
import { startEmulator } from '../../emulator/server.mts';
import type { RunningEmulator } from '../../emulator/server.mts';

const path = process.env.RUNPOD_OPENAPI;
if (path === undefined) {
	console.info(
		'Skipped: the emulator against the published document. Set RUNPOD_OPENAPI to the path of https://api.runpod.io/v2/openapi.json.',
	);
}
jest.setTimeout(300_000);

type Doc = Record<string, any>;
/** ajv 8 forgets what it has evaluated when an `if` beside `unevaluatedProperties` fails: the same in other words. */
function withoutIf(_: string, value: unknown): unknown {
	if (typeof value !== 'object' || value === null || !('unevaluatedProperties' in value))
		return value;
	const { if: condition, then, allOf = [], ...rest } = value as Doc;
	if (condition === undefined) return value;
	return {
		...rest,
		allOf: [...(allOf as unknown[]), { anyOf: [{ not: condition as unknown }, then as unknown] }],
	};
}
const doc: Doc =
	path === undefined ? {} : (JSON.parse(readFileSync(path, 'utf8'), withoutIf) as Doc);
const ajv = new Ajv2020({ strict: false, allErrors: true });
formats.default(ajv);
// The document's own example of a job URL holds a literal {job_id}, which is no URI.
ajv.addFormat('uri', true);
ajv.addSchema(doc, 'published');

const compiled = new Map<string, ValidateFunction>();
function schemaOf(schema: unknown): ValidateFunction {
	const text = JSON.stringify(schema).replaceAll('"#/', '"published#/');
	const validate = compiled.get(text) ?? ajv.compile(JSON.parse(text) as object);
	compiled.set(text, validate);
	return validate;
}
const resolve = (value: Doc): Doc =>
	value.$ref === undefined
		? value
		: (value.$ref as string)
				.split('/')
				.slice(1)
				.reduce((at: Doc, key) => at[key] as Doc, doc);

let emulator: RunningEmulator;
const KEY = 'rpa_published';
const problems: string[] = [];
let checked = 0;

/** Sends a request and checks its reply; `template` is the path as the document writes it. */
async function send(
	method: string,
	template: string,
	id = '',
	body?: unknown,
	query = '',
	key = KEY,
) {
	const url = `${emulator.url}/management${template.replace('{id}', id)}${query}`;
	const response = await fetch(url, {
		method,
		headers: { authorization: `Bearer ${key}` },
		...(body === undefined ? {} : { body: JSON.stringify(body) }),
	});
	const text = await response.text();
	const { responses } = doc.paths[template][method.toLowerCase()] as Doc;
	const told = responses[response.status] ?? responses.default;
	const content = Object.entries(resolve(told as Doc).content ?? {});
	const type = (response.headers.get('content-type') ?? '').split(';')[0];
	const where = `${method} ${template} ${response.status}`;
	checked += 1;
	const answer: Doc = text === '' ? {} : (JSON.parse(text) as Doc);
	if (content.length === 0) {
		if (text !== '') problems.push(`${where}: a body where there is none`);
		return answer;
	}
	const [wanted, { schema }] = content[0] as [string, Doc];
	if (type !== wanted) problems.push(`${where}: ${type} instead of ${wanted}`);
	const validate = schemaOf(schema);
	if (!validate(answer)) problems.push(`${where}: ${JSON.stringify(validate.errors)}`);
	return answer;
}

const gpu = { id: 'Emulated GPU 24', count: 1 };
const pod = { name: 'p', image: 'i', gpu, ports: ['8000/http'] };
const scaling = { type: 'QUEUE_DELAY', queueDelay: 4 };
const endpoint = { name: 'e', image: 'i', type: 'QUEUE', scaling, gpu: { pools: ['ADA_24'] } };

const published = path === undefined ? describe.skip : describe;
published('as published', () => {
	beforeAll(async () => {
		emulator = await startEmulator({
			clock: 'fake',
			keys: [{ key: KEY }, { key: 'rpa_narrow_key', name: 'narrow', management: false }],
			endpoints: [{ id: 'set-by-a-test' }],
		});
	});
	afterAll(async () => await emulator.close());

	test('every reply', async () => {
		const volume = await send('POST', '/v2/network-volumes', '', {
			name: 'v',
			size: 10,
			dataCenter: 'EM-1',
		});
		await send('GET', '/v2/network-volumes/{id}', volume.id);
		await send('PATCH', '/v2/network-volumes/{id}', volume.id, { size: 20 });
		await send('PATCH', '/v2/network-volumes/{id}', volume.id, { size: 10 });
		await send('GET', '/v2/network-volumes');

		const mounts = { network: [{ volumeId: volume.id, path: '/workspace' }] };
		const created = await send('POST', '/v2/pods', '', { ...pod, mounts, startJupyter: false });
		const cpu = await send('POST', '/v2/pods', '', {
			name: 'c',
			image: 'i',
			cpu: { id: 'cpu5c', vcpuCount: 2 },
		});
		for (const refused of [
			{},
			{ ...pod, disk: 0 },
			{ ...pod, gpu: { ...gpu, count: 99 } },
			{ ...pod, templateId: 'x' },
		])
			await send('POST', '/v2/pods', '', refused);
		for (let step = 0; step < 3; step++) {
			await send('GET', '/v2/pods/{id}', created.id);
			await emulator.control.advance(500);
		}
		await send('PATCH', '/v2/pods/{id}', created.id, { locked: true });
		await send('POST', '/v2/pods/{id}/action', created.id, { action: 'stop' });
		await send('PATCH', '/v2/pods/{id}', created.id, { locked: false, name: 'q' });
		for (const action of ['restart', 'stop', 'stop', 'start', 'reset'])
			await send('POST', '/v2/pods/{id}/action', created.id, { action });
		await send('GET', '/v2/pods');
		await send('POST', '/v2/pods/{id}/action', cpu.id, { action: 'terminate' });
		await send('DELETE', '/v2/pods/{id}', created.id);
		await send('DELETE', '/v2/pods/{id}', created.id);

		const made = await send('POST', '/v2/serverless', '', endpoint);
		await send('POST', '/v2/serverless', '', {
			...endpoint,
			type: 'LOAD_BALANCER',
			scaling: { type: 'REQUEST_COUNT', requestCount: 1 },
			gpu: undefined,
			cpu: [{ id: 'cpu5c', vcpuCount: 2 }],
		});
		await send('POST', '/v2/serverless', '', { name: 'e' });
		await send('GET', '/v2/serverless');
		await send('GET', '/v2/serverless/{id}', 'set-by-a-test');
		await send('PATCH', '/v2/serverless/{id}', made.id, {
			workers: { max: 0 },
			gpu: { minCudaVersion: '12.8' },
		});
		await send('PATCH', '/v2/serverless/{id}', made.id, { workersMax: 0 });
		emulator.control.account.change({ workers: { [made.id]: [{ id: 'w', status: 'THROTTLED' }] } });
		await send('GET', '/v2/serverless/{id}/workers', made.id);
		await send('DELETE', '/v2/serverless/{id}', made.id);
		await send('GET', '/v2/serverless/{id}', made.id);

		await send('GET', '/v2/catalog/gpus');
		await send('GET', '/v2/catalog/gpus', '', undefined, '?include=AVAILABILITY&product=POD');
		await send('GET', '/v2/catalog/gpus', '', undefined, '?include=AVAILABILITY');
		await send('GET', '/v2/catalog/datacenters');
		await send('GET', '/v2/catalog/datacenters', '', undefined, '?include=GPU_AVAILABILITY');
		for (const product of ['', '/pods', '/serverless', '/network-volumes']) {
			await send('GET', `/v2/billing${product}`);
			await send('GET', `/v2/billing${product}`, '', undefined, '?lastN=3&bucketSize=hour');
			await send('GET', `/v2/billing${product}`, '', undefined, '?lastN=0');
		}
		await send('DELETE', '/v2/network-volumes/{id}', volume.id);
		await send('GET', '/v2/pods', '', undefined, '', 'rpa_wrong_key');
		await send('GET', '/v2/pods', '', undefined, '', 'rpa_narrow_key');
		for (const status of [402, 429, 500]) {
			emulator.control.addFault({ operation: 'pods', times: 1, fault: { kind: 'reply', status } });
			await send('GET', '/v2/pods');
		}
		console.info(`${checked} replies of the emulator checked, ${problems.length} refused`);
		expect(problems).toEqual([]);
	});

	const bodies: Array<[BodyName, string, unknown[]]> = [
		[
			'createPod',
			'CreatePodRequest',
			[
				pod,
				{ ...pod, templateId: 't', image: undefined },
				{ name: 'n' },
				{ ...pod, name: '' },
				{ ...pod, disk: 0 },
				{ ...pod, disk: 1.5 },
				{ ...pod, env: { A: 1 } },
				{ ...pod, ports: '8000/http' },
				{ ...pod, registry: null },
				{ ...pod, cloud: 'ALL' },
				{ ...pod, gpu: { count: 1 } },
				{ ...pod, gpu: { ...gpu, count: 0 } },
				{ ...pod, gpu: { ...gpu, pool: 'x' } },
				{ ...pod, gpu: { ...gpu, minCudaVersion: '12' } },
				{ ...pod, cpu: { id: '', vcpuCount: 2 } },
				{ ...pod, cpu: { id: 'c', vcpuCount: 1 } },
				{ ...pod, mounts: { persistent: { size: 9, path: '/w' } } },
				{ ...pod, mounts: { network: [] } },
				{ ...pod, mounts: { network: [{ volumeId: 'v' }] } },
				{ ...pod, startSsh: 'no' },
				{ ...pod, imageName: 'i' },
			],
		],
		[
			'updatePod',
			'UpdatePodRequest',
			[{}, { locked: true }, { gpu }, { name: '' }, { mounts: {} }, { templateId: '' }],
		],
		[
			'podAction',
			'PodActionRequest',
			[{ action: 'stop' }, { action: 'reset' }, {}, { action: 'stop', force: true }],
		],
		[
			'createEndpoint',
			'CreateEndpointRequest',
			[
				endpoint,
				{ ...endpoint, scaling: undefined },
				{ ...endpoint, type: 'LOAD' },
				{ ...endpoint, gpu: { pools: [] } },
				{ ...endpoint, gpu: { count: 1 } },
				{ ...endpoint, gpu: { pools: ['A'], excludedTypes: ['-x'] } },
				{ ...endpoint, scaling: { type: 'QUEUE_DELAY', queueDelay: 0.4 } },
				{ ...endpoint, workers: { idleTimeout: 3601 } },
				{ ...endpoint, workers: { idleTimeout: 0 } },
				{ ...endpoint, workers: { max: -1 } },
				{ ...endpoint, flashboot: true },
				{ ...endpoint, networkVolumes: ['v'], dataCenterIds: ['d'], timeout: 1, disk: 30, env: {} },
				{ ...endpoint, cpu: [] },
				{ ...endpoint, image: undefined },
				{ ...endpoint, templateId: '' },
			],
		],
		[
			'updateEndpoint',
			'UpdateEndpointRequest',
			[
				{},
				{ workers: { max: 0 } },
				{ type: 'QUEUE' },
				{ gpu: { excludedTypes: ['a'] } },
				{ gpu: { minCudaVersion: '' } },
				{ gpu: { pools: ['A'], excludedTypes: ['a', 'a'] } },
				{ name: '' },
				{ templateId: '' },
			],
		],
		[
			'createVolume',
			'CreateNetworkVolumeRequest',
			[
				{ name: 'v', size: 10, dataCenter: 'd' },
				{ name: 'v', size: 9, dataCenter: 'd' },
				{ name: 'v', size: 4097, dataCenter: 'd' },
				{ name: 'v', size: 10 },
				{ name: 'v', size: 10, dataCenter: 'd', type: 'FAST' },
				{ name: 'v', size: 10, dataCenterId: 'd' },
			],
		],
		[
			'updateVolume',
			'UpdateNetworkVolumeRequest',
			[{}, { name: 'v' }, { size: 4096 }, { size: '20' }, { dataCenter: 'd' }],
		],
	];
	test.each(bodies)('%s takes and refuses what the document does', (name, published, samples) => {
		expect(Object.keys(BODIES)).toContain(name);
		const validate = schemaOf({ $ref: `#/components/schemas/${published}` });
		const different = samples
			.map((sample) => JSON.parse(JSON.stringify(sample)) as unknown)
			.filter((sample) => validate(sample) !== (failuresOf(name, sample).length === 0));
		expect(different).toEqual([]);
	});
});
