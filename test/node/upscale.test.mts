/** Image > Upscale from the form to the items. */
import { bytesOf, runNode } from './harness.mts';
import { jpeg, png } from './pictures.mts';
import { ledger, usePlatform, workerDoes } from './platform.mts';
import { binaryOf, upscale, upscaled } from './sources.mts';

usePlatform();

test('the form as it opens enlarges the binary field of the item', async () => {
	workerDoes({ output: upscaled(1) });
	const { status, items } = await runNode(upscale());
	expect(status).toBe('success');
	expect(ledger().submits[0].input).toEqual({
		route: 'upscale',
		images: [png],
		upscale_factor: 4,
		upscale_model: 'photo',
	});
	const [{ json, binary, pairedItem }] = items;
	expect(pairedItem).toEqual({ item: 0 });
	expect(binary!.data).toMatchObject({ fileName: 'fox-up.png', mimeType: 'image/png' });
	expect((await bytesOf(binary!.data)).toString('base64')).toBe(png);
	expect(json).toMatchObject({
		route: 'upscale',
		metadata: { upscaler: 'Studio Demo 4x', passes: 1, final_width: 16 },
		files: [{ field: 'data', fileName: 'fox-up.png', width: 16, height: 8 }],
	});
});

test('a target size takes the place of the factor', async () => {
	workerDoes({ output: upscaled(1) });
	await runNode(
		upscale({
			sizeBy: 'target',
			targetWidth: 5000,
			targetHeight: 3333,
			upscaleModel: 'conservative',
			options: { tileSize: 512, useTiledUpscale: true, filename: 'poster', outputFormat: 'png' },
		}),
	);
	expect(ledger().submits[0].input).toEqual({
		route: 'upscale',
		images: [png],
		final_resolution: [5000, 3333],
		upscale_model: 'conservative',
		tile_size: 512,
		use_tiled_upscale: true,
		filename: 'poster',
		output_format: 'png',
	});
});

test('several images become one item each, and every one its own file', async () => {
	workerDoes({ output: upscaled(2) });
	const binary = {
		a: binaryOf(Buffer.from(png, 'base64')),
		b: binaryOf(Buffer.from(jpeg, 'base64')),
	};
	const { items } = await runNode(
		upscale({ inputField: 'a,b' }, { items: [{ json: {}, binary }] }),
	);
	expect(items.map(({ json }) => [json.id, json.source_id])).toEqual([
		['img_000_00_up', 'img_000_00'],
		['img_000_01_up', 'img_000_01'],
	]);
	for (const { binary: made } of items) expect(Object.keys(made!)).toHaveLength(1);
});

test.each([
	[{ upscaleFactor: 9 }, "'Upscale Factor' must be between 1 and 8, not 9."],
	[
		{ sizeBy: 'target', targetWidth: 8193 },
		"'Target Width' must be between 16 and 8192, not 8193.",
	],
	[{ sizeBy: 'target', targetHeight: 100.5 }, "'Target Height' must be a whole number, not 100.5."],
	[
		{ upscaleModel: 'anime' },
		"'Upscale Model' must be one of photo, art, conservative, not 'anime'.",
	],
])('%j is refused before anything is submitted', async (parameters, message) => {
	workerDoes({ output: upscaled(1) });
	const { status, error } = await runNode(upscale(parameters));
	expect([status, error?.message]).toEqual(['error', message]);
	expect(ledger().submits).toEqual([]);
});

test('a result without an image is a failure', async () => {
	workerDoes({ output: { route: 'upscale', metadata: {} } });
	const { error } = await runNode(upscale());
	expect(error?.message).toMatch(/completed without an image/);
});
