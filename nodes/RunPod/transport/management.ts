import type { IExecuteFunctions, ILoadOptionsFunctions } from 'n8n-workflow';
import { NodeOperationError } from 'n8n-workflow';

import { failures } from '../contract/errors';
import { baseUrlOf } from '../core/address';
import { readBilled, readEndpoint, readGpus, readWorkers } from '../core/platformFacts';
import type { EndpointFacts, GpuFacts, WorkerFacts } from '../core/platformFacts';
import type { Reply } from '../core/reply';
import { isRecord } from '../core/state';
import { readStream, send } from './http';

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

/** What a run reads beside its jobs. Undefined is all that is told about a failure. */
export interface Management {
	endpoint(endpointId: string): Promise<EndpointFacts | undefined>;
	workers(endpointId: string): Promise<WorkerFacts[] | undefined>;
	gpus(): Promise<GpuFacts[] | undefined>;
	/** USD of one endpoint since a time, as RunPod has billed it so far; whole days (UTC). */
	billedSince(endpointId: string, since: string): Promise<number | undefined>;
	/** Changes the numbers of workers; may be repeated. */
	setWorkers(endpointId: string, workers: { min?: number; max: number }): Promise<Reply>;
	/** Server-sent events, as text. */
	logs(endpointId: string, workerId: string, lines: number): Promise<string | undefined>;
}

/** A result does not wait longer than this for what is only told beside it. */
const BESIDE_TIMEOUT_MS = 5000;

export async function openManagement(context: IExecuteFunctions): Promise<Management> {
	const { managementBaseUrl } = await context.getCredentials('runPodApi');
	const base = baseUrlOf(managementBaseUrl, 'Management API Base URL');
	const read = async (path: string): Promise<unknown> => {
		const url = `${base}/${path}`;
		const reply = await send(context, 'runPodApi', {
			method: 'GET',
			url,
			timeoutMs: BESIDE_TIMEOUT_MS,
		});
		return reply.kind === 'ok' ? reply.body : undefined;
	};
	const place = (endpointId: string) => `serverless/${encodeURIComponent(endpointId)}`;
	return {
		endpoint: async (endpointId) => readEndpoint(await read(place(endpointId))),
		workers: async (endpointId) => readWorkers(await read(`${place(endpointId)}/workers`)),
		// Each of the two parameters is refused without the other.
		gpus: async () => readGpus(await read('catalog/gpus?include=AVAILABILITY&product=SERVERLESS')),
		billedSince: async (endpointId, since) => {
			const query = new URLSearchParams({
				serverlessId: endpointId,
				startTime: since,
				bucketSize: 'day',
			});
			return readBilled(await read(`billing/serverless?${query.toString()}`));
		},
		setWorkers: async (endpointId, workers) =>
			await send(context, 'runPodApi', {
				method: 'PATCH',
				url: `${base}/${place(endpointId)}`,
				body: { workers },
				timeoutMs: BESIDE_TIMEOUT_MS,
				// An endpoint that costs too much is paused also when the execution ends.
				outlivesStop: true,
			}),
		logs: async (endpointId, workerId, lines) =>
			await readStream(
				context,
				'runPodApi',
				`${base}/${place(endpointId)}/workers/${encodeURIComponent(workerId)}/logs?tail=${lines}`,
				BESIDE_TIMEOUT_MS,
			),
	};
}
