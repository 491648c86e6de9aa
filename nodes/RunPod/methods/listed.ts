import type { ILoadOptionsFunctions } from 'n8n-workflow';
import { NodeOperationError } from 'n8n-workflow';

import { catalogPath, readCatalog } from '../core/catalog';
import type { CatalogGpu, Product } from '../core/catalog';
import { readManagedEndpoints } from '../core/endpoints';
import type { ManagedEndpoint } from '../core/endpoints';
import { readPods } from '../core/pods';
import type { PodFacts } from '../core/pods';
import { refusalOf } from '../core/refusal';
import { readDataCenters, readVolumes } from '../core/volumes';
import type { DataCenterFacts, VolumeFacts } from '../core/volumes';
import { openManagementApi } from '../transport/managementApi';

/** One of RunPod's lists: where it stands, and what it is called in a message. */
export interface List<T> {
	path: string;
	key: string;
	read: (body: unknown) => T[] | undefined;
	/** What the key may not do without the right to it, e.g. `list Pods`. */
	to: string;
}

export const endpointList: List<ManagedEndpoint> = {
	path: 'serverless',
	key: 'endpoints',
	read: readManagedEndpoints,
	to: 'list endpoints',
};

export const podList: List<PodFacts> = { path: 'pods', key: 'pods', read: readPods, to: 'list Pods' };

export const volumeList: List<VolumeFacts> = {
	path: 'network-volumes',
	key: 'networkVolumes',
	read: readVolumes,
	to: 'list network volumes',
};

export const dataCenterList: List<DataCenterFacts> = {
	path: 'catalog/datacenters?include=GPU_AVAILABILITY',
	key: 'dataCenters',
	read: readDataCenters,
	to: 'read the catalog of data centers',
};

export const gpuList = (product: Product): List<CatalogGpu> => ({
	path: catalogPath(product),
	key: 'gpus',
	read: readCatalog,
	to: 'read the catalog of GPU types',
});

/**
 * The entries of a list for a field. Errors surface: an empty list has to mean that the account has
 * nothing.
 */
export async function listed<T>(context: ILoadOptionsFunctions, list: List<T>): Promise<T[]> {
	const api = await openManagementApi(context);
	const reply = await api.list(list.path, list.key);
	if (reply.kind === 'ok') return list.read(reply.body) ?? [];
	const { message, description } = refusalOf(reply, { what: 'List', to: list.to });
	throw new NodeOperationError(context.getNode(), message, {
		description: `${description} What cannot be listed can still be named by its ID, also in an expression.`,
	});
}
