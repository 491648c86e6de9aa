import type { JobOptions } from '../core/options';
import type { RunBody } from '../core/request';
import type { Policy, Run } from '../core/run';
import type { JobApi } from '../transport/jobs';
import type { Storage } from '../transport/storage';
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
	/**
	 * Makes the request: reads the images again, or puts them into the bucket. It and the fingerprint
	 * are missing for a job that exists already.
	 */
	body?: () => Promise<RunBody>;
	fingerprint?: string;
	/** The bucket, where one was chosen. */
	storage?: Storage;
	/** Names of what was put there for this job; to be removed when it is over. */
	uploads?: string[];
	/** The same work on another target, for the case that this one cannot serve it. */
	fallback?: PlannedJob;
	servedBy?: 'primary' | 'fallback';
}

/** The same request with something changed, once it is made. */
export const changed = (
	body: PlannedJob['body'],
	change: (made: RunBody) => RunBody,
): PlannedJob['body'] => body && (async () => change(await body()));

/** The input items that a piece of work belongs to. */
export type ItemsOfWork = Pick<PlannedJob, 'itemIndex' | 'itemIndexes'>;

/** A job that was submitted, and by whom it is served. */
export interface AcceptedJob {
	job: PlannedJob;
	jobId: string;
	submittedAt: number;
}
