import { failures } from '../contract/errors';
import { lostSubmit } from './ending';
import type { Failure } from './failure';
import { attachedRun, newRun } from './run';
import type { Policy, Run } from './run';
import { isFinal } from './state';

/** What a second try of the same run makes of the jobs that the first one has submitted. */

/** What is known of an item's job. Without `jobId` the submit was sent and its answer was lost. */
export interface KnownJob {
	submittedAt: number;
	jobId?: string;
}

/** A job that is known is read again, never submitted a second time. */
export function takeUp(known: KnownJob | undefined, policy: Policy): Run {
	if (known === undefined) return newRun();
	if (known.jobId !== undefined) return attachedRun(known.jobId, known.submittedAt);
	const lost = { kind: 'cut', detail: 'in an earlier try of this run' } as const;
	const failure = lostSubmit(lost, known.submittedAt, policy);
	return { ...newRun(), end: { type: 'fail', failure } };
}

/**
 * Whether a job is certainly over and the same again can succeed: a second try submits a new one. All
 * others are only read again, which costs nothing.
 */
export function mayRunAgain({ code, details }: Failure): boolean {
	if (details.outcome === 'unknown') return false;
	if (details.job_id === null) return true;
	// Looked for in vain, and its cancel, too: unless that could not be asked for.
	if (code === 'JOB_LOST') return details.remote_job !== 'unknown';
	// A job that this run cancelled would only be found cancelled.
	if (details.remote_job === 'done') return true;
	// A job that failed for an unknown reason is what a retry is for; one with a known lasting reason
	// would fail again, and cost again.
	const isWorthIt = failures[code].retryable || code === 'JOB_FAILED';
	return isFinal(String(details.status)) && isWorthIt;
}
