import type { ILoadOptionsFunctions, INodeListSearchResult } from 'n8n-workflow';

import { listEndpoints } from '../transport/management';

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
