/** Caption > Generate from the form to the items. */
import type { IDataObject, INodeExecutionData, INodeParameters } from 'n8n-workflow';
import { bytesOf, runNode, startNode } from './harness.mts';
import type { Setup } from './harness.mts';
import { png } from './pictures.mts';
import { generate, ledger, until, usePlatform, workerDoes } from './platform.mts';
import { binaryOf } from './sources.mts';

usePlatform();

const image = (fileName: string, data = Buffer.from(png, 'base64')): INodeExecutionData => ({
	json: {},
	binary: { data: binaryOf(data, fileName) },
});

function caption(parameters: INodeParameters = {}, setup: Partial<Setup> = {}): Setup {
	const { prompt: _prompt, ...base } = generate().parameters;
	return {
		...generate({}, { items: [image('fox.png')], ...setup }),
		parameters: { ...base, resource: 'caption', ...parameters },
	};
}

/** The output of the route for so many images, in the contract's shape; `null` is an image that failed. */
function captioned(...texts: Array<string | null>): IDataObject {
	const error = { code: 'UNSUPPORTED_IMAGE', message: 'Image 2 is broken.' };
	return {
		route: 'caption',
		caption: texts[0],
		model: 'joycaption',
		model_variant: 'joycaption-beta-one',
		mode: 'default',
		prompt: 'Say what this image shows.',
		seed: 5,
		captions: texts.map((text, n) => {
			const id = `img_000_0${n}`;
			return text === null ? { id, error } : { id, caption: text, seed: 5 + n, retries: 0, repetitive: false };
		}),
		summary: { ok: texts.filter(Boolean).length, failed: texts.filter((text) => text === null).length },
		metadata: { precision: 'bfloat16', generation_params: {}, backend: 'local', license: null, worker: {} },
		meta: { job_id: 'x', duration_ms: 40 },
	};
}

test('one item with the caption, its text file and the image', async () => {
	workerDoes({ output: captioned('Ein Fuchs 🦊 im Schnee') });
	const { status, items } = await runNode(caption({ options: { triggerWord: 'ohwx' } }));
	expect(status).toBe('success');
	const [{ json, binary, pairedItem }] = items;
	expect(pairedItem).toEqual({ item: 0 });
	expect(json).toMatchObject({
		route: 'caption',
		caption: 'Ein Fuchs 🦊 im Schnee',
		model: 'joycaption',
		model_variant: 'joycaption-beta-one',
		mode: 'default',
		seed: 5,
		summary: { ok: 1, failed: 0 },
		files: [{ field: 'caption', fileName: 'fox.txt', mimeType: 'text/plain' }],
		job: { status: 'COMPLETED' },
	});
	expect(json.captions).toBeUndefined();
	expect((await bytesOf(binary!.caption)).toString('utf8')).toBe('ohwx, Ein Fuchs 🦊 im Schnee');
	expect((await bytesOf(binary!.data)).toString('base64')).toBe(png);
	expect(ledger().submits[0].input).toEqual({ route: 'caption', images: [png], model: 'joycaption', mode: 'default', prompt: '', length: 'any' });
});

test('what the form asks is what the worker gets', async () => {
	workerDoes({ output: captioned('Ada') });
	const { status } = await runNode(
		caption({
			mode: 'danbooru',
			modelVariant: 'joycaption-alpha-two',
			promptOptions: ['character_name', 'keep_pg'],
			promptVariables: { variable: [{ name: '{character_name}', value: 'Ada' }] },
			length: 'words',
			lengthWords: 120,
			options: { temperature: 0.5, maxNewTokens: 300, precision: '8bit', seed: 7, keepSource: false, saveCaptionFile: false },
		}),
	);
	expect(status).toBe('success');
	expect(ledger().submits[0].input).toEqual({
		route: 'caption',
		images: [png],
		model: 'joycaption',
		model_variant: 'joycaption-alpha-two',
		mode: 'danbooru',
		prompt: '',
		prompt_options: ['character_name', 'keep_pg'],
		prompt_variables: { character_name: 'Ada' },
		length: '120',
		generation_params: { temperature: 0.5, max_new_tokens: 300 },
		precision: '8bit',
		seed: 7,
	});
});

