import type { BreachAction, BudgetLimits, Cap } from './budget';

/**
 * What the user decided about one job: where it runs, how long the node waits and what it hands
 * on. Plain data; `run/jobOptions.ts` reads it from the node's fields.
 */

/** Where the job runs. `url` overrides the credential's address for this item only. */
export type JobTarget =
	| { kind: 'endpoint'; endpointId: string }
	| { kind: 'workerUrl'; url?: string };

export type WaitForResult = 'poll' | 'callback' | 'dontWait';
export type SubmitMode = 'async' | 'sync';
/** What a job's pictures become in its items. */
export type OutputAs = 'binary' | 'url' | 'both';
export type Priority = 'normal' | 'low';

/** The names and units are those of the fields; seconds end in S, milliseconds in Ms. */
export interface JobOptions {
	target: JobTarget;
	/** Who takes the job over when its target cannot serve it. */
	fallback?: JobTarget;
	waitForResult: WaitForResult;
	submitMode: SubmitMode;
	queueTimeoutS: number;
	runTimeoutS: number;
	pollIntervalMs: number;
	maxParallelJobs: number;
	priority: Priority;
	ttlS: number;
	requestTimeoutS: number;
	cancelOnStop: boolean;
	simplify: boolean;
	/** Only for a worker of any kind: a job without an output is a success. */
	allowEmptyOutput?: boolean;
	/** Seconds that a running job may still need by its progress; 0 is any. */
	mostRestS?: number;
	/** Whether each result tells what its job cost. */
	costEstimate?: boolean;
	/** Missing without a limit. */
	budget?: BudgetLimits & { onBreach: BreachAction };
	/** The budget that the run timeout was shortened for, once it was. */
	cap?: Cap;
	/** Whether the bucket of the storage credential takes what is too large for a request. */
	hasStorage?: boolean;
	/** Address that RunPod calls when the job is finished; only without waiting. */
	webhookUrl?: string;
}
