import type { IExecuteFunctions } from 'n8n-workflow';

import { settings } from '../contract/limits';
import { JobFailure } from '../core/failure';
import type { JobOptions } from '../core/options';
import { policyOf } from '../core/plan';
import { buildBody } from '../core/request';
import { newRun } from '../core/run';
import { noPeers } from '../core/schedule';
import type { JobView } from '../core/state';
import { openJobApi } from '../transport/jobs';
import type { JobApi } from '../transport/jobs';
import { runJob } from './runJob';
import type { StopSign } from './stop';

/** The job options of a job that the node runs for its own ends, e.g. to warm up a worker. */
export function ownJobOptions(endpointId: string, timeoutS: number): JobOptions {
	return {
		target: { kind: 'endpoint', endpointId },
		waitForResult: 'poll',
		submitMode: 'async',
		queueTimeoutS: timeoutS,
		runTimeoutS: settings.runTimeoutS.default,
		pollIntervalMs: settings.pollIntervalMs.default,
		maxParallelJobs: 1,
		priority: 'normal',
		ttlS: settings.ttlS.default,
		requestTimeoutS: settings.requestTimeoutS.default,
		cancelOnStop: true,
		costEstimate: false,
		simplify: true,
		allowEmptyOutput: false,
	};
}

/** The job API of an endpoint, for its health and its queue. */
export const endpointJobs = async (context: IExecuteFunctions, id: string): Promise<JobApi> =>
	await openJobApi(context, ownJobOptions(id, settings.queueTimeoutS.default));

export interface HealthJob {
	job: JobView;
	/** From the submit to the answer. */
	seconds: number;
}

/**
 * Runs a `health` job and waits for its answer: it starts a worker where none is warm. Throws what
 * the job failed with.
 */
export async function runHealthJob(
	context: IExecuteFunctions,
	stop: StopSign,
	endpointId: string,
	input: Record<string, unknown>,
	timeoutS: number,
): Promise<HealthJob> {
	const options = ownJobOptions(endpointId, timeoutS);
	const api = await openJobApi(context, options);
	const policy = { ...policyOf(options, noPeers()), totalTimeoutMs: timeoutS * 1000 };
	const startedAt = Date.now();
	const { end } = await runJob(newRun(), {
		api,
		body: buildBody({ route: 'health', ...input }, options),
		policy: () => policy,
		stop,
		observe: () => {},
	});
	if (end.type === 'fail') throw new JobFailure(end.failure);
	return { job: end.job, seconds: Math.round((Date.now() - startedAt) / 100) / 10 };
}
