import type { JobOptions } from '../core/options';
import type { RunBody } from '../core/request';
import type { Policy, Run } from '../core/run';
import type { JobApi } from '../transport/jobs';
import type { BinaryPlan } from './prepared';

/** One item's job with everything decided that can be decided before it starts. */
export interface PlannedJob {
	itemIndex: number;
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

/** A job that was submitted, and by whom it is served. */
export interface AcceptedJob {
	job: PlannedJob;
	jobId: string;
	submittedAt: number;
}
