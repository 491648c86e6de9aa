import { failures } from '../contract/errors';
import type { Failure } from './failure';
import { isFinal, isRecord } from './state';

/** Whether another target may take over the work of a job that failed, without paying twice. */

export type FallbackStep =
	/** The first job never was or is certainly over. */
	| 'submit'
	/** The first job may still run: only after its confirmed cancel. */
	| 'cancelFirst'
	/** The submit failed without an id: only when the target has no job at all. */
	| 'proveFirst'
	| 'no';

/** Cloudflare's words for a server that it could not even connect to: nobody has seen the submit. */
const NEVER_ARRIVED: ReadonlySet<number> = new Set([521, 523, 525, 526, 530]);

/** A gateway that gave up waiting (504, 522, 524) or got half an answer (520): the job may run. */
const TELLS_NOTHING: ReadonlySet<number> = new Set([504, 520, 522, 524]);

/**
 * After a submit without an answer. Any other server error most often means that the job was not
 * taken, but a server can break behind its queue, too: only an empty queue proves it.
 */
function afterLostSubmit(status: unknown): FallbackStep {
	if (typeof status !== 'number' || status < 500 || TELLS_NOTHING.has(status)) return 'no';
	return NEVER_ARRIVED.has(status) ? 'submit' : 'proveFirst';
}

/** The decision for the failure that a job ended with. Which causes count stands in the contract. */
export function fallbackStep({ code, details }: Failure): FallbackStep {
	if (!failures[code].fallback) return 'no';
	if (details.outcome === 'unknown') return afterLostSubmit(details.http_status);
	if (details.job_id === null || details.job_id === undefined) return 'submit';
	switch (details.remote_job) {
		case 'done':
		case 'gone':
		case 'none':
			return 'submit';
		// It has a result that was paid for, or its cancel was tried and is not sure.
		case 'finished':
		case 'unknown':
			return 'no';
	}
	return isFinal(String(details.status)) ? 'submit' : 'cancelFirst';
}

/** Whether the cancel that `cancelFirst` asked for makes the way free. */
export const isWayFree = ({ details }: Failure): boolean =>
	details.remote_job === 'done' || details.remote_job === 'gone';

/** Whether the body of `GET /health` says that no job waits or runs. */
export function hasNoJobs(health: unknown): boolean {
	const jobs = isRecord(health) ? health.jobs : undefined;
	return isRecord(jobs) && jobs.inQueue === 0 && jobs.inProgress === 0;
}
