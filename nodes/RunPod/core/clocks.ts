import { readProgress } from './progress';
import type { Progress } from './progress';
import type { Policy, Run } from './run';
import { isFinal, phaseOf } from './state';
import type { JobView, Phase } from './state';

/** How long a job was in the queue and on the worker, and when the node gives it up. */

/** Percent: workers tell their progress about so often; after a long silence it is all that is known. */
const USUAL_STEP = 5;

/** Moves the clocks of queue and run, and keeps the newest progress. */
export function turn(run: Run, job: JobView, now: number): Run {
	const phase = phaseOf(job.state, run.phase);
	const progress = isFinal(job.state) ? undefined : readProgress(job.output);
	const moved: Run = { ...run, state: job.state };
	if (phase !== run.phase) {
		moved.phase = phase;
		moved.phaseSince = now;
		moved.spentMs = { ...run.spentMs, [run.phase]: spent(run, run.phase, now) };
	}
	if (job.state === 'IN_QUEUE') moved.queuedAt = run.reads === 0 ? run.submittedAt : run.since;
	if (job.executionTime !== undefined) moved.executionMs = job.executionTime;
	if (phase === 'run') moved.runSince = run.runSince ?? startOf(run, job, now);
	// The state is that of the moment in which the request came in.
	const seenAt = run.reads === 0 ? now : ((run.since ?? now) + now) / 2;
	if (progress !== undefined && !isSame(progress, run.progress)) {
		moved.progress = progress;
		moved.progressAt = reachedAt(run, moved, seenAt);
	}
	moved.seenAt = seenAt;
	return moved;
}

const isSame = (one: Progress, other: Progress | undefined): boolean =>
	one.percent === other?.percent && one.etaMs === other?.etaMs && one.message === other?.message;

/**
 * When the worker reached what it tells: between the look before and this one, and not longer ago than
 * its next step would take.
 */
function reachedAt(before: Run, { progress, runSince }: Run, seenAt: number): number {
	const percent = progress?.percent ?? 0;
	const told = percent - (before.progress?.percent ?? 0);
	if (percent <= 0 || runSince === undefined) return seenAt;
	const step = Math.max(0, Math.min(told, USUAL_STEP));
	const ofOneStep = ((seenAt - runSince) * step) / percent;
	const sinceLook = seenAt - Math.max(runSince, before.seenAt ?? runSince);
	return seenAt - Math.min(ofOneStep, sinceLook) / 2;
}

/** When the worker began: by the platform's own durations where it tells them. */
function startOf(run: Run, job: JobView, now: number): number {
	if (job.executionTime !== undefined) return now - job.executionTime;
	if (job.delayTime === undefined || run.submittedAt === undefined) return now;
	return Math.min(now, run.submittedAt + job.delayTime);
}

/** Milliseconds that the job spent in a phase so far. A job that returns to the queue keeps both. */
const spent = (run: Run, phase: Phase, now: number): number =>
	run.spentMs[phase] + (run.phase === phase ? Math.max(0, now - (run.phaseSince ?? now)) : 0);

/** When the node gives the job up. */
export function deadlineOf(run: Run, policy: Policy, now: number): number {
	const limit = run.phase === 'queue' ? policy.queueTimeoutMs : policy.runTimeoutMs;
	const own = now + limit - spent(run, run.phase, now);
	const total = policy.totalTimeoutMs;
	if (run.origin === 'foreign' && total !== undefined) return (run.startedAt ?? now) + total;
	return total === undefined ? own : Math.min(own, (run.startedAt ?? now) + total);
}
