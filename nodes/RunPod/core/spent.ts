import { usdOf } from './budget';
import type { FinalAction, Run } from './run';
import { isFinal } from './state';

/**
 * USD of a job that nobody watches any more, at most; undefined where it may run on. Where RunPod tells
 * no time, as of a cancelled job, it counts from the last look that saw it waiting, up to `mostUsd`.
 */
export function spentBy(
	{ run, end }: { run: Run; end: FinalAction },
	perHour: number,
	mostUsd: number,
	now: number,
): number | undefined {
	const details = end.type === 'fail' ? end.failure.details : {};
	if (run.jobId === undefined) return details.outcome === 'unknown' ? undefined : 0;
	if (details.remote_job !== 'done' && !isFinal(run.state)) return undefined;
	if (run.executionMs !== undefined) return usdOf(run.executionMs, perHour);
	const since = run.queuedAt ?? run.submittedAt;
	if (since === undefined) return undefined;
	return Math.min(mostUsd, usdOf(Math.max(0, now - since), perHour));
}
