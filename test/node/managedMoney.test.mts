/** GPU types with prices, network volumes and bills. */
import type { INodeParameters } from 'n8n-workflow';
import { account, failed, GPU, jsons, makePod, managed, one, useAccount } from './managed.mts';
import { locator } from './platform.mts';

useAccount();

describe('GPU types', () => {
	test('price, stock and what jobs would cost', async () => {
		const estimate = { addCostEstimate: true, secondsPerJob: 36, jobsPerMonth: 100 };
		const items = await jsons(managed('gpuType', 'getAll', { onlyInStock: true, ...estimate }));
		expect(items.map(({ id }) => id)).toEqual([GPU, 'Emulated GPU 48']);
		expect(items[0]).toMatchObject({
			label: `${GPU} - 24 GB - $1.00/h - stock HIGH`,
			pool: 'ADA_24',
			memory: 24,
			job_usd: 0.01,
			month_usd: 1,
			break_even_jobs_per_day: 2400,
		});
	});
});

describe('network volumes and bills', () => {
	test('a volume is created once, grows, never shrinks, and goes', async () => {
		const create = managed('networkVolume', 'create', {
			name: 'models',
			dataCenter: locator('EM-1'),
		});
		const first = await one(create);
		expect(first).toMatchObject({ size_gb: 100, monthly_usd: 7, created: true });
		expect(await one(create)).toMatchObject({ id: first.id, created: false });
		const update = (sizeGb: number) =>
			managed('networkVolume', 'update', {
				networkVolume: locator(String(first.id)),
				fields: { sizeGb },
			});
		expect(await one(update(200))).toMatchObject({ size_gb: 200, monthly_usd: 14 });
		const { error } = await failed(update(50));
		expect(error!.message).toContain("'Size (GB)' must be at least 200");
		const pod = await makePod({ networkVolume: locator(String(first.id)) });
		expect(pod).toMatchObject({ data_center: 'EM-1' });
		await jsons(managed('pod', 'terminate', { pod: locator(String(pod.id)) }));
		const remove = managed('networkVolume', 'delete', { networkVolume: locator(String(first.id)) });
		expect(await one(remove)).toEqual({ deleted: true, id: first.id, was_gone: false });
		expect(await one(remove)).toMatchObject({ was_gone: true });
	});

	test('the bill of everything names what each amount was for', async () => {
		const from = '2026-11-20T00:00:00Z';
		const costs = [
			{ product: 'serverless', id: 'studio1', from, usd: 2 },
			{ product: 'pods', id: 'p', from, usd: 4 },
			{ product: 'network-volumes', id: 'v', from, usd: 1 },
		];
		account().account.change({ costs: costs as never });
		const times = { startTime: '2026-11-19', endTime: '2026-11-22' };
		const [bill] = await jsons(managed('billing', 'get', { scope: 'all', ...times }));
		expect(bill).toMatchObject({
			total_usd: 7,
			record_count: 1,
			totals: { serverlessGpuAmount: 2, podGpuAmount: 4, storageStandardAmount: 1 },
			records: [{ startTime: '2026-11-20T00:00:00.000Z', totalAmount: 7 }],
		});
	});

	test('a bill has records and their sum', async () => {
		const costs = [
			{ product: 'serverless', id: 'studio1', from: '2026-11-20T00:00:00Z', usd: 2 },
			{ product: 'serverless', id: 'other', from: '2026-11-20T00:00:00Z', usd: 3 },
		];
		account().account.change({ costs: costs as never });
		const bill = (more: INodeParameters) =>
			managed('billing', 'get', {
				scope: 'serverless',
				startTime: '2026-11-19',
				endTime: '2026-11-22',
				...more,
			});
		expect(await one(bill({}))).toMatchObject({ total_usd: 5 });
		expect(await one(bill({ endpointFilter: 'studio1' }))).toMatchObject({ total_usd: 2 });
		expect(await one(bill({ scope: 'pods' }))).toMatchObject({ total_usd: 0, record_count: 0 });
	});
});
