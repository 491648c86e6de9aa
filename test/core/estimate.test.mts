/** The arithmetic of the cost estimate, by worked examples with invented prices. */
import {
	filterGpus,
	fitsOf,
	gpuLabel,
	knownGpus,
	poolsOf,
	readCatalog,
} from '../../nodes/RunPod/core/catalog.ts';
import { estimateOf, storageUsd } from '../../nodes/RunPod/core/estimate.ts';

const gpus = readCatalog({
	gpus: [
		{
			id: 'NVIDIA GeForce RTX 4090',
			name: 'RTX 4090',
			pool: 'ADA_24',
			memory: 24,
			price: { secure: 0.69, community: 0.6, serverless: 1.8 },
			availability: 'HIGH',
			dataCenters: [
				{ id: 'EU-RO-1', availability: 'LOW' },
				{ id: 'US-TX-3', availability: 'NONE' },
			],
		},
		{
			id: 'NVIDIA A40',
			pool: 'AMPERE_48',
			memory: 48,
			price: { secure: 0.4, community: 0 },
			availability: 'NONE',
		},
		{ id: 'New One', memory: 141, price: {}, someKey: 1 },
	],
})!;
const [ada, a40, fresh] = gpus;
const work = {
	secondsPerJob: 10,
	jobsPerMonth: 1000,
	idleSecondsPerJob: 0,
	storageGb: 100,
	comparePricePerJob: 0.02,
	rates: { perGb: 0.07, perGbAbove: 0.05 },
};

test('10 s at 1.80 an hour, 1,000 jobs, 100 GB, against 2 cents a job', () => {
	expect(estimateOf(ada, work)).toEqual({
		job_usd: 0.005,
		storage_usd: 7,
		month_usd: 12,
		// 730 hours at the cheaper 0.60, and the storage.
		pod_month_usd: 445,
		// 24 * 0.60 / (10 / 3600 * 1.80)
		break_even_jobs_per_day: 2880,
		compare_month_usd: 20,
		saves_usd_per_month: 8,
	});
});

test('time for which a worker waits is paid as well', () => {
	const { job_usd, month_usd, break_even_jobs_per_day } = estimateOf(ada, {
		...work,
		idleSecondsPerJob: 30,
	});
	expect([job_usd, month_usd, break_even_jobs_per_day]).toEqual([0.02, 27, 720]);
});

test('what is not known stays unknown', () => {
	expect(estimateOf(a40, { ...work, comparePricePerJob: 0 })).toMatchObject({
		job_usd: null,
		month_usd: null,
		pod_month_usd: 299,
		break_even_jobs_per_day: null,
		compare_month_usd: null,
		saves_usd_per_month: null,
	});
	expect(estimateOf(fresh, work).pod_month_usd).toBeNull();
});

test('storage above 1 TB is cheaper', () => {
	expect([0, 1000, 1500].map((size) => storageUsd(size, work.rates))).toEqual([0, 70, 95]);
});

test('labels have memory, price and stock', () => {
	expect(gpuLabel(ada, 'SERVERLESS')).toBe('RTX 4090 - 24 GB - $1.80/h - stock HIGH');
	expect(gpuLabel(ada, 'POD')).toBe('RTX 4090 - 24 GB - $0.60/h - stock HIGH');
	expect(gpuLabel(fresh, 'POD')).toBe('New One - 141 GB - price unknown - stock unknown');
	expect(poolsOf(gpus).map(({ label }) => label)).toEqual([
		'ADA_24 - 24 GB - $1.80/h - stock HIGH (RTX 4090)',
		'AMPERE_48 - 48 GB - price unknown - stock NONE (NVIDIA A40)',
	]);
	expect([12, 16, 24, 48, 141].map(fitsOf)).toEqual([
		'SD 1.5 in small sizes',
		'SD 1.5 and SDXL for trials',
		'SD 1.5, SDXL, FLUX quantised',
		'SD 1.5, SDXL, FLUX',
		'SD 1.5, SDXL, FLUX and larger models',
	]);
});

test.each([
	[{ minMemory: 40, dataCenter: '', onlyInStock: false }, ['NVIDIA A40', 'New One']],
	[{ minMemory: 0, dataCenter: '', onlyInStock: true }, ['NVIDIA GeForce RTX 4090', 'New One']],
	[{ minMemory: 0, dataCenter: 'eu-ro-1', onlyInStock: true }, ['NVIDIA GeForce RTX 4090']],
	[{ minMemory: 0, dataCenter: 'US-TX-3', onlyInStock: true }, []],
])('filter %o', (filter, ids) => {
	expect(filterGpus(gpus, filter).map(({ id }) => id)).toEqual(ids);
});

test('GPU types are found by ID or name, and an unknown one is named with those that are near', () => {
	expect(knownGpus(['rtx 4090', 'NVIDIA A40'], gpus, 'GPU Types')).toEqual([ada, a40]);
	expect(() => knownGpus(['RTX 9999'], gpus, 'GPU Types')).toThrow(
		"'GPU Types' has 'RTX 9999', which RunPod does not know.",
	);
});
