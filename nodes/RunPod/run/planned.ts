import type { JobOptions } from '../core/options';
import type { RunBody } from '../core/request';
import type { Policy, Run } from '../core/run';
import type { JobApi } from '../transport/jobs';
import type { BinaryPlan } from './prepared';

/** A job with everything decided that can be decided before it starts. */
export interface PlannedJob {
	/** The input item whose work it does; of several, the first. */
	itemIndex: number;
	/** All of them, where they are several: neighbours, in their order. */
	itemIndexes?: number[];
	options: JobOptions;
	binary: BinaryPlan;
	api: JobApi;
	first: Run;
	policy: Policy;
	/** Both are missing for a job that exists already. */
	body?: RunBody;
	fingerprint?: string;
	/** The same work on another target, for the case that this one cannot serve it. */
	fallback?: PlannedJob;
	servedBy?: 'primary' | 'fallback';
}

/** The input items that a piece of work belongs to. */
export type ItemsOfWork = Pick<PlannedJob, 'itemIndex' | 'itemIndexes'>;

/** A job that was submitted, and by whom it is served. */
export interface AcceptedJob {
	job: PlannedJob;
	jobId: string;
	submittedAt: number;
}
