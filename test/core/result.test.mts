import { extendTimeline, readProgress } from '../../nodes/RunPod/core/progress.ts';
import type { TimelineEntry } from '../../nodes/RunPod/core/progress.ts';
import { isWhole, readPicture, safeFileName } from '../../nodes/RunPod/core/picture.ts';
import { jobOf, takeApart, withoutFiles } from '../../nodes/RunPod/core/result.ts';
import { readJob } from '../../nodes/RunPod/core/state.ts';

describe('a result taken apart', () => {
	it('has one picture under image', () => {
		expect(takeApart({ route: 'create', image: 'AAAA', meta: 1 })).toEqual({
			rest: { route: 'create', meta: 1 },
			sources: [{ data: 'AAAA', values: {} }],
		});
	});

	it('has several under images, each with its own values', () => {
		const { rest, sources } = takeApart({
			route: 'create',
			images: [
				{ id: 'img_000_01', image: 'AA', seed: 8, aesthetic_score: 6 },
				{ id: 'img_000_00', url: 'https://x/y.png', seed: 7 },
				'BB',
			],
		});
		expect(rest).toEqual({ route: 'create' });
		expect(sources).toEqual([
			{ id: 'img_000_01', data: 'AA', values: { id: 'img_000_01', seed: 8, aesthetic_score: 6 } },
			{ id: 'img_000_00', data: 'https://x/y.png', values: { id: 'img_000_00', seed: 7 } },
			{ id: undefined, data: 'BB', values: {} },
		]);
	});

	it('stays as it is without pictures', () => {
		expect(takeApart({ caption: 'x', images: [] })).toEqual({
			rest: { caption: 'x', images: [] },
			sources: [],
		});
		expect(takeApart('text')).toEqual({ rest: { output: 'text' }, sources: [] });
	});

	it('keeps no long text', () => {
		const cleaned = withoutFiles({ a: ['x'.repeat(10_001)], b: { c: 'short' }, d: null });
		expect(cleaned).toEqual({
			a: ['(10001 characters were left out)'],
			b: { c: 'short' },
			d: null,
		});
	});

	it('tells about the job', () => {
		const job = readJob({
			id: 'j',
			status: 'COMPLETED',
			delayTime: 5,
			workerId: 'w',
			output: { meta: { cold_start: true } },
		});
		expect(jobOf(job, 'j', 'e')).toEqual({
			id: 'j',
			status: 'COMPLETED',
			delayTime: 5,
			executionTime: null,
			workerId: 'w',
			endpointId: 'e',
			servedBy: 'primary',
			coldStart: true,
		});
	});
});

describe('a picture', () => {
	// One red pixel each, written by Pillow.
	const png = Buffer.from(
		'iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAIAAAA2iEnWAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg==',
		'base64',
	);
	const gif = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

	it('is known by its bytes, with its size', () => {
		expect(readPicture(png)).toEqual({
			mimeType: 'image/png',
			extension: 'png',
			width: 2,
			height: 3,
		});
		expect(readPicture(gif)).toEqual({
			mimeType: 'image/gif',
			extension: 'gif',
			width: 1,
			height: 1,
		});
		const jpeg = Buffer.from(
			'ffd8ffe000104a46494600010100000100010000ffc000110802a80400030122000211010311',
			'hex',
		);
		expect(readPicture(jpeg)).toEqual({
			mimeType: 'image/jpeg',
			extension: 'jpg',
			width: 1024,
			height: 680,
		});
		const webp = Buffer.concat([
			Buffer.from('RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0', 'latin1'),
			Buffer.from([0, 0, 0, 0, 0xff, 3, 0, 0xa7, 2, 0]),
		]);
		expect(readPicture(webp)).toEqual({
			mimeType: 'image/webp',
			extension: 'webp',
			width: 1024,
			height: 680,
		});
	});

	it('that is cut off is not whole', () => {
		const picture = readPicture(png)!;
		expect(isWhole(png, picture)).toBe(true);
		expect(isWhole(png.subarray(0, png.length - 14), picture)).toBe(false);
	});

	it.each(['', 'hello world', '<html></html>', 'BM', 'II*', 'RIFF....WAVE', 'GIF', '\xff\xd8'])(
		'is not %p',
		(text) => {
			const picture = readPicture(Buffer.from(text, 'latin1'));
			expect(picture === undefined || picture.width === null).toBe(true);
		},
	);

	it('reads no byte that is not there', () => {
		for (const whole of [png, gif]) {
			for (let length = 0; length < whole.length; length += 1)
				expect(() => readPicture(whole.subarray(0, length))).not.toThrow();
		}
	});
});

describe('a file name', () => {
	it.each<[string | undefined, string | undefined, string]>([
		[undefined, 'a red fox in the snow, golden hour', 'a red fox in the snow, golden hour'],
		['fox', 'a red fox', 'fox'],
		['  ', 'a red fox', 'a red fox'],
		['../../etc/passwd', '', 'etc passwd'],
		['a/b\\c:d*e?f"g<h>i|j', '', 'a b c d e f g h i j'],
		['.hidden.', '', 'hidden'],
		['x\u0000y\u202ez\nw', '', 'x y z w'],
		['CON', '', 'image-CON'],
		['nul.txt', '', 'image-nul.txt'],
		['', '', 'image'],
		[undefined, 'x'.repeat(60), 'x'.repeat(50)],
		['🦊'.repeat(60), '', '🦊'.repeat(50)],
	])('%j of the prompt %j is %j', (wanted, prompt, name) =>
		expect(safeFileName(wanted, prompt)).toBe(name),
	);
});

describe('progress', () => {
	it.each<[unknown, unknown]>([
		[
			{ stage: 'generating', percent: 40, message: 'step 8 of 20' },
			{ stage: 'generating', percent: 40, message: 'step 8 of 20' },
		],
		['loading', { message: 'loading' }],
		[{ percent: 140 }, undefined],
		[{ eta_s: 3 }, { etaMs: 3000 }],
		[{ something: 1 }, undefined],
		[undefined, undefined],
		[[1], undefined],
	])('%j', (output, progress) => expect(readProgress(output)).toEqual(progress));

	it('grows only by what is new, and not for ever', () => {
		let timeline: TimelineEntry[] = [];
		timeline = extendTimeline(timeline, 'IN_QUEUE', undefined, 0);
		expect(extendTimeline(timeline, 'IN_QUEUE', undefined, 5)).toBe(timeline);
		for (let percent = 0; percent < 500; percent += 1)
			timeline = extendTimeline(timeline, 'IN_PROGRESS', { percent }, percent);
		expect(timeline.length).toBeLessThanOrEqual(101);
		expect(timeline[0]).toEqual({
			at: '1970-01-01T00:00:00.000Z',
			status: 'IN_QUEUE',
			percent: null,
			message: '',
		});
		expect(timeline.at(-1)?.percent).toBe(499);
	});
});
