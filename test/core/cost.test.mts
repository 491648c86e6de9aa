/** The formula of the cost estimate, and what is not known. */
import { readCatalog } from '../../nodes/RunPod/core/catalog.ts';
import { costOf } from '../../nodes/RunPod/core/cost.ts';
import { readEndpoint, readWorkers } from '../../nodes/RunPod/core/platformFacts.ts';

const gpus = readCatalog({
	gpus: [
		{ id: 'A', name: 'GPU A', pool: 'P1', price: { secure: 9, community: 9, serverless: 1.8 } },
		{ id: 'B', name: 'GPU B', pool: 'P2', price: { secure: 9, community: 9, serverless: 3.6 } },
		{ id: 'C', pool: 'P2', price: { secure: 9, community: 9, serverless: 7.2 } },
		{ id: 'D', pool: 'P3', price: { secure: 9, community: 9 } },
	],
});
const endpoint = (pools: string[], more = {}) =>
	readEndpoint({ gpu: { pools, count: 2, ...more }, workers: { max: 3, idleTimeout: 10 } });
const workers = readWorkers({ workers: [{ id: 'w', gpuTypeId: 'A', gpuCount: 1 }] });
const job = { workerId: 'w', delayTime: 4000, executionTime: 20_000 };

test('the worker that ran has its own price', () => {
	expect(costOf(job, { gpus, workers, endpoint: endpoint(['P1', 'P2']) })).toEqual({
		pricePerHour: 1.8,
		gpu: 'GPU A',
		usd: 0.01,
		// 4 s to start, 20 s of work, 10 s of idling, at 0.0005 a second.
		upperUsd: 0.017,
	});
});

test('an unknown worker costs what the dearest GPU of the pools does, times the GPUs of a worker', () => {
	const cost = costOf(
		{ ...job, workerId: 'gone' },
		{ gpus, workers, endpoint: endpoint(['P1', 'P2']) },
	);
	expect(cost).toMatchObject({ pricePerHour: 14.4, gpu: 'C', usd: 0.08 });
});

test('an excluded type is not the dearest', () => {
	const known = endpoint(['P2'], { excludedTypes: ['C'] });
	expect(costOf({ ...job, workerId: undefined }, { gpus, endpoint: known })).toMatchObject({
		pricePerHour: 7.2,
		gpu: 'GPU B',
	});
});

test.each([
	['without a catalog', { endpoint: endpoint(['P1']), workers }],
	['without a price', { gpus, endpoint: endpoint(['P3']) }],
	['without an endpoint and a worker', { gpus }],
	['of another pool', { gpus, endpoint: endpoint(['P9']) }],
])('null %s', (_, facts) => {
	expect(costOf({ ...job, workerId: 'gone' }, facts)).toBeNull();
});

test('times that are not told leave single amounts out', () => {
	const facts = { gpus, workers, endpoint: endpoint(['P1']) };
	expect(costOf({ workerId: 'w' }, facts)).toMatchObject({
		pricePerHour: 1.8,
		usd: null,
		upperUsd: null,
	});
	expect(costOf({ ...job, delayTime: undefined }, facts)).toMatchObject({
		usd: 0.01,
		upperUsd: null,
	});
	const withoutIdle = { gpus, workers, endpoint: readEndpoint({ gpu: { pools: ['P1'] } }) };
	expect(costOf(job, withoutIdle)).toMatchObject({ usd: 0.01, upperUsd: null });
});

test.each([null, undefined, 'x', [], {}, { gpus: null }])(
	'a strange catalog %p is none',
	(body) => {
		expect(readCatalog(body)).toBeUndefined();
		expect(readWorkers(body)).toBeUndefined();
	},
);
