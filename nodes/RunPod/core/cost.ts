import type { CatalogGpu } from './catalog';
import { gpusOf } from './platformFacts';
import type { EndpointFacts, WorkerFacts } from './platformFacts';
import type { JobView } from './state';

/** What a job cost, as an estimate: prices come from RunPod's live catalog and from nowhere else. */

export interface Cost {
	/** USD for an hour of the whole worker, all its GPUs together. */
	pricePerHour: number;
	gpu: string;
	/** USD for the time on the worker. */
	usd: number | null;
	/** USD if this job alone started the worker and nobody used it afterwards. */
	upperUsd: number | null;
}

export interface PriceFacts {
	gpus?: CatalogGpu[];
	endpoint?: EndpointFacts;
	workers?: WorkerFacts[];
}

export interface Price {
	gpu: string;
	perHour: number;
}

/** The price of the worker that ran; where it is not known, of the dearest one it can have been. */
function priceOf(workerId: string | undefined, facts: PriceFacts): Price | undefined {
	const { gpus = [], endpoint, workers = [] } = facts;
	const worker = workers.find(({ id }) => id === workerId);
	const own = gpus.find(({ id }) => id === worker?.gpuTypeId);
	const price = own?.price.serverless;
	const count = worker?.gpuCount ?? endpoint?.gpuCount;
	if (own !== undefined && price !== undefined && count !== undefined && count > 0) {
		return { gpu: own.name, perHour: price * count };
	}
	return dearestOf(facts);
}

/** The price of the dearest worker that an endpoint can have. */
export function dearestOf({ gpus = [], endpoint }: PriceFacts): Price | undefined {
	if (endpoint === undefined) return undefined;
	let dearest: Price | undefined;
	for (const { name, price } of gpusOf(endpoint, gpus)) {
		if (price.serverless === undefined) continue;
		const perHour = price.serverless * endpoint.gpuCount;
		if (dearest === undefined || perHour > dearest.perHour) dearest = { gpu: name, perHour };
	}
	return dearest;
}

const MS_PER_HOUR = 3_600_000;

/** Amounts are far below a cent: nine digits keep them apart without noise. */
const rounded = (usd: number): number => Number(usd.toFixed(9));

/** Null where no price is known; single amounts are null where a time is not known. */
export function costOf(
	job: Pick<JobView, 'workerId' | 'delayTime' | 'executionTime'>,
	facts: PriceFacts,
): Cost | null {
	const price = priceOf(job.workerId, facts);
	if (price === undefined) return null;
	const { executionTime, delayTime } = job;
	const idleS = facts.endpoint?.idleTimeoutS;
	const usd = (ms: number) => rounded((price.perHour * ms) / MS_PER_HOUR);
	const isWhole = executionTime !== undefined && delayTime !== undefined && idleS !== undefined;
	return {
		pricePerHour: rounded(price.perHour),
		gpu: price.gpu,
		usd: executionTime === undefined ? null : usd(executionTime),
		upperUsd: isWhole ? usd(delayTime + executionTime + 1000 * idleS) : null,
	};
}
