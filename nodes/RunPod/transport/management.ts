import type { ILoadOptionsFunctions } from 'n8n-workflow';

import { baseUrlOf } from '../core/address';
import { isRecord } from '../core/state';

/** An endpoint as RunPod's management API lists it; only what the node uses. */
export interface Endpoint {
	id: string;
	name: string;
	/** QUEUE or LOAD_BALANCER. */
	type?: string;
}

/** All endpoints of the account. The reply is `{endpoints: [...]}`, in one page. */
export async function listEndpoints(this: ILoadOptionsFunctions): Promise<Endpoint[]> {
	const { managementBaseUrl } = await this.getCredentials('runPodApi');
	const reply: unknown = await this.helpers.httpRequestWithAuthentication.call(this, 'runPodApi', {
		method: 'GET',
		url: `${baseUrlOf(managementBaseUrl, 'Management API Base URL')}/serverless`,
		timeout: 30_000,
		json: true,
	});
	const list: unknown = isRecord(reply) ? reply.endpoints : undefined;
	if (!Array.isArray(list)) return [];
	return list.filter(isRecord).map((endpoint) => ({
		id: String(endpoint.id),
		name: String(endpoint.name ?? endpoint.id),
		type: typeof endpoint.type === 'string' ? endpoint.type : undefined,
	}));
}
