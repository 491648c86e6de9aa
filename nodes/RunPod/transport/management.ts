import type { IExecuteFunctions } from 'n8n-workflow';

import { catalogPath, readCatalog } from '../core/catalog';
import type { CatalogGpu } from '../core/catalog';
import { readBilled, readEndpoint, readWorkers } from '../core/platformFacts';
import type { EndpointFacts, WorkerFacts } from '../core/platformFacts';
import type { Reply } from '../core/reply';
import { openManagementApi } from './managementApi';

/** What a run reads beside its jobs. Undefined is all that is told about a failure. */
export interface Management {
	endpoint(endpointId: string): Promise<EndpointFacts | undefined>;
	workers(endpointId: string): Promise<WorkerFacts[] | undefined>;
	gpus(): Promise<CatalogGpu[] | undefined>;
	/** USD of one endpoint since a time, as RunPod has billed it so far; whole days (UTC). */
	billedSince(endpointId: string, since: string): Promise<number | undefined>;
	/** Changes the numbers of workers; may be repeated. */
	setWorkers(endpointId: string, workers: { min?: number; max: number }): Promise<Reply>;
	/** Server-sent events, as text. */
	logs(endpointId: string, workerId: string, lines: number): Promise<string | undefined>;
}

/** A result does not wait longer than this for what is only told beside it. */
const BESIDE_TIMEOUT_MS = 5000;

const bodyOf = (reply: Reply): unknown => (reply.kind === 'ok' ? reply.body : undefined);

export async function openManagement(context: IExecuteFunctions): Promise<Management> {
	const api = await openManagementApi(context, BESIDE_TIMEOUT_MS);
	const place = (endpointId: string) => `serverless/${encodeURIComponent(endpointId)}`;
	const list = async (path: string, key: string) => bodyOf(await api.list(path, key));
	return {
		endpoint: async (endpointId) => readEndpoint(bodyOf(await api.call('GET', place(endpointId)))),
		workers: async (endpointId) =>
			readWorkers(await list(`${place(endpointId)}/workers`, 'workers')),
		gpus: async () => readCatalog(await list(catalogPath('SERVERLESS'), 'gpus')),
		billedSince: async (endpointId, since) => {
			const query = new URLSearchParams({
				serverlessId: endpointId,
				startTime: since,
				bucketSize: 'day',
			});
			return readBilled(await list(`billing/serverless?${query.toString()}`, 'records'));
		},
		setWorkers: async (endpointId, workers) =>
			// An endpoint that costs too much is paused also when the execution ends.
			await api.call('PATCH', place(endpointId), { body: { workers }, outlivesStop: true }),
		logs: async (endpointId, workerId, lines) =>
			await api.stream(
				`${place(endpointId)}/workers/${encodeURIComponent(workerId)}/logs?tail=${lines}`,
			),
	};
}
