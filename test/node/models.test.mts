/** The list of the field 'Model': where it comes from, what it costs, and what stands in its place. */
import { LoadOptionsContext } from 'n8n-core';
import type { INodeParameters } from 'n8n-workflow';
import { RunPod } from '../../nodes/RunPod/RunPod.node.ts';
import { searchModels } from '../../nodes/RunPod/methods/modelSearch.ts';
import { makeAdditionalData, makeWorkflow, NODE, runNode } from './harness.mts';
import {
	changeEndpoint,
	fault,
	generate,
	KEY,
	ledger,
	locator,
	usePlatform,
	workerDoes,
} from './platform.mts';
import { startStub } from './stub.mts';

usePlatform();

const checkpoint = (name: string, more: Record<string, unknown> = {}) => ({
	name,
	type: 'sdxl',
	usable: true,
	installed: true,
	bytes: 6_900_000_000,
	...more,
});

/** What the worker's route `models` gives, in its order. */
const listed = {
	route: 'models',
	checkpoints: [
		checkpoint('painter.safetensors'),
		checkpoint('playground-v2.5', { type: 'playground', title: 'Playground v2.5' }),
		checkpoint('flux1-dev.safetensors', { type: 'flux', usable: false }),
	],
	loras: [],
	default_model: 'playground-v2.5',
};

const entries = [
	{ name: 'Playground v2.5 (playground, default)', value: 'playground-v2.5' },
	{ name: 'painter.safetensors (sdxl)', value: 'painter.safetensors' },
];

/** Opens the list as the editor does, with the node's parameters as they stand in the form. */
async function open(parameters: INodeParameters = {}, worker?: { baseUrl: string; token: string }) {
	const setup = generate(parameters);
	if (worker !== undefined) setup.credentials.runPodWorkerApi = worker;
	const workflow = makeWorkflow(setup);
	const node = workflow.getNode(NODE)!;
	const additionalData = makeAdditionalData(setup, []);
	additionalData.currentNodeParameters = node.parameters;
	const context = new LoadOptionsContext(
		workflow,
		node,
		additionalData,
		'parameters.options.model',
	);
	return (await searchModels.call(context)).results;
}

/** What the list shows instead of entries. */
async function problem(...args: Parameters<typeof open>) {
	const error = await open(...args).catch((thrown: unknown) => thrown);
	expect(error).toBeInstanceOf(Error);
	const { message, description } = error as Error & { description: string };
	return { message, description };
}

describe('on an endpoint', () => {
	test('an idle worker is asked by one short job', async () => {
		changeEndpoint({ workers: { idle: 1 } });
		workerDoes({ output: listed });
		expect(await open()).toEqual(entries);
		const { submits, cancels } = ledger();
		expect(submits.map(({ input }) => input)).toEqual([{ route: 'models' }]);
		// Should everything else fail, the platform drops it soon.
		expect(submits[0].policy).toMatchObject({ executionTimeout: 60_000, ttl: 75_000 });
		expect(cancels).toEqual([]);
	});

	test.each([
		['no worker', {}],
		['a starting worker', { initializing: 1 }],
		['a busy worker', { running: 1, ready: 1 }],
	])('%s: nothing is submitted, and the text says what to do', async (_name, workers) => {
		changeEndpoint({ workers });
		const { message, description } = await problem();
		expect(message).toBe(
			"Endpoint 'studio1' has no idle worker, and starting one for a list would cost money.",
		);
		expect(description).toContain("Choose 'By Name' and type the name of the model.");
		expect(ledger().submits).toEqual([]);
	});

	test('a job that nobody takes after all is cancelled', async () => {
		changeEndpoint({ workers: { idle: 1 } });
		workerDoes({ output: listed, queueMs: 600_000 });
		const { message } = await problem();
		expect(message).toContain('15 seconds');
		expect(ledger().submits).toHaveLength(1);
		expect(ledger().cancels).toHaveLength(1);
	}, 40_000);

	test('a worker that fails is told in its own words', async () => {
		changeEndpoint({ workers: { idle: 1 } });
		workerDoes({ error: "INVALID_ROUTE: Invalid route: 'models'. Must be one of 'x'" });
		expect((await problem()).message).toContain("Invalid route: 'models'");
	});

	test.each([
		['another output', { text: 'hello' }, 'The worker of this endpoint does not list its models.'],
		['no model', { ...listed, checkpoints: [] }, 'This worker has no model for images from text.'],
	])('%s is no empty list', async (_name, output, text) => {
		changeEndpoint({ workers: { idle: 1 } });
		workerDoes({ output });
		expect((await problem()).message).toBe(text);
	});

	test('an endpoint that is an expression or is missing is told before anything is asked', async () => {
		expect((await problem({ endpoint: locator('={{ $json.id }}') })).message).toContain(
			"'Endpoint' is an expression",
		);
		expect((await problem({ endpoint: locator('', 'list') })).message).toBe(
			"'Endpoint' must not be empty.",
		);
		expect(ledger().requests).toEqual([]);
	});

	test('a health that cannot be read submits nothing and shows no key', async () => {
		fault({ operation: 'health', fault: { kind: 'reply', status: 401, body: { error: KEY } } });
		const { message, description } = await problem();
		expect(message).toContain("The health of endpoint 'studio1' could not be read: HTTP 401");
		expect(message + description).not.toContain(KEY);
		expect(ledger().submits).toEqual([]);
	});
});

