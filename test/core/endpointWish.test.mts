/** Request bodies of endpoints: the presets' four, what wins over them, and changes. */
import {
	endpointBody,
	endpointChange,
	endpointWish,
} from '../../nodes/RunPod/core/endpointWish.ts';
import {
	healthStateOf,
	readHealth,
	readManagedEndpoint,
	taggedLog,
} from '../../nodes/RunPod/core/endpoints.ts';

const IMAGE = 'ghcr.io/n8n-nodes-runpod-studio/runpod-studio-worker:1.0.0';
const bodyOf = (preset: string, given = {}) => endpointBody(endpointWish(preset, given));

const common = {
	type: 'QUEUE',
	image: IMAGE,
	workers: { min: 0, max: 3, idleTimeout: 120 },
	scaling: { type: 'QUEUE_DELAY', queueDelay: 4 },
	flashboot: 'FLASHBOOT',
	disk: 30,
	timeout: 300_000,
};

test.each([
	[
		'swarmui',
		{
			name: 'swarmui-worker',
			gpu: { pools: ['ADA_24', 'AMPERE_24', 'AMPERE_16'], count: 1 },
			disk: 15,
			timeout: 3_600_000,
		},
	],
	[
		'playground',
		{
			name: 'Playground-Unified-Endpoint',
			gpu: { pools: ['ADA_24', 'AMPERE_24'], count: 1 },
			args: 'python -u handler.py',
		},
	],
	[
		'caption',
		{
			name: 'caption-worker',
			gpu: { pools: ['ADA_24', 'AMPERE_24'], count: 1 },
			disk: 50,
			env: { MODEL_SET: 'caption' },
		},
	],
	[
		'forge',
		{
			name: 'forge-worker',
			gpu: { pools: ['ADA_24', 'AMPERE_48', 'ADA_48_PRO'], count: 1 },
			env: { MODEL_SET: 'forge' },
		},
	],
])('preset %s', (preset, own) => {
	expect(bodyOf(preset)).toEqual({ ...common, ...own });
});

test('what was set by hand wins over the preset', () => {
	const given = {
		name: 'mine',
		image: 'me/worker:2',
		gpuPools: ['HOPPER_141'],
		containerDiskGb: 80,
		executionTimeoutS: 60,
		flashBoot: false,
		activeWorkers: 1,
		networkVolumes: ['vol1'],
		dataCenters: ['EU-RO-1'],
		environment: { A: '1' },
	};
	expect(bodyOf('forge', given)).toEqual({
		...common,
		name: 'mine',
		image: 'me/worker:2',
		gpu: { pools: ['HOPPER_141'], count: 1 },
		disk: 80,
		timeout: 60_000,
		flashboot: 'OFF',
		workers: { min: 1, max: 3, idleTimeout: 120 },
		networkVolumes: ['vol1'],
		dataCenterIds: ['EU-RO-1'],
		env: { MODEL_SET: 'forge', A: '1' },
	});
});

test('a template takes the place of the default image', () => {
	const body = bodyOf('playground', { image: IMAGE, templateId: 'tpl' });
	expect(body).toMatchObject({ templateId: 'tpl' });
	expect(body).not.toHaveProperty('image');
});

test.each([
	['none', {}, "'Name' must not be empty"],
	['none', { name: 'a', image: 'b', templateId: 'c' }, "'Image' and 'Template ID' exclude"],
	['other', { name: 'a' }, "'Preset' must be one of"],
	[
		'none',
		{ name: 'a', idleTimeoutS: 0 },
		"'Idle Timeout (Seconds)' must be between 1 and 3600, not 0.",
	],
	[
		'none',
		{ name: 'a', activeWorkers: 4 },
		"'Active Workers' (4) must not be larger than 'Max Workers' (3).",
	],
	[
		'none',
		{ name: 'a', gpuPools: ['A', 'B', 'C', 'D'] },
		"'GPU Pools' must have 0 to 3 values, not 4.",
	],
])('preset %s with %o is refused', (preset, given, text) => {
	expect(() => bodyOf(preset, given)).toThrow(text);
});

describe('change', () => {
	const now = readManagedEndpoint({
		id: 'e',
		gpu: { pools: ['ADA_24'], excludedTypes: ['RTX 3090'] },
		workers: { min: 0, max: 3, idleTimeout: 10 },
		env: { A: '1', B: '2' },
	})!;

	test('only what is set is sent; variables and exclusions that are there go along', () => {
		expect(endpointChange({ maxWorkers: 5 }, now, false)).toEqual({ workers: { max: 5 } });
		expect(
			endpointChange({ gpuPools: ['AMPERE_24'], environment: { B: '3' } }, now, false),
		).toEqual({
			gpu: { pools: ['AMPERE_24'], excludedTypes: ['RTX 3090'] },
			env: { A: '1', B: '3' },
		});
		expect(endpointChange({ environment: { B: '3' } }, now, true)).toEqual({ env: { B: '3' } });
	});

	test.each([
		[{}, 'Nothing to change'],
		[{ activeWorkers: 4 }, "'Active Workers' (4) must not be larger than 'Max Workers' (3)."],
		[{ containerDiskGb: 1 }, "'Container Disk (GB)' must be between 5 and 2000, not 1."],
	])('%o is refused', (given, text) => {
		expect(() => endpointChange(given, now, false)).toThrow(text);
	});
});

const health = (workers: object, jobs: object = {}) => readHealth({ workers, jobs });

test.each([
	['PAUSED', 0, health({ idle: 1 })],
	['ERRORED', 3, undefined],
	['RUNNING', 3, health({ running: 1, throttled: 2 })],
	['RUNNING', 3, health({}, { inProgress: 1 })],
	['READY', 3, health({ idle: 1, unhealthy: 1 })],
	['LOADING', 3, health({ initializing: 1, throttled: 1 })],
	['THROTTLED', 3, health({ throttled: 1 }, { inQueue: 2 })],
	['UNHEALTHY', 3, health({ unhealthy: 1 })],
	['LOADING', 3, health({}, { inQueue: 1 })],
	['IDLE', undefined, health({}, { completed: 31 })],
])('state %s', (state, maxWorkers, counts) => {
	expect(healthStateOf(maxWorkers, counts).state).toBe(state);
});

test('lines of a log get a tag, unless they have one', () => {
	expect(taggedLog(['create container x', '[JOB] ran', 'hello'])).toEqual([
		'[CREATE] create container x',
		'[JOB] ran',
		'[LOG] hello',
	]);
});
