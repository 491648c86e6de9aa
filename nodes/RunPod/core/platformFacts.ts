import type { CatalogGpu } from './catalog';
import { listOf, numberOf, recordOf, textOf, textsOf } from './reading';
import { isRecord } from './state';

/** What RunPod's management API tells about an endpoint, read tolerantly: unknown keys are ignored. */

export interface EndpointFacts {
	/** Workers that are always on, and paid. */
	minWorkers?: number;
	/** 0 is a paused endpoint: nobody ever takes its jobs. */
	maxWorkers?: number;
	/** Seconds that a worker stays, and is paid, after its last job. */
	idleTimeoutS?: number;
	pools: string[];
	excludedTypes: string[];
	/** GPUs per worker. */
	gpuCount: number;
}

export interface WorkerFacts {
	id: string;
	status?: string;
	gpuTypeId?: string;
	gpuCount?: number;
}

/** The body of `GET /serverless/{id}`. */
export function readEndpoint(body: unknown): EndpointFacts | undefined {
	if (!isRecord(body)) return undefined;
	const [gpu, workers] = [recordOf(body.gpu), recordOf(body.workers)];
	return {
		minWorkers: numberOf(workers.min),
		maxWorkers: numberOf(workers.max),
		idleTimeoutS: numberOf(workers.idleTimeout),
		pools: textsOf(gpu.pools),
		excludedTypes: textsOf(gpu.excludedTypes),
		gpuCount: numberOf(gpu.count) ?? 1,
	};
}

/** The body of `GET /serverless/{id}/workers`. */
export function readWorkers(body: unknown): WorkerFacts[] | undefined {
	return listOf(body, 'workers')?.map((worker) => ({
		id: String(worker.id),
		status: textOf(worker.status),
		gpuTypeId: textOf(worker.gpuTypeId),
		gpuCount: numberOf(worker.gpuCount),
	}));
}

/** USD of all records in the body of `GET /billing/serverless`. */
export function readBilled(body: unknown): number | undefined {
	const records = listOf(body, 'records');
	if (records === undefined) return undefined;
	const amounts = records.map(({ totalAmount }) => numberOf(totalAmount));
	// A record that cannot be read is an amount that is not known.
	return amounts.some((amount) => amount === undefined)
		? undefined
		: amounts.reduce<number>((sum, amount) => sum + (amount ?? 0), 0);
}

/** The GPU types that an endpoint may get. */
export const gpusOf = (endpoint: EndpointFacts, gpus: CatalogGpu[]): CatalogGpu[] =>
	gpus.filter(
		({ id, pool }) =>
			pool !== undefined && endpoint.pools.includes(pool) && !endpoint.excludedTypes.includes(id),
	);
