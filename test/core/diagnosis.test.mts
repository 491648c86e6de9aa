/** Why a job found no worker, in the words that a user reads. */
import { readCatalog } from '../../nodes/RunPod/core/catalog.ts';
import { explainQueue, readLogEvents } from '../../nodes/RunPod/core/diagnosis.ts';
import { readEndpoint } from '../../nodes/RunPod/core/platformFacts.ts';

const workers = (counts: Record<string, number>) => ({
	jobs: { inQueue: 1, inProgress: 0 },
	workers: {
		ready: 0,
		idle: 0,
		running: 0,
		initializing: 0,
		throttled: 0,
		unhealthy: 0,
		...counts,
	},
});

test.each<[Record<string, number>, RegExp]>([
	[{ throttled: 2 }, /no GPU of the chosen types is free/],
	[{ unhealthy: 1, throttled: 1 }, /container probably fails/],
	[{ initializing: 1 }, /still starting/],
	[{ running: 3, ready: 0 }, /busy with other jobs/],
])('%p', (counts, expected) => {
	expect(explainQueue({ health: workers(counts) })[0]).toMatch(expected);
});

test('three lines: health, workers, stock', () => {
	const lines = explainQueue({
		health: workers({}),
		endpoint: readEndpoint({ gpu: { pools: ['P1', 'P2'], excludedTypes: ['C'] } }),
		workers: [{ id: 'w1', status: 'THROTTLED', gpuTypeId: 'A' }],
		gpus: readCatalog({
			gpus: [
				{ id: 'A', name: 'GPU A', pool: 'P1', availability: 'LOW' },
				{ id: 'B', name: 'GPU B', pool: 'P9', availability: 'HIGH' },
				{ id: 'C', name: 'GPU C', pool: 'P2', availability: 'HIGH' },
			],
		}),
	});
	expect(lines).toEqual([
		'Endpoint health - jobs: inQueue 1, inProgress 0; workers: ready 0, idle 0, running 0, initializing 0, throttled 0, unhealthy 0.',
		'Workers - w1 THROTTLED (A).',
		'Stock of its GPU pools - P1: GPU A LOW; P2: no type left.',
	]);
});

test('what is not known is left out', () => {
	expect(explainQueue({})).toEqual([]);
	expect(explainQueue({ health: 'x', gpus: [] })).toEqual([]);
	expect(explainQueue({ workers: [] })).toEqual(['Workers - none.']);
});

test('log events: the last lines, without keys, without a cut-off end', () => {
	const event = (line: string) =>
		`id: 1\ndata: ${JSON.stringify({ source: 'container', line })}\n\n`;
	const text = `${event('one')}${event('two\n')}${event('token rpa_ABC123')}data: {"line":"thr`;
	expect(readLogEvents(text, 2)).toEqual(['two', 'token ***']);
	expect(readLogEvents(text, 50)).toHaveLength(3);
	expect(readLogEvents(': a comment\n\ndata: [1]\n\n', 50)).toEqual([]);
});
