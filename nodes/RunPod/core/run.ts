import type { FailureCode } from '../contract/errors';
import type { Cap } from './budget';
import type { Failure } from './failure';
import type { Progress } from './progress';
import type { Reply } from './reply';
import type { Peers } from './schedule';
import type { JobView, Phase } from './state';

/** The words of `lifecycle.ts`: what is known of a job, what can happen to it, what can be done. */

export interface Policy {
	/**
	 * `end` waits for the result, `told` until the job runs and has told something, `once` looks one
	 * time, `submit` hands the id over at once.
	 */
	until: 'end' | 'told' | 'once' | 'submit';
	queueTimeoutMs: number;
	runTimeoutMs: number;
	/** The budget that the run timeout comes from, where one leaves less time than the user's own. */
	cap?: Cap;
	/** One limit for queue and run together, from the first event on. */
	totalTimeoutMs?: number;
	intervalMs: number;
	/** Whether the remote job is cancelled when nobody waits for it any more. */
	cancelOnStop: boolean;
	/** A running job whose progress promises a longer rest is cancelled. */
	mostRestMs?: number;
	/** Whether a finished job without an output is a success. */
	mayBeEmpty?: boolean;
	endpointId?: string;
	/** Whether the endpoint is known to have no worker: nobody will ever take the job. */
	isPaused?: boolean;
	peers: Peers;
}

/**
 * Why a job is cancelled: the user, the failure of another item, a deadline, too much left to do, or
 * that it may not be read any more.
 */
export type StopReason = 'canceled' | 'sibling' | 'deadline' | 'rest' | 'denied';

export type Event =
	| { type: 'start' }
	| { type: 'submitted'; reply: Reply; sentAt: number }
	| { type: 'read'; reply: Reply; sentAt: number }
	| { type: 'woke' }
	| { type: 'stop'; reason: 'canceled' | 'sibling' }
	| { type: 'cancelled'; reply: Reply };

export type FinalAction =
	| { type: 'succeed'; job: JobView }
	| { type: 'handOver'; job: JobView }
	| { type: 'fail'; failure: Failure };

export type Action =
	| { type: 'submit' }
	| { type: 'read' }
	| { type: 'wait'; ms: number }
	| { type: 'cancel'; reason: StopReason }
	| FinalAction;

/** Plain data; it may be stored and read back. Times are milliseconds since 1970. */
export interface Run {
	/** Whose job it is: a foreign one was started elsewhere. */
	origin: 'own' | 'foreign';
	jobId?: string;
	/** When the accepted submit was sent. */
	submittedAt?: number;
	startedAt?: number;
	refusals: number;
	state?: string;
	phase: Phase;
	phaseSince?: number;
	spentMs: Record<Phase, number>;
	/** When the submit was answered, or the last read was sent. */
	since?: number;
	reads: number;
	nearReads: number;
	/** Reads in a row that told nothing, and the last of them. */
	misses: number;
	lastMiss?: Reply;
	/** Reads in a row that were refused for good, or found no such job. */
	denials: number;
	/** Not before this time the target wants to be asked again. */
	notBefore: number;
	/** What the next 'woke' does. */
	wakeTo: 'submit' | 'read' | 'cancel';
	/** When it was last known to wait: no worker can have begun earlier. */
	queuedAt?: number;
	/** When the worker began, as far as the platform's times tell. */
	runSince?: number;
	/** Milliseconds on the worker, as the platform told them last. */
	executionMs?: number;
	progress?: Progress;
	/** When that was reached, as far as it can be known. */
	progressAt?: number;
	/** When the last look that told something was answered. */
	seenAt?: number;
	/** What was left to do when that was found too much. */
	restMs?: number;
	cancel?: { reason: StopReason; code: FailureCode; since: number; attempts: number };
	end?: FinalAction;
}

const blank = (): Omit<Run, 'origin'> => ({
	refusals: 0,
	phase: 'queue',
	spentMs: { queue: 0, run: 0 },
	reads: 0,
	nearReads: 0,
	misses: 0,
	denials: 0,
	notBefore: 0,
	wakeTo: 'submit',
});

export const newRun = (): Run => ({ ...blank(), origin: 'own' });

/** Whether nothing of it was submitted and nothing is decided: a submit comes next. */
export const isNewRun = ({ jobId, end }: Run): boolean => jobId === undefined && end === undefined;

/** A job that exists: of this node when the time of its submit is known, else of anybody. */
export const attachedRun = (jobId: string, submittedAt?: number): Run => ({
	...blank(),
	origin: submittedAt === undefined ? 'foreign' : 'own',
	jobId,
	submittedAt,
	wakeTo: 'read',
});

/** A cancel is tried again within this time; a stopped execution does not wait longer for it. */
export const CANCEL_BUDGET_MS = 5000;
