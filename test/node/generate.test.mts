/** Image > Generate from the form to the items, on n8n's engine and the emulated platform. */
import { bytesOf, runNode } from './harness.mts';
import { jpeg, png, webp } from './pictures.mts';
import { generate, ledger, usePlatform, workerDoes } from './platform.mts';

usePlatform();

test('the form as it opens, with a prompt, makes one image and one item', async () => {
	workerDoes({ runMs: 100 });
	const { status, items } = await runNode(generate());
	expect(status).toBe('success');
	expect(items).toHaveLength(1);
	const [{ json, binary, pairedItem }] = items;
	expect(pairedItem).toEqual({ item: 0 });
	expect(binary?.data).toMatchObject({
		mimeType: 'image/jpeg',
		fileExtension: 'jpg',
		fileName: 'a red fox in the snow.jpg',
	});
	expect((await bytesOf(binary!.data)).toString('base64')).toBe(jpeg);
	expect(json).toMatchObject({
		route: 'create',
		aesthetic_score: 6.5,
		metadata: { prompt: 'a red fox in the snow', seed: 4242 },
		files: [{ field: 'data', fileName: 'a red fox in the snow.jpg', mimeType: 'image/jpeg' }],
	});
	expect(json.job).toMatchObject({
		status: 'COMPLETED',
		endpointId: 'studio1',
		servedBy: 'primary',
	});
});

test('what is submitted is what the form shows, under the names of the worker', async () => {
	workerDoes();
	await runNode(generate());
	const [submit] = ledger().submits;
	expect(submit.kind).toBe('run');
	expect(submit.input).toEqual({
		route: 'create',
		prompt: 'a red fox in the snow',
		negative_prompt: '',
		width: 1152,
		height: 768,
		seed: -1,
		steps: 25,
		cfg_scale: 7,
		num_images: 1,
	});
	expect(submit.policy).toEqual({ executionTimeout: 300_000, ttl: 86_400_000, lowPriority: false });
});

test('production has its own defaults and its own fields', async () => {
	workerDoes();
	const { items } = await runNode(
		generate({ route: 'production', options: { tileSize: 512, useTiledUpscale: false } }),
	);
	expect(items[0].json.route).toBe('production');
	expect(items[0].json).not.toHaveProperty('aesthetic_score');
	expect(ledger().submits[0].input).toMatchObject({
		route: 'production',
		width: 1024,
		height: 680,
		steps: 50,
		upscale_factor: 4,
		tile_size: 512,
		use_tiled_upscale: false,
	});
});

test.each([
	['png', png, 'image/png', 'png'],
	['webp', webp, 'image/webp', 'webp'],
])('format %s arrives byte for byte', async (outputFormat, expected, mimeType, extension) => {
	workerDoes();
	const { items } = await runNode(
		generate({ options: { outputFormat, filename: 'my fox', outputField: 'picture' } }),
	);
	const binary = items[0].binary!.picture;
	expect(binary).toMatchObject({ mimeType, fileName: `my fox.${extension}` });
	expect((await bytesOf(binary)).toString('base64')).toBe(expected);
});

test('an image that had to be sent in another format is named by what it is, and the item says so', async () => {
	const metadata = { encoded_as: 'jpeg', encoded_quality: 95, downgraded: true };
	workerDoes({ output: { route: 'create', image: jpeg, metadata } });
	const { items } = await runNode(
		generate({ options: { outputFormat: 'png', ifTooLarge: 'jpeg' } }),
	);
	expect(ledger().submits[0].input).toMatchObject({ output_format: 'png', if_too_large: 'jpeg' });
	expect(items[0].binary!.data).toMatchObject({ mimeType: 'image/jpeg', fileExtension: 'jpg' });
	expect(items[0].json.metadata).toMatchObject(metadata);
});

test('several images become one item each, of the same input item', async () => {
	workerDoes();
	const { items } = await runNode(generate({ numImages: 4, seed: 7, options: { topK: 3 } }));
	expect(items.map(({ pairedItem }) => pairedItem)).toEqual([
		{ item: 0 },
		{ item: 0 },
		{ item: 0 },
	]);
	const files = items.map(({ json }) => json.files as Array<{ field: string }>);
	expect(files.map((list) => list.length)).toEqual([1, 1, 1]);
	for (const [n, { binary }] of items.entries()) {
		expect(Object.keys(binary!)).toEqual([files[n][0].field]);
		expect((await bytesOf(Object.values(binary!)[0])).toString('base64')).toBe(jpeg);
	}
});

