import type { ILoadOptionsFunctions, INodeListSearchResult } from 'n8n-workflow';

import { isPausedEndpoint } from '../core/endpoints';
import { dataCenterList, endpointList, listed, podList, volumeList } from './listed';

/** What matches the words typed into the field, by name or ID, in the order of the names. */
function results(
	filter: string | undefined,
	entries: Array<{ name: string; value: string }>,
): INodeListSearchResult {
	const wanted = (filter ?? '').trim().toLowerCase();
	return {
		results: entries
			.filter(({ name, value }) => `${name} ${value}`.toLowerCase().includes(wanted))
			.sort((one, other) => one.name.localeCompare(other.name, 'en')),
	};
}

/** The endpoints of the account that jobs can be submitted to. */
export async function searchEndpoints(
	this: ILoadOptionsFunctions,
	filter?: string,
): Promise<INodeListSearchResult> {
	const endpoints = await listed(this, endpointList);
	return results(
		filter,
		endpoints
			// Endpoints of the other type, LOAD_BALANCER, have no queue of jobs.
			.filter(({ type }) => type === undefined || type === 'QUEUE')
			.map(({ id, name }) => ({ name: `${name} (${id})`, value: id })),
	);
}

/** All endpoints, of both types, with what they are called and whether they are paused. */
export async function searchAllEndpoints(
	this: ILoadOptionsFunctions,
	filter?: string,
): Promise<INodeListSearchResult> {
	const endpoints = await listed(this, endpointList);
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
	const pods = await listed(this, podList);
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
	const volumes = await listed(this, volumeList);
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
	const places = await listed(this, dataCenterList);
	return results(
		filter,
		places.map(({ id, label }) => ({ name: label, value: id })),
	);
}
