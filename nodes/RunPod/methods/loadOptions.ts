import type { ILoadOptionsFunctions, INodePropertyOptions } from 'n8n-workflow';

import { gpuLabel, podPriceOf, poolsOf, readCatalog, stockOf } from '../core/catalog';
import { readDataCenters, readVolumes } from '../core/volumes';
import { listedBy } from './listed';

/** Lists of fields in which several things can be chosen: prices and stock are those of now. */

// Each of the two parameters is refused without the other.
const catalogOf = (product: string) => `catalog/gpus?include=AVAILABILITY&product=${product}`;

/** GPU types that Pods take, those in stock first, and then the cheapest. */
export async function getPodGpus(this: ILoadOptionsFunctions): Promise<INodePropertyOptions[]> {
	const gpus = await listedBy(this, catalogOf('POD'), 'gpus', readCatalog);
	return gpus
		.sort((one, other) => {
			const empty = Number(stockOf(one) === 0) - Number(stockOf(other) === 0);
			return empty || (podPriceOf(one) ?? Infinity) - (podPriceOf(other) ?? Infinity) || 0;
		})
		.map((gpu) => ({ name: gpuLabel(gpu, 'POD'), value: gpu.id }));
}

/** Pools that endpoints take. */
export async function getGpuPools(this: ILoadOptionsFunctions): Promise<INodePropertyOptions[]> {
	const gpus = await listedBy(this, catalogOf('SERVERLESS'), 'gpus', readCatalog);
	return poolsOf(gpus).map(({ id, label }) => ({ name: label, value: id }));
}

export async function getDataCenters(this: ILoadOptionsFunctions): Promise<INodePropertyOptions[]> {
	const path = 'catalog/datacenters?include=GPU_AVAILABILITY';
	const places = await listedBy(this, path, 'dataCenters', readDataCenters);
	return places.map(({ id, label }) => ({ name: label, value: id }));
}

export async function getNetworkVolumes(
	this: ILoadOptionsFunctions,
): Promise<INodePropertyOptions[]> {
	const volumes = await listedBy(this, 'network-volumes', 'networkVolumes', readVolumes);
	return volumes.map(({ id, name, sizeGb, dataCenter }) => ({
		name: `${name} - ${sizeGb} GB - ${dataCenter}`,
		value: id,
	}));
}
