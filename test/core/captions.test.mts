/** Caption requests and results as plain data. */
import fc from 'fast-check';
import {
	captionFile,
	checkRequest,
	groupSizes,
	shareOut,
} from '../../nodes/RunPod/core/captions.ts';

const asked = {
	model: 'joycaption',
	variant: '',
	mode: 'default',
	prompt: '',
	length: 'any',
	promptOptions: [] as string[],
	variables: {} as Record<string, string>,
};

test.each([
	[
		{ model: 'blip', promptOptions: ['keep_pg'] },
		/only for a model that follows instructions: JoyCaption, not BLIP/,
	],
	[{ model: 'blip', length: 'short' }, /'Length' is 'short'; BLIP takes only 'any'/],
	[{ mode: 'haiku' }, /'Mode' is 'haiku'; JoyCaption has 'default'/],
	[
		{ prompt: '{who} and {where}', variables: { who: 'Ada' } },
		/Missing required prompt variables: where/,
	],
	[
		{ promptOptions: ['character_name'], variables: { character_name: ' ' } },
		/Missing required prompt variables: character_name/,
	],
])('%j is refused', (change, sentence) => {
	expect(() => checkRequest({ ...asked, ...change })).toThrow(sentence);
});

test('what a set of models adds has the modes of its family', () => {
	expect(() => checkRequest({ ...asked, variant: 'my-own', mode: 'danbooru' })).not.toThrow();
});

test('a trigger word begins the file', () => {
	expect(captionFile('a fox', ' ohwx ')).toBe('ohwx, a fox');
	expect(captionFile('a fox', '  ')).toBe('a fox');
});

test('an entry of the result belongs to the image at its place, whatever is missing', () => {
	const output = {
		model: 'blip',
		captions: [{ caption: 'a' }, { error: { code: 'X', message: 'no' } }],
	};
	const parts = shareOut(output, 3);
	expect(parts.map(({ caption, error }) => caption ?? error?.message)).toEqual([
		'a',
		'no',
		undefined,
	]);
	expect(parts[0].json).toEqual({ model: 'blip', caption: 'a' });
	expect(shareOut({ caption: 'alone' }, 1)[0].caption).toBe('alone');
});

test('groups hold neighbours that are asked alike, within both limits, and every request once', () => {
	const request = fc.record({
		key: fc.constantFrom('a', 'b'),
		images: fc.integer({ min: 1, max: 4 }),
		bytes: fc.integer({ min: 1, max: 60 }),
		skipped: fc.boolean(),
	});
	fc.assert(
		fc.property(fc.array(request), fc.integer({ min: 1, max: 4 }), (drawn, most) => {
			const requests = drawn
				.map((one, index) => ({ ...one, index }))
				.filter(({ skipped }) => !skipped);
			const sizes = groupSizes(requests, { images: most, bytes: 100 });
			expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(requests.length);
			let from = 0;
			for (const size of sizes) {
				const group = requests.slice(from, from + size);
				from += size;
				const sum = (field: 'images' | 'bytes') =>
					group.reduce((total, one) => total + one[field], 0);
				expect(new Set(group.map(({ key }) => key)).size).toBe(1);
				expect(group.map(({ index }) => index - group[0].index)).toEqual(
					group.map((_, place) => place),
				);
				// One request alone may be larger than a group: its own limits are checked elsewhere.
				if (size > 1) expect([sum('images') <= most, sum('bytes') <= 100]).toEqual([true, true]);
			}
		}),
	);
});