describe('several items in one job', () => {
	const five = ['a', 'b', 'c', 'd', 'e'].map((name) => image(`${name}.png`));

	test('order, pairing and file names are those of the items', async () => {
		workerDoes({ output: captioned('first', 'second', 'third', 'fourth'), times: 1 });
		workerDoes({ output: captioned('fifth') });
		const { items } = await runNode(
			caption({ options: { imagesPerJob: 4 }, jobOptions: { maxParallelJobs: 1, pollIntervalMs: 500 } }, { items: five }),
		);
		expect(ledger().submits.map(({ input }) => (input as { images: string[] }).images.length)).toEqual([4, 1]);
		expect(items.map(({ json }) => json.caption)).toEqual(['first', 'second', 'third', 'fourth', 'fifth']);
		expect(items.map(({ pairedItem }) => pairedItem)).toEqual([0, 1, 2, 3, 4].map((item) => ({ item })));
		expect(items.map(({ binary }) => binary!.caption.fileName)).toEqual(['a', 'b', 'c', 'd', 'e'].map((name) => `${name}.txt`));
		expect(items[3].json).toMatchObject({ seed: 8, summary: { ok: 5, failed: 0 } });
	});

	test('an image that the worker cannot read is one failed item among captions', async () => {
		workerDoes({ output: captioned('first', null, 'third') });
		const { items } = await runNode(
			caption({ options: { imagesPerJob: 3 } }, { items: five.slice(0, 3), settings: { onError: 'continueRegularOutput' } }),
		);
		expect(items.map(({ json }) => json.caption ?? json.error)).toEqual([
			'first',
			"'b.png' was not captioned: Image 2 is broken. [item 1]",
			'third',
		]);
		expect(items[1].json.details).toMatchObject({ code: 'UNSUPPORTED_IMAGE', job_id: expect.any(String) });
		expect(items[0].json.summary).toEqual({ ok: 2, failed: 1 });
	});

	test('a file that is no image is refused before the submit and parts its neighbours', async () => {
		workerDoes({ output: captioned('text') });
		const broken = image('b.txt', Buffer.from('not an image'));
		const { items } = await runNode(
			caption({ options: { imagesPerJob: 4 } }, { items: [five[0], broken, five[2]], settings: { onError: 'continueRegularOutput' } }),
		);
		expect(items.map(({ json }) => (json.error === undefined ? 'ok' : 'error'))).toEqual(['ok', 'error', 'ok']);
		expect(ledger().submits).toHaveLength(2);
	});

	test('a job that fails is told by each of its items', async () => {
		workerDoes({ error: 'OUT_OF_MEMORY: Out of memory.' });
		const { items } = await runNode(
			caption({ options: { imagesPerJob: 2 } }, { items: five.slice(0, 2), settings: { onError: 'continueRegularOutput' } }),
		);
		expect(items.map(({ pairedItem }) => pairedItem)).toEqual([{ item: 0 }, { item: 1 }]);
		for (const { json } of items) expect(json.details).toMatchObject({ code: 'OUT_OF_MEMORY' });
	});
});

test.each<[string, INodeParameters, RegExp]>([
	['a mode of another model', { model: 'blip', mode: 'danbooru' }, /'Mode' is 'danbooru'; BLIP has 'default'/],
	['a missing variable', { promptOptions: ['character_name'] }, /Missing required prompt variables: character_name/],
	['a variable of the prompt', { prompt: 'Call it {name}.' }, /Missing required prompt variables: name/],
	['too few words', { length: 'words', lengthWords: 19 }, /'Number of Words' must be.* 20.*260.*19/],
	['a temperature below zero', { options: { temperature: -1 } }, /'Temperature' must be.*0.*2.*-1/],
	['an unknown model', { model: 'florence' }, /'Model' must be one of.*'florence'/],
	['a batch beyond the limit', { options: { imagesPerJob: 5 } }, /'Images per Job' must be.*1.*4.*5/],
])('%s costs nothing and is told', async (_name, parameters, sentence) => {
	const { status, error } = await runNode(caption(parameters));
	expect(status).toBe('error');
	expect(error?.message).toMatch(sentence);
	expect(ledger().submits).toHaveLength(0);
});

test('an item without an image', async () => {
	const { error } = await runNode(caption({}, { items: [{ json: {} }] }));
	expect(error?.message).toMatch(/Source images required/);
	expect(ledger().submits).toHaveLength(0);
});

test('Stop in the middle cancels the jobs of joined images, each once', async () => {
	workerDoes({ runMs: 60_000 });
	const items = ['a.png', 'b.png', 'c.png', 'd.png'].map((name) => image(name));
	const { done, stop } = await startNode(caption({ options: { imagesPerJob: 2 } }, { items }));
	await until(() => ledger().submits.length === 2);
	stop();
	expect((await done).status).toBe('canceled');
	const submitted = ledger().submits.map(({ jobId }) => jobId);
	expect(ledger().cancels.map(({ jobId }) => jobId).sort()).toEqual([...submitted].sort());
	expect(ledger().openJobs).toEqual([]);
}, 20_000);
