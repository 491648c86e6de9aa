import { failures } from '../contract/errors';
import type { Failure } from './failure';
import { isFinal } from './state';

/** Whether another target may take over the work of a job that failed, without paying twice. */

export type FallbackStep =
	/** The first job never was or is certainly over. */
	| 'submit'
	/** The first job may still run: only after its confirmed cancel. */
	| 'cancelFirst'
	| 'no';

/**
 * A gateway that gave up waiting (504, 522, 524) or got half an answer (520) knows nothing about
 * the job behind it. Any other server error is the server's own word that it did not take the job.
 */
const TELLS_NOTHING: ReadonlySet<number> = new Set([504, 520, 522, 524]);

const isServerError = (status: unknown): boolean =>
	typeof status === 'number' && status >= 500 && !TELLS_NOTHING.has(status);

/** The decision for the failure that a job ended with. Which causes count stands in the contract. */
export function fallbackStep({ code, details }: Failure): FallbackStep {
	if (!failures[code].fallback) return 'no';
	if (details.outcome === 'unknown') return isServerError(details.http_status) ? 'submit' : 'no';
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
