/** The form as a user meets it: few fields, the right credential, nothing that cannot be reached. */
import type { INodeProperties } from 'n8n-workflow';
import { NodeHelpers } from 'n8n-workflow';
import { RunPod } from '../../nodes/RunPod/RunPod.node.ts';

const { description } = new RunPod();

function visible(parameters: Record<string, string>): INodeProperties[] {
	const node = { typeVersion: 1 };
	const full = NodeHelpers.getNodeParameters(
		description.properties,
		parameters,
		true,
		false,
		node as never,
		description,
	);
	return description.properties.filter((field) =>
		NodeHelpers.displayParameter(full!, field, node as never, description),
	);
}

const names = (fields: INodeProperties[]) => fields.map(({ name }) => name);

test('a new node asks for two things: an endpoint and a prompt', () => {
	const asked = visible({}).filter(({ required }) => required);
	expect(names(asked)).toEqual(['endpoint', 'prompt']);
});

test('the order of the form: what, where, prompt, the picture, the job', () => {
	expect(names(visible({}))).toEqual([
		'resource',
		'operation',
		'runOn',
		'endpoint',
		'prompt',
		'route',
		'negativePrompt',
		'width',
		'height',
		'seed',
		'steps',
		'cfgScale',
		'numImages',
		'outputAs',
		'options',
		'waitForResult',
		'simplify',
		'jobOptions',
	]);
});

test('a worker at its own address replaces the endpoint', () => {
	const fields = names(visible({ runOn: 'workerUrl' }));
	expect(fields).toContain('workerUrl');
	expect(fields).not.toContain('endpoint');
});

test('Poll Status asks for the job, and for times only while it waits', () => {
	const job = { resource: 'job', operation: 'pollStatus' };
	expect(names(visible(job))).toEqual([
		'resource',
		'operation',
		'runOn',
		'endpoint',
		'jobId',
		'pollMode',
		'simplify',
		'options',
		'jobOptions',
	]);
	expect(names(visible({ ...job, pollMode: 'untilFinished' }))).toEqual(
		expect.arrayContaining(['pollIntervalMs', 'pollTimeoutS']),
	);
});

test.each([
	['endpoint', 'runPodApi'],
	['workerUrl', 'runPodWorkerApi'],
])('Run On %s wants the credential %s and no other', (runOn, credential) => {
	const shown = description.credentials!.filter((entry) =>
		NodeHelpers.displayParameter({ runOn }, entry, { typeVersion: 1 } as never, description),
	);
	expect(shown.map(({ name, required }) => [name, required])).toEqual([[credential, true]]);
});

test.each([
	['endpoint', 'workerUrl'],
	['workerUrl', 'endpoint'],
])('a fallback of the other kind asks for its credential, once (%s to %s)', (runOn, fallback) => {
	const values = { runOn, jobOptions: { fallback } };
	const shown = description.credentials!.filter((entry) =>
		NodeHelpers.displayParameter(values, entry, { typeVersion: 1 } as never, description),
	);
	expect(shown.map(({ name }) => name).sort()).toEqual(['runPodApi', 'runPodWorkerApi']);
});

test('the storage asks for its credential where one is chosen, and nowhere else', () => {
	const shownWith = (jobOptions: Record<string, string>) =>
		description.credentials!.filter((entry) =>
			NodeHelpers.displayParameter({ jobOptions }, entry, { typeVersion: 1 } as never, description),
		);
	const storage = { name: 'runPodStorageApi', required: true };
	expect(shownWith({})).not.toContainEqual(expect.objectContaining(storage));
	expect(shownWith({ storage: 'none' })).not.toContainEqual(expect.objectContaining(storage));
	expect(shownWith({ storage: 'runPodStorage' })).toContainEqual(expect.objectContaining(storage));
});

test("the editor does not take 'Run On' for a choice of authentication, which it would not show", () => {
	const runOn = description.properties.find(({ name }) => name === 'runOn')!;
	const values = (runOn.options as Array<{ value: string }>).map(({ value }) => value);
	const showing = description.credentials!.flatMap(
		(entry) => entry.displayOptions?.show?.runOn ?? [],
	);
	expect(values.filter((value) => !showing.includes(value))).toEqual(['endpoint']);
});

test('no two fields of one view have the same name', () => {
	for (const route of ['create', 'production']) {
		for (const waitForResult of ['poll', 'callback', 'dontWait']) {
			const shown = names(visible({ route, waitForResult }));
			expect(new Set(shown).size).toBe(shown.length);
		}
	}
});

test("Submit Mode belongs to Poll, Webhook URL to Don't Wait", () => {
	const collection = description.properties.find(({ name }) => name === 'jobOptions')!;
	const options = collection.options as INodeProperties[];
	const shownWith = (waitForResult: string) =>
		names(
			options.filter((field) =>
				NodeHelpers.displayParameter({}, field, { typeVersion: 1 } as never, description, {
					waitForResult,
				}),
			),
		);
	expect(shownWith('poll')).toContain('submitMode');
	expect(shownWith('poll')).not.toContain('webhookUrl');
	expect(shownWith('dontWait')).toContain('webhookUrl');
	expect(shownWith('dontWait')).not.toContain('submitMode');
});

test('everything in the form is explained, and nothing is explained twice the same way', () => {
	const every = description.properties.flatMap((field) =>
		field.type === 'collection' ? (field.options as INodeProperties[]) : [field],
	);
	for (const field of every.filter(({ name }) => !['resource', 'operation'].includes(name))) {
		expect([field.name, (field.description ?? '').length > 10]).toEqual([field.name, true]);
		expect(field.description).not.toBe(field.displayName);
	}
});
