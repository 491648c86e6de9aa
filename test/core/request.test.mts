import { limits } from '../../nodes/RunPod/contract/limits.ts';
import { JobFailure } from '../../nodes/RunPod/core/failure.ts';
import type { JobOptions } from '../../nodes/RunPod/core/options.ts';
import { buildBody, buildInput, problemOf } from '../../nodes/RunPod/core/request.ts';

const messageOf = (act: () => unknown): string => {
	try {
		act();
	} catch (error) {
		if (error instanceof JobFailure) return error.message;
		throw error;
	}
	return 'accepted';
};

const build = (values: Record<string, unknown>, roundSize = false) =>
	buildInput('create', { prompt: 'a cat', ...values }, roundSize);

describe('the input of a route', () => {
	it("has the worker's names, and leaves out what is not set", () => {
		expect(build({ negativePrompt: '', width: 1280, numImages: 4, topK: 2, filename: '' })).toEqual(
			{
				route: 'create',
				prompt: 'a cat',
				negative_prompt: '',
				width: 1280,
				num_images: 4,
				top_k: 2,
			},
		);
	});

	it('takes numbers and switches from expressions as text, and the other word of a scheduler', () => {
		expect(build({ steps: '25', scheduler: 'dpm' })).toMatchObject({
			steps: 25,
			scheduler: 'edm_dpm',
		});
		expect(buildInput('production', { prompt: 'x', useTiledUpscale: 'false' })).toMatchObject({
			use_tiled_upscale: false,
		});
	});

	it.each<[string, Record<string, unknown>, string]>([
		['an empty prompt', { prompt: '' }, "'Prompt' must not be empty."],
		['a prompt of spaces', { prompt: ' \n ' }, "'Prompt' must not be empty."],
		['no prompt', { prompt: undefined }, "'Prompt' must not be empty."],
		['a width off the grid', { width: 1283 }, 'Width must be a multiple of 8; nearest: 1280.'],
		['a width just above', { width: 1285 }, 'Width must be a multiple of 8; nearest: 1288.'],
		['a width near the limit', { width: 2047 }, 'Width must be a multiple of 8; nearest: 2048.'],
		['a small height', { height: 130 }, "'Height' must be between 256 and 2048, not 130."],
		['half a step', { steps: 2.5 }, "'Steps' must be a whole number, not 2.5."],
		['steps in words', { steps: 'many' }, '\'Steps\' must be a number, not "many".'],
		[
			'a seed beyond 32 bits',
			{ seed: 4294967296 },
			"'Seed' must be between -1 and 4294967295, not 4294967296.",
		],
		['not a number', { cfgScale: NaN }, "'CFG Scale' must be a number, not null."],
		[
			'an unknown format',
			{ outputFormat: 'bmp' },
			"'Format' must be one of jpeg, png, webp, not 'bmp'.",
		],
		[
			'more winners than images',
			{ numImages: 2, topK: 3 },
			"'Keep Best' (3) must not be larger than 'Images' (2).",
		],
		['a novel', { prompt: 'x'.repeat(4001) }, "'Prompt' has 4001 characters; the limit is 4000."],
	])('refuses %s', (_name, values, message) => {
		expect(messageOf(() => build(values))).toBe(message);
	});

	it('counts an emoji as one character', () => {
		expect(messageOf(() => build({ prompt: '🦊'.repeat(4000) }))).toBe('accepted');
	});

	it('rounds sizes where that was asked for, but bends no limit', () => {
		expect(build({ width: 1283, height: '999' }, true)).toMatchObject({
			width: 1280,
			height: 1000,
		});
		expect(messageOf(() => build({ width: 3000 }, true))).toBe(
			"'Width' must be between 256 and 2048, not 3000.",
		);
	});

	it('takes every default of the contract', () => {
		for (const limit of Object.values(limits).flat()) {
			if (limit.default !== undefined) expect(problemOf(limit, limit.default)).toBeUndefined();
		}
	});
});

describe('the body', () => {
	const options: JobOptions = {
		target: { kind: 'endpoint', endpointId: 'e' },
		waitForResult: 'poll',
		submitMode: 'async',
		queueTimeoutS: 120,
		runTimeoutS: 300,
		pollIntervalMs: 2000,
		maxParallelJobs: 10,
		priority: 'low',
		ttlS: 86_400,
		requestTimeoutS: 120,
		cancelOnStop: true,
		simplify: true,
		webhookUrl: 'https://example.com/x?key=1',
	};

	it('always has both times of the policy, in ms', () => {
		expect(buildBody({ a: 1 }, options)).toEqual({
			input: { a: 1 },
			policy: { executionTimeout: 300_000, ttl: 86_400_000, lowPriority: true },
		});
	});

	it('has the webhook at its top, only where nobody waits', () => {
		expect(buildBody({ a: 1 }, { ...options, waitForResult: 'dontWait' }).webhook).toBe(
			'https://example.com/x?key=1',
		);
	});

	it('refuses an empty input and one that RunPod would not take', () => {
		expect(messageOf(() => buildBody({}, options))).toBe("'Input' must not be empty.");
		const large = { image: 'x'.repeat(12_000_000) };
		expect(messageOf(() => buildBody(large, options))).toBe(
			'The request is 12.0 MB; RunPod takes at most 10 MB.',
		);
		expect(messageOf(() => buildBody(large, { ...options, submitMode: 'sync' }))).toBe('accepted');
	});
});
