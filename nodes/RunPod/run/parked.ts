import type { IDataObject, INodeExecutionData } from 'n8n-workflow';

import type { JobOptions } from '../core/options';
import { isRecord } from '../core/state';
import type { BinaryPlan } from './prepared';

/**
 * What a parked execution remembers of its jobs, in the node's context: n8n stores it with the
 * execution, so it survives a crash. Plain data, without any key.
 */
export interface ParkedJob {
	itemIndex: number;
	itemIndexes?: number[];
	jobId: string;
	submittedAt: number;
	options: JobOptions;
	binary: BinaryPlan;
	servedBy: 'primary' | 'fallback';
	/** Names of its images in the bucket. */
	uploads?: string[];
}

export interface ParkedBatch {
	itemCount: number;
	/** n8n does not tell it to a webhook. */
	continueOnFail: boolean;
	jobs: ParkedJob[];
	/** Items of jobs that could not be submitted, where the workflow goes on with errors. */
	failed: Array<{ itemIndex: number; items: INodeExecutionData[] }>;
}

export const asStored = (batch: ParkedBatch): IDataObject =>
	// Through text: what is undefined is dropped, as the database does it.
	JSON.parse(JSON.stringify(batch)) as IDataObject;

/** Reads what `asStored` wrote; undefined where there is none. */
export function readParked(stored: unknown): ParkedBatch | undefined {
	if (!isRecord(stored) || !Array.isArray(stored.jobs)) return undefined;
	return JSON.parse(JSON.stringify(stored)) as ParkedBatch;
}
