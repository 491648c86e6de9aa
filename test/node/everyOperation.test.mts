/** Every operation that the form offers sends the key as Bearer, and leaves it nowhere, whatever comes back. */
import type { INodeParameters, INodePropertyOptions } from 'n8n-workflow';
import { RunPod } from '../../nodes/RunPod/RunPod.node.ts';
import { everything, runNode } from './harness.mts';
import { account, GPU, ledger, managed, useAccount } from './managed.mts';
import { png } from './pictures.mts';
import { KEY, locator } from './platform.mts';
import { binaryOf } from './sources.mts';

useAccount();

const operations = new RunPod().description.properties
	.filter(({ name }) => name === 'operation')
	.flatMap(({ displayOptions, options }) =>
		(options as INodePropertyOptions[]).map(({ value }): [string, string] => [
			String(displayOptions!.show!.resource![0]),
			String(value),
		]),
	);

/** Enough for each of them; n8n leaves out what the form does not show. */
const parameters: INodeParameters = {
	endpoint: locator('studio1'),
	managedEndpoint: locator('studio1'),
	pod: locator('p1'),
	dataCenter: locator('EM-1'),
	jobId: 'job-1',
	input: '{"a": 1}',
	prompt: 'a red fox',
	name: 'mine',
	image: 'me/worker:1',
	gpuTypes: [GPU],
	waitUntilReady: false,
	fields: { name: 'other', sizeGb: 200, maxWorkers: 1 },
	jobOptions: { pollIntervalMs: 500, costEstimate: false },
};

async function run(resource: string, operation: string) {
	// Of a volume only its own operations: a Pod would be created beside it.
	const own: Record<string, INodeParameters> = {
		networkVolume: { networkVolume: locator('v1') },
		gpuType: { dataCenter: 'EM-1' },
	};
	const items = [{ json: {}, binary: { data: binaryOf(Buffer.from(png, 'base64'), 'fox.png') } }];
	const outcome = await runNode(
		managed(resource, operation, { ...parameters, ...own[resource] }, { items }),
	);
	const { requests } = ledger();
	expect(requests.length).toBeGreaterThan(0);
	for (const { headers } of requests) expect(headers.authorization).toBe(`Bearer ${KEY}`);
	expect(everything(outcome)).not.toContain(KEY);
	expect(ledger().leaks).toEqual([]);
	return outcome;
}

test('they are all there', () => expect(operations.length).toBeGreaterThan(30));

test.each(operations)('%s > %s, and what it starts echoes the key', async (resource, operation) => {
	account().addScript({ script: { error: `JOB_FAILED: sent was Bearer ${KEY}` } });
	await run(resource, operation);
});

test.each(operations)(
	'%s > %s, refused with the key in the answer',
	async (resource, operation) => {
		const fault = { kind: 'reply' as const, status: 400, body: { detail: `bad key ${KEY}` } };
		account().addFault({ fault });
		for (const name of [
			'pods',
			'pod-create',
			'pod-get',
			'pod-delete',
			'pod-action',
			'serverless-list',
			'serverless-create',
			'serverless-get',
			'serverless-update',
			'serverless-delete',
			'volume-list',
			'volume-create',
			'volume-get',
			'volume-update',
			'volume-delete',
			'catalog-gpus',
			'billing',
		] as const) {
			account().addFault({ operation: name, fault });
		}
		const { error, items } = await run(resource, operation);
		if (operation === 'getHealth') {
			// An endpoint that tells nothing is an item of its own.
			expect(items[0].json.state).toBe('ERRORED');
			return;
		}
		expect(`${error?.message} ${error?.description}`).toContain('bad key ***');
	},
);
