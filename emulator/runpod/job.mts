/** One job as plain data, its states, and the table of what may follow what. */
import type { Timer } from '../control/clock.mts';
import type { SubmitBody } from './requests.mts';

export type JobState =
	| 'IN_QUEUE'
	| 'IN_PROGRESS'
	| 'COMPLETED'
	| 'FAILED'
	| 'CANCELLED'
	| 'TIMED_OUT';

export const finalStates: ReadonlySet<JobState> = new Set([
	'COMPLETED',
	'FAILED',
	'CANCELLED',
	'TIMED_OUT',
]);

export type JobEvent =
	| 'take'
	| 'progress'
	| 'complete'
	| 'fail'
	| 'expire'
	| 'requeue'
	| 'cancel'
	| 'purge'
	| 'timeOut'
	| 'retry';

/** event -> state before -> state after; what is missing is not allowed and changes nothing. */
export const transitions: Record<JobEvent, Partial<Record<JobState, JobState>>> = {
	take: { IN_QUEUE: 'IN_PROGRESS' },
	progress: { IN_PROGRESS: 'IN_PROGRESS' },
	complete: { IN_PROGRESS: 'COMPLETED' },
	fail: { IN_PROGRESS: 'FAILED' },
	// The platform gives up: over its execution time, or its worker was lost again.
	expire: { IN_PROGRESS: 'FAILED' },
	// A worker was lost; the platform gives the job to another one.
	requeue: { IN_PROGRESS: 'IN_QUEUE' },
	cancel: { IN_QUEUE: 'CANCELLED', IN_PROGRESS: 'CANCELLED' },
	// Assumed: a purged job is readable as CANCELLED; the reply only tells how many were removed.
	purge: { IN_QUEUE: 'CANCELLED' },
	timeOut: { IN_QUEUE: 'TIMED_OUT', IN_PROGRESS: 'TIMED_OUT' },
	// By the user, for the same id.
	retry: { FAILED: 'IN_QUEUE', TIMED_OUT: 'IN_QUEUE' },
};

/** One run of the job on one worker; its time is what RunPod bills. */
export interface Attempt {
	workerId: string;
	takenAt: number;
	endedAt?: number;
	/** The event that ended it, or `delete` when the job's TTL ended first. */
	end?: JobEvent | 'delete';
	/** The platform lost this worker: its pings and its result do not count. */
	lost?: boolean;
}

export interface Job {
	id: string;
	endpointId: string;
	kind: 'run' | 'runsync';
	/** Position among the accepted submits of its endpoint, from 1. */
	order: number;
	body: SubmitBody;
	state: JobState;
	submittedAt: number;
	/** Start of the present wait; a retry sets it anew. */
	queuedAt: number;
	finishedAt?: number;
	ttlMs: number;
	/** Attempts repeated by the platform itself. */
	retries: number;
	attempts: Attempt[];
	/** Last sign of life of the worker for this job. */
	lastSignAt: number;
	progress?: unknown;
	output?: unknown;
	error?: unknown;
	/** Chunks that no /stream call has fetched yet. */
	chunks: unknown[];
	timers: Map<'execution' | 'life' | 'delete' | 'fault', Timer>;
	/** Called after every change; long polls wait here. */
	watchers: Set<() => void>;
}

export function isFinal(job: Job): boolean {
	return finalStates.has(job.state);
}

export function currentAttempt(job: Job): Attempt | undefined {
	return job.attempts[job.attempts.length - 1];
}

/** Milliseconds that workers spent on the job. Assumed: RunPod bills every attempt, lost ones too. */
export function billedMs(job: Job, now: number): number {
	return job.attempts.reduce((sum, attempt) => sum + (attempt.endedAt ?? now) - attempt.takenAt, 0);
}