test('Simplify off hands on the reply of the platform without base64', async () => {
	workerDoes();
	const { items } = await runNode(generate({ simplify: false }));
	const { json, binary } = items[0];
	expect(json).toMatchObject({ status: 'COMPLETED', output: { route: 'create' } });
	expect(json.id).toBe(ledger().submits[0].jobId);
	expect(JSON.stringify(json)).not.toContain(jpeg.slice(0, 60));
	expect((await bytesOf(binary!.data)).toString('base64')).toBe(jpeg);
});

test.each([true, false])('no long text stays in the JSON, Simplify %s', async (simplify) => {
	workerDoes();
	const { items } = await runNode(
		generate({ simplify, numImages: 2, options: { outputFormat: 'png' } }),
	);
	for (const { json } of items) expect(JSON.stringify(json)).not.toContain(png.slice(0, 40));
});

test('expressions are read for each item, and the items come out in their order', async () => {
	// The first job takes longest: the order must not be that of the ends.
	workerDoes({ input: { prompt: 'first' }, runMs: 1500 });
	workerDoes({ runMs: 50 });
	const prompts = ['first', 'second', 'third'];
	const { items } = await runNode(
		generate(
			{ prompt: '={{ $json.prompt }}', seed: '={{ $itemIndex }}' },
			{ items: prompts.map((prompt) => ({ json: { prompt } })) },
		),
	);
	expect(items.map(({ json }) => (json.metadata as { prompt: string }).prompt)).toEqual(prompts);
	expect(items.map(({ pairedItem }) => pairedItem)).toEqual([
		{ item: 0 },
		{ item: 1 },
		{ item: 2 },
	]);
	expect(ledger().submits.map(({ input }) => input)).toMatchObject([
		{ prompt: 'first', seed: 0 },
		{ prompt: 'second', seed: 1 },
		{ prompt: 'third', seed: 2 },
	]);
});

test('the endpoint may differ from item to item', async () => {
	workerDoes();
	const outcome = await runNode(
		generate(
			{ endpoint: { __rl: true, mode: 'id', value: '={{ $json.endpoint }}' } },
			{
				items: [{ json: { endpoint: 'studio1' } }, { json: { endpoint: 'nowhere' } }],
				settings: { onError: 'continueErrorOutput' },
			},
		),
	);
	expect(outcome.items).toHaveLength(1);
	expect(outcome.errorItems).toHaveLength(1);
	expect(outcome.errorItems[0].json.error).toContain(
		"Endpoint 'nowhere' was not found with this key. A key sees only its own account.",
	);
});

test('no look at the job after its end, and none before one interval', async () => {
	workerDoes({ runMs: 200 });
	await runNode(generate());
	const { jobs, reads, submits } = ledger();
	expect(jobs[0].readsAfterFinal).toBe(0);
	expect(reads[submits[0].jobId][0].at - submits[0].at).toBeGreaterThanOrEqual(490);
});

test('a model of the volume and LoRAs are what the worker is asked for', async () => {
	workerDoes();
	const lora = [{ name: 'ink.safetensors', weight: 0.6 }, { name: 'fox' }];
	const { status } = await runNode(
		generate({ options: { model: 'juggernautXL', loras: { lora } } }),
	);
	expect(status).toBe('success');
	expect(ledger().submits[0].input).toMatchObject({
		model: 'juggernautXL',
		loras: [
			{ name: 'ink.safetensors', weight: 0.6 },
			{ name: 'fox', weight: 1 },
		],
	});
});

test('a LoRA without a name, or out of its limits, costs nothing', async () => {
	for (const [lora, sentence] of [
		[{ name: ' ' }, /'Name' must not be empty|'LoRAs'/],
		[{ name: 'ink', weight: 9 }, /'Weight' must be.*-4.*4.*9|'LoRAs'.*4/],
	] as const) {
		const { error } = await runNode(generate({ options: { loras: { lora: [lora] } } }));
		expect(error?.message).toMatch(sentence);
	}
	expect(ledger().submits).toHaveLength(0);
});
