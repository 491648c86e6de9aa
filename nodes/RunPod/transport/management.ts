import type { ILoadOptionsFunctions } from 'n8n-workflow';
import { NodeOperationError } from 'n8n-workflow';

import { failures } from '../contract/errors';
import { baseUrlOf } from '../core/address';
import { isRecord } from '../core/state';
import { send } from './http';

/** An endpoint as RunPod's management API lists it; only what the node uses. */
export interface Endpoint {
	id: string;
	name: string;
	/** QUEUE or LOAD_BALANCER. */
	type?: string;
}

const LIST_TIMEOUT_MS = 30_000;

/** What to tell about a list that did not come; `status` is missing where no answer came at all. */
function problemOf(status: number | undefined): { message: string; description: string } {
	if (status === 401) {
		const { message, remedy } = failures.UNAUTHORIZED;
		return { message, description: remedy };
	}
	if (status === 403) {
		return {
			message: 'The key is valid but may not list endpoints.',
			description: "Give it that permission, or choose the endpoint 'By ID'.",
		};
	}
	return {
		message:
			status === undefined
				? 'RunPod did not answer the request for the list of endpoints.'
				: `RunPod answered ${status} instead of the list of endpoints.`,
		description: "Try again, or choose the endpoint 'By ID'.",
	};
}

/** All endpoints of the account. The reply is `{endpoints: [...]}`, in one page. */
export async function listEndpoints(this: ILoadOptionsFunctions): Promise<Endpoint[]> {
	const { managementBaseUrl } = await this.getCredentials('runPodApi');
	const base = baseUrlOf(managementBaseUrl, 'Management API Base URL');
	const reply = await send(this, 'runPodApi', {
		method: 'GET',
		url: `${base}/serverless`,
		timeoutMs: LIST_TIMEOUT_MS,
	});
	const body = reply.kind === 'ok' ? reply.body : undefined;
	const list: unknown = isRecord(body) ? body.endpoints : undefined;
	if (!Array.isArray(list)) {
		const status = 'status' in reply ? reply.status : undefined;
		const { message, description } = problemOf(status);
		throw new NodeOperationError(this.getNode(), message, { description });
	}
	return list.filter(isRecord).map((endpoint) => ({
		id: String(endpoint.id),
		name: String(endpoint.name ?? endpoint.id),
		type: typeof endpoint.type === 'string' ? endpoint.type : undefined,
	}));
}
