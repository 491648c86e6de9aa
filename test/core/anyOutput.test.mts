/** Outputs of workers that nobody here has written. */
import { takePictures } from '../../nodes/RunPod/core/anyOutput.ts';
import { isEncodedFile, withoutFiles } from '../../nodes/RunPod/core/result.ts';
import { jpeg, png } from '../node/pictures.mts';

const data = (result: ReturnType<typeof takePictures>) => result.sources.map((each) => each.data);

test.each<[string, unknown, unknown, string[]]>([
	['a text', 'done', { output: 'done' }, []],
	['nothing', undefined, { output: undefined }, []],
	['a number', 7, { output: 7 }, []],
	['an object', { text: 'x', n: [1, 2] }, { text: 'x', n: [1, 2] }, []],
	['a bare picture', png, { output: undefined }, [png]],
	['a list of pictures', [png, jpeg], {}, [png, jpeg]],
	['a list with other things', [png, { n: 1 }], { output: [{ n: 1 }] }, [png]],
	['image', { image: jpeg, seed: 1 }, { seed: 1 }, [jpeg]],
	['a data URL', { image: `data:image/png;base64,${png}` }, {}, [`data:image/png;base64,${png}`]],
	['the same picture twice', { image_url: png, images: [png], seed: 1 }, { seed: 1 }, [png]],
	['artifacts', { artifacts: [{ base64: png, seed: 3 }] }, {}, [png]],
	['b64_json', { created: 1, data: [{ b64_json: jpeg }] }, { created: 1 }, [jpeg]],
	['a link', { image_url: 'https://a.b/c.png' }, { image_url: 'https://a.b/c.png' }, []],
	['a short word', { image: 'iVBORw0K' }, { image: 'iVBORw0K' }, []],
	['another place', { pages: [png] }, { pages: [png] }, []],
])('%s', (_, output, rest, pictures) => {
	const before = JSON.stringify(output);
	const result = takePictures(output);
	expect(data(result)).toEqual(pictures);
	expect(JSON.parse(JSON.stringify(result.rest))).toEqual(JSON.parse(JSON.stringify(rest)));
	// The reply itself is not changed: Simplify off reads it, too.
	expect(JSON.stringify(output)).toBe(before);
});

test('the worker of ComfyUI: name and type stay with the picture', () => {
	const images = [{ filename: 'a.png', type: 'base64', data: png }];
	expect(takePictures({ images }).sources[0].values).toEqual({ filename: 'a.png', type: 'base64' });
});

test('a long answer of a language model stays, base64 of any file goes', () => {
	const story = 'Once upon a time there was a fox. '.repeat(1000);
	const file = 'A'.repeat(20_000);
	expect(withoutFiles({ story, file }, isEncodedFile)).toEqual({
		story,
		file: '(20000 characters were left out)',
	});
});
