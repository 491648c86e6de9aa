/** Which way files travel: inside requests and replies, or by links; and what is refused beforehand. */
import { deliveryOf, goByLinks } from '../../nodes/RunPod/core/carriage.ts';
import { JobFailure } from '../../nodes/RunPod/core/failure.ts';
import type { JobOptions } from '../../nodes/RunPod/core/options.ts';

const options = { submitMode: 'async', waitForResult: 'poll' } as JobOptions;
const sync = { ...options, submitMode: 'sync' } as JobOptions;
const bucket = { hasTimedLinks: true, isPublic: false, isReached: true };
const MB = 1e6;

const messageOf = (act: () => unknown): string => {
	try {
		return String(act());
	} catch (error) {
		if (error instanceof JobFailure) return error.message;
		throw error;
	}
};

test.each<[string, number[], JobOptions, typeof bucket | undefined, boolean]>([
	['no image', [], options, bucket, false],
	['one of 5 MB with a bucket', [5 * MB], options, bucket, false],
	['one above 7 MB in base64', [5.3 * MB], options, bucket, true],
	['the same without a bucket', [5.3 * MB], options, undefined, false],
	['two of 3.5 MB without a bucket', [3.5 * MB, 3.5 * MB], options, undefined, false],
	['three with Sync without a bucket', [4 * MB, 4 * MB, 4 * MB], sync, undefined, false],
	[
		'a bucket out of reach, small enough',
		[3.5 * MB, 3.5 * MB],
		options,
		{ ...bucket, isReached: false },
		false,
	],
	[
		'a network volume, which the worker opens with the key',
		[3.5 * MB, 3.5 * MB],
		options,
		{ ...bucket, hasTimedLinks: false },
		true,
	],
])('%s by links: %#', (_, sizes, how, place, expected) => {
	expect(goByLinks(500, sizes, how, place)).toBe(expected);
});

test('what goes neither way names the ways out', () => {
	const sizes = [4 * MB, 4 * MB];
	expect(messageOf(() => goByLinks(500, sizes, options))).toBe(
		"The images are 10.7 MB in base64; RunPod takes at most 10 MB in one request. There are three ways: choose a bucket in 'Storage' of the job options, send fewer or smaller images, or set 'Submit Mode' to Sync, which takes twice as much.",
	);
	expect(messageOf(() => goByLinks(500, [9 * MB, 9 * MB], sync))).toBe(
		"The images are 24.1 MB in base64; RunPod takes at most 20 MB in one request. There are two ways: choose a bucket in 'Storage' of the job options, or send fewer or smaller images.",
	);
	expect(
		messageOf(() => goByLinks(500, sizes, options, { ...bucket, isReached: false })),
	).toContain('The storage stands in a private network, where the worker cannot fetch them');
});

test('the request without its images counts, too', () => {
	expect(goByLinks(3 * MB, [3.5 * MB], options, bucket)).toBe(true);
	expect(goByLinks(500, [3.5 * MB], options, bucket)).toBe(false);
});

test.each([
	['no pictures', undefined, bucket, { sendsBucket: false, asksForLinks: false }],
	['files, no bucket', 'binary', undefined, { sendsBucket: false, asksForLinks: false }],
	['files and a bucket', 'binary', bucket, { sendsBucket: true, asksForLinks: false }],
	['links and a bucket', 'url', bucket, { sendsBucket: true, asksForLinks: true }],
	['links, the bucket of the worker', 'url', undefined, { sendsBucket: false, asksForLinks: true }],
	[
		'both, a bucket out of reach',
		'both',
		{ ...bucket, isReached: false },
		{ sendsBucket: false, asksForLinks: false },
	],
	[
		'links of a public volume',
		'url',
		{ hasTimedLinks: false, isPublic: true, isReached: true },
		{ sendsBucket: true, asksForLinks: true },
	],
] as const)('delivery of %s', (_, output, place, expected) => {
	expect(deliveryOf(output, place)).toEqual(expected);
});

test('links that nobody could open are refused', () => {
	expect(messageOf(() => deliveryOf('both', { ...bucket, hasTimedLinks: false }))).toContain(
		"'Output' cannot be a URL with this storage",
	);
});
