import type { ILoadOptionsFunctions, INodePropertyOptions } from 'n8n-workflow';

import { gpuLabel, podPriceOf, poolsOf, stockOf } from '../core/catalog';
import { dataCenterList, gpuList, listed, volumeList } from './listed';

/** Lists of fields in which several things can be chosen: prices and stock are those of now. */

/** GPU types that Pods take, those in stock first, and then the cheapest. */
export async function getPodGpus(this: ILoadOptionsFunctions): Promise<INodePropertyOptions[]> {
	const gpus = await listed(this, gpuList('POD'));
	return gpus
		.sort((one, other) => {
			const empty = Number(stockOf(one) === 0) - Number(stockOf(other) === 0);
			return empty || (podPriceOf(one) ?? Infinity) - (podPriceOf(other) ?? Infinity) || 0;
		})
		.map((gpu) => ({ name: gpuLabel(gpu, 'POD'), value: gpu.id }));
}

/** Pools that endpoints take. */
export async function getGpuPools(this: ILoadOptionsFunctions): Promise<INodePropertyOptions[]> {
	const gpus = await listed(this, gpuList('SERVERLESS'));
	return poolsOf(gpus).map(({ id, label }) => ({ name: label, value: id }));
}

export async function getDataCenters(this: ILoadOptionsFunctions): Promise<INodePropertyOptions[]> {
	const places = await listed(this, dataCenterList);
	return places.map(({ id, label }) => ({ name: label, value: id }));
}

export async function getNetworkVolumes(
	this: ILoadOptionsFunctions,
): Promise<INodePropertyOptions[]> {
	const volumes = await listed(this, volumeList);
	return volumes.map(({ id, name, sizeGb, dataCenter }) => ({
		name: `${name} - ${sizeGb} GB - ${dataCenter}`,
		value: id,
	}));
}
