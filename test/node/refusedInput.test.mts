/** What is wrong before anything was submitted costs nothing: not even a request. */
import type { INodeParameters } from 'n8n-workflow';
import { runNode } from './harness.mts';
import { ENDPOINT, generate, ledger, locator, usePlatform, workerDoes } from './platform.mts';

usePlatform();

const url = `https://api.runpod.ai/v2/${ENDPOINT}/run`;

/** By expression: what stands in the form itself is refused by n8n before the run. */
const given = (value: string) => locator(`={{ ${JSON.stringify(value)} }}`);

const refused: Array<[string, INodeParameters, string]> = [
	['a prompt that comes empty', { prompt: '={{ "" }}' }, "'Prompt' must not be empty."],
	['a prompt of spaces', { prompt: '  \n' }, "'Prompt' must not be empty."],
	[
		'an expression without a value',
		{ prompt: '={{ $json.missing }}' },
		"'Prompt' must not be empty.",
	],
	[
		'a prompt that is too long',
		{ prompt: 'x'.repeat(4001) },
		"'Prompt' has 4001 characters; the limit is 4000.",
	],
	[
		'a width that is no multiple of 8',
		{ width: 1283 },
		'Width must be a multiple of 8; nearest: 1280.',
	],
	['a height below the limit', { height: 128 }, "'Height' must be between 256 and 2048, not 128."],
	['a half step', { steps: 2.5 }, "'Steps' must be a whole number, not 2.5."],
	[
		'a seed beyond 32 bits',
		{ seed: 4294967296 },
		"'Seed' must be between -1 and 4294967295, not 4294967296.",
	],
	['more winners than images', { numImages: 2, options: { topK: 3 } }, "'Keep Best'"],
	[
		'an unknown route',
		{ route: '={{ "draw" }}' },
		"'Route' must be one of create, production, not 'draw'.",
	],
	[
		'an unknown format',
		{ options: { outputFormat: 'gif' } },
		"'Format' must be one of jpeg, png, webp, not 'gif'.",
	],
	[
		'a pasted URL as the ID',
		{ endpoint: given(url) },
		'Endpoint ID must be the bare ID, without spaces or a URL.',
	],
	[
		'an ID with a space',
		{ endpoint: given('abc def') },
		'Endpoint ID must be the bare ID, without spaces or a URL.',
	],
	['an endpoint that comes empty', { endpoint: given('') }, "'Endpoint' must not be empty."],
	[
		'a queue timeout above the limit',
		{ jobOptions: { queueTimeoutS: 90000 } },
		"'Queue Timeout (Seconds)' must be between 5 and 86400, not 90000.",
	],
];

test.each(refused)('%s', async (_name, parameters, text) => {
	workerDoes();
	const { status, error, items } = await runNode(generate(parameters));
	expect(status).toBe('error');
	expect(items).toEqual([]);
	expect(error!.message).toContain(text);
	expect(error!.description).toContain('Nothing was submitted.');
	expect(error!.context?.itemIndex).toBe(0);
	expect(ledger().requests).toEqual([]);
});

test.each<[string, INodeParameters, string]>([
	['an empty prompt', { prompt: '' }, 'Parameter "Prompt" is required.'],
	['no endpoint', { endpoint: locator('', 'list') }, 'Parameter "Endpoint" is required.'],
	[
		'a pasted URL',
		{ endpoint: locator(url) },
		'Endpoint ID must be the bare ID, without spaces or a URL.',
	],
	[
		'a foreign URL',
		{ endpoint: locator('https://example.com/x', 'url') },
		'The URL must look like https://api.runpod.ai/v2/ID/run.',
	],
])('n8n does not even start with %s in the form', async (_name, parameters, text) => {
	await expect(runNode(generate(parameters))).rejects.toThrow(text);
	expect(ledger().requests).toEqual([]);
});

test('one bad item among good ones is found before the first submit', async () => {
	workerDoes();
	const { status, error } = await runNode(
		generate(
			{ width: '={{ $json.width }}' },
			{ items: [{ json: { width: 512 } }, { json: { width: 512 } }, { json: { width: 513 } }] },
		),
	);
	expect(status).toBe('error');
	expect(error!.message).toContain('Width must be a multiple of 8; nearest: 512.');
	expect(error!.context?.itemIndex).toBe(2);
	expect(ledger().requests).toEqual([]);
});

test('Round Size moves a size to the nearest one that works', async () => {
	workerDoes();
	await runNode(generate({ width: 1283, height: 717, options: { roundSize: true } }));
	expect(ledger().submits[0].input).toMatchObject({ width: 1280, height: 720 });
});

test('the ID is cut out of a pasted URL in the mode By URL', async () => {
	workerDoes();
	const { status } = await runNode(generate({ endpoint: locator(url, 'url') }));
	expect(status).toBe('success');
	expect(ledger().submits[0].endpointId).toBe(ENDPOINT);
});

test('numbers that an expression gives as text are numbers', async () => {
	workerDoes();
	await runNode(generate({ steps: '={{ "12" }}', cfgScale: '={{ "3.5" }}' }));
	expect(ledger().submits[0].input).toMatchObject({ steps: 12, cfg_scale: 3.5 });
});
