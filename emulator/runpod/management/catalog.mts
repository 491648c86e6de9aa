/** The catalog: GPU types with price and stock, and data centers. */
import type { FastifyInstance } from 'fastify';
import type { Emulator } from '../../emulator.mts';
import { ok, type Reply } from '../wire.mts';
import { stockIn, type Gpu } from './account.mts';
import { managed, problem } from './plane.mts';

const PRODUCTS = ['POD', 'SERVERLESS', 'CLUSTER'];

export function catalogRoutes(app: FastifyInstance, emulator: Emulator): void {
	managed(app, emulator, 'GET /catalog/gpus', 'catalog-gpus', ({ query }) =>
		gpuCatalog(emulator, query),
	);
	managed(app, emulator, 'GET /catalog/datacenters', 'catalog-datacenters', ({ query }) =>
		ok({ dataCenters: dataCenters(emulator, query) }),
	);
}

function gpuCatalog(emulator: Emulator, query: Record<string, string>): Reply {
	const wanted = query.include === 'AVAILABILITY';
	// Each of the two needs the other. Assumed: the detail.
	if (wanted !== PRODUCTS.includes(query.product ?? ''))
		return problem(400, 'include=AVAILABILITY and product need each other');
	const { account } = emulator;
	const gpus = account.gpus
		.filter((gpu) => query.cloud === undefined || gpu[cloudKey(query.cloud)])
		.map((gpu) => ({
			id: gpu.id,
			name: gpu.name ?? gpu.id,
			pool: gpu.pool,
			manufacturer: gpu.manufacturer,
			memory: gpu.memory,
			secure: gpu.secure,
			community: gpu.community,
			price: prices(gpu),
			maxCount: { secure: 8, community: 4 },
			...(wanted ? stockOf(emulator, gpu) : {}),
		}));
	return ok({ gpus });
}

function stockOf(emulator: Emulator, gpu: Gpu): Record<string, unknown> {
	return {
		availability: gpu.availability,
		dataCenters: emulator.account.dataCenters.map(({ id, name }) => ({
			id,
			name: name ?? id,
			availability: stockIn(gpu, id),
		})),
		cudaVersions: gpu.cudaVersions.map((version) => ({ version, available: true })),
	};
}

/** USD for one GPU and hour. Invented; only that there are such keys is the platform's. */
export function prices({ price }: Gpu): { secure: number; community: number; serverless?: number } {
	if (typeof price === 'object') return { secure: 0, community: 0, ...price };
	return {
		secure: price ?? 0,
		community: price ?? 0,
		...(price === undefined ? {} : { serverless: price }),
	};
}

export const cloudKey = (cloud: unknown): 'secure' | 'community' =>
	cloud === 'COMMUNITY' ? 'community' : 'secure';

function dataCenters(emulator: Emulator, query: Record<string, string>): unknown[] {
	const included = (query.include ?? '').split(',');
	const { dataCenters: all, gpus } = emulator.account;
	return all.map(({ id, name, region, networkVolumeTypes }) => ({
		id,
		name: name ?? id,
		region,
		globalNetwork: true,
		networkVolumeTypes,
		compliance: [],
		...(included.includes('GPU_AVAILABILITY')
			? {
					gpuAvailability: gpus.map((gpu) => ({
						id: gpu.id,
						name: gpu.name ?? gpu.id,
						availability: stockIn(gpu, id),
					})),
				}
			: {}),
	}));
}
