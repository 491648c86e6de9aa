import type { ILoadOptionsFunctions, INodeListSearchResult } from 'n8n-workflow';

import { isPausedEndpoint, readManagedEndpoints } from '../core/endpoints';
import { readPods } from '../core/pods';
import { readDataCenters, readVolumes } from '../core/volumes';
import { listEndpoints } from '../transport/management';
import { listedBy } from './listed';

/**
 * The endpoints of the account for the list of 'Endpoint'. Errors surface: an empty list has to
 * mean that the account has none.
 */
export async function searchEndpoints(
	this: ILoadOptionsFunctions,
	filter?: string,
): Promise<INodeListSearchResult> {
	const wanted = (filter ?? '').trim().toLowerCase();
	const endpoints = await listEndpoints.call(this);
	return {
		results: endpoints
			// Endpoints of the other type, LOAD_BALANCER, have no queue of jobs.
			.filter(({ type }) => type === undefined || type === 'QUEUE')
			.filter(({ id, name }) => `${name} ${id}`.toLowerCase().includes(wanted))
			.map(({ id, name }) => ({ name: `${name} (${id})`, value: id }))
			.sort((one, other) => one.name.localeCompare(other.name, 'en')),
	};
}

function results(filter: string | undefined, entries: Array<{ name: string; value: string }>) {
	const wanted = (filter ?? '').trim().toLowerCase();
	return {
		results: entries
			.filter(({ name, value }) => `${name} ${value}`.toLowerCase().includes(wanted))
			.sort((one, other) => one.name.localeCompare(other.name, 'en')),
	};
}

/** All endpoints, of both types, with what they are called and whether they are paused. */
export async function searchAllEndpoints(
	this: ILoadOptionsFunctions,
	filter?: string,
): Promise<INodeListSearchResult> {
	const endpoints = await listedBy(this, 'serverless', 'endpoints', readManagedEndpoints);
	return results(
		filter,
		endpoints.map((endpoint) => ({
			name: `${endpoint.name} (${endpoint.id})${isPausedEndpoint(endpoint) ? ' - paused' : ''}`,
			value: endpoint.id,
		})),
	);
}

/** All Pods with their status and what they cost. */
export async function searchPods(
	this: ILoadOptionsFunctions,
	filter?: string,
): Promise<INodeListSearchResult> {
	const pods = await listedBy(this, 'pods', 'pods', readPods);
	return results(
		filter,
		pods.map(({ id, name, status, cost }) => ({
			name: `${name} (${id}) - ${status}${cost === undefined ? '' : ` - $${cost.toFixed(2)}/h`}`,
			value: id,
		})),
	);
}

/** All network volumes with their size and place. */
export async function searchNetworkVolumes(
	this: ILoadOptionsFunctions,
	filter?: string,
): Promise<INodeListSearchResult> {
	const volumes = await listedBy(this, 'network-volumes', 'networkVolumes', readVolumes);
	return results(
		filter,
		volumes.map(({ id, name, sizeGb, dataCenter }) => ({
			name: `${name} (${id}) - ${sizeGb} GB - ${dataCenter}`,
			value: id,
		})),
	);
}

/** All data centers with their stock of GPUs. */
export async function searchDataCenters(
	this: ILoadOptionsFunctions,
	filter?: string,
): Promise<INodeListSearchResult> {
	const path = 'catalog/datacenters?include=GPU_AVAILABILITY';
	const places = await listedBy(this, path, 'dataCenters', readDataCenters);
	return results(
		filter,
		places.map(({ id, label }) => ({ name: label, value: id })),
	);
}
