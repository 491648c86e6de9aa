/** Image > Score from the form to the items. */
import { bytesOf, runNode } from './harness.mts';
import { jpeg, png } from './pictures.mts';
import { ledger, usePlatform, workerDoes } from './platform.mts';
import { binaryOf, score, scored } from './sources.mts';

usePlatform();

test('one item with the scores, and the picture stays with them', async () => {
	workerDoes({ output: scored(1) });
	const { status, items } = await runNode(score());
	expect(status).toBe('success');
	expect(items).toHaveLength(1);
	const [{ json, binary, pairedItem }] = items;
	expect(pairedItem).toEqual({ item: 0 });
	expect(json).toMatchObject({
		route: 'score',
		scores: [
			{
				id: 'img_000_00',
				aesthetic_score: 7.25,
				score_model: 'studio-demo-quality',
				score_min: 1,
				score_max: 10,
			},
		],
		files: [{ field: 'data', fileName: 'fox.png', mimeType: 'image/png', width: 16, height: 8 }],
		job: { status: 'COMPLETED' },
	});
	expect((await bytesOf(binary!.data)).toString('base64')).toBe(png);
	expect(JSON.stringify(json)).not.toContain(png.slice(0, 40));
	expect(ledger().submits[0].input).toEqual({ route: 'score', images: [png] });
});

test('files are in the order of the scores', async () => {
	workerDoes({ output: scored(2) });
	const binary = {
		first: binaryOf(Buffer.from(png, 'base64')),
		second: binaryOf(Buffer.from(jpeg, 'base64'), 'b.jpg', 'image/jpeg'),
	};
	const { items } = await runNode(
		score({ inputField: 'second,first' }, { items: [{ json: {}, binary }] }),
	);
	expect(items[0].json.files).toMatchObject([{ field: 'second' }, { field: 'first' }]);
	expect(items[0].json.scores).toMatchObject([{ id: 'img_000_00' }, { id: 'img_000_01' }]);
	expect(Object.keys(items[0].binary!).sort()).toEqual(['first', 'second']);
});

test('JSON alone without Keep Input Images', async () => {
	workerDoes({ output: scored(1) });
	const { items } = await runNode(score({ options: { keepSource: false } }));
	expect(items[0].binary).toBeUndefined();
	expect(items[0].json.files).toEqual([]);
});

test('each item keeps its own picture', async () => {
	workerDoes({ output: scored(1) });
	const items = [png, jpeg].map((image, n) => ({
		json: {},
		binary: { data: binaryOf(Buffer.from(image, 'base64'), `${n}.png`) },
	}));
	const outcome = await runNode(score({}, { items }));
	const kept = await Promise.all(outcome.items.map(({ binary }) => bytesOf(binary!.data)));
	expect(kept.map((image) => image.toString('base64'))).toEqual([png, jpeg]);
});