describe('on a worker at its own address', () => {
	const atWorker = { runOn: 'workerUrl', workerUrl: '' };

	test('it is asked by HTTP, with its token and without a job', async () => {
		const stub = await startStub(() => ({ body: { ...listed, models: {} } }));
		try {
			expect(await open(atWorker, { baseUrl: stub.url, token: 'a token' })).toEqual(entries);
			expect(stub.seen).toMatchObject([
				{ method: 'GET', path: '/api/models', headers: { authorization: 'Bearer a token' } },
			]);
		} finally {
			await stub.close();
		}
	});

	test.each([
		[404, {}, 'This worker does not list its models.'],
		[200, { models: {} }, 'This worker does not list its models.'],
		[401, {}, 'The worker did not list its models: HTTP 401.'],
	])('an answer %i without a list says so', async (status, body, text) => {
		const stub = await startStub(() => ({ status, body }));
		try {
			const { message, description } = await problem(atWorker, { baseUrl: stub.url, token: 't' });
			expect(message).toBe(text);
			expect(description).toContain('By Name');
		} finally {
			await stub.close();
		}
	});
});

test('the field is a list with a way to type the name, and its list is there', () => {
	const { description, methods } = new RunPod();
	const options = description.properties.filter(
		({ name, displayOptions }) => name === 'options' && displayOptions?.show?.route !== undefined,
	);
	expect(options).toHaveLength(2);
	for (const { options: fields } of options) {
		const [model] = (fields ?? []).filter(({ name }) => name === 'model') as never as Array<{
			modes: Array<{
				name: string;
				typeOptions?: { searchListMethod: string; searchable: boolean };
			}>;
		}>;
		expect(model.modes.map(({ name }) => name)).toEqual(['list', 'name']);
		// Each letter of a search would be another paid job.
		expect(model.modes[0].typeOptions).toEqual({
			searchListMethod: 'searchModels',
			searchable: false,
		});
		expect(methods.listSearch).toHaveProperty('searchModels');
	}
});

test.each([
	['chosen from the list', locator('painter.safetensors', 'list'), 'painter.safetensors'],
	['typed', locator(' painter ', 'name'), 'painter'],
	['the plain text of an older workflow', 'painter', 'painter'],
	['an expression', '={{ "paint" + "er" }}', 'painter'],
	['an expression in the field', locator('={{ "paint" + "er" }}', 'name'), 'painter'],
	['left empty', locator('', 'list'), undefined],
	['an empty text', '', undefined],
])('a model that is %s arrives as its name', async (_name, model, expected) => {
	workerDoes();
	const { status } = await runNode(generate({ options: { model } }));
	expect(status).toBe('success');
	expect(ledger().submits[0].input.model).toBe(expected);
});

test('a model that is no text is refused before anything is submitted', async () => {
	workerDoes();
	const { error } = await runNode(generate({ options: { model: { id: 3 } } }));
	expect(error?.message).toContain("'Model' must be text");
	expect(ledger().submits).toEqual([]);
});
