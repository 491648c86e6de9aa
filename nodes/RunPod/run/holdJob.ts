import type { IDataObject } from 'n8n-workflow';

import { jobLimits } from '../contract/job';
import { JobFailure, failureOf } from '../core/failure';
import { policyOf } from '../core/plan';
import { recordOf, textOf } from '../core/reading';
import { buildBody } from '../core/request';
import { newRun } from '../core/run';
import type { FinalAction, Policy, Run } from '../core/run';
import { noPeers } from '../core/schedule';
import { takeUp } from '../core/secondTry';
import { openJobApi } from '../transport/jobs';
import type { JobApi } from '../transport/jobs';
import { ownJobOptions } from './endpointJobs';
import { JobRegister, fingerprintOf } from './identify';
import type { Plane } from './plane';
import { cancelJob, runJob } from './runJob';

/**
 * One job holds one worker: it does nothing for a while, so that the worker stays for whoever uses it
 * by its own address. Its progress tells who took it; a second job could reach another worker.
 */
export interface HoldWish {
	itemIndex: number;
	endpointId: string;
	durationS: number;
	intervalS: number;
	/** How long the job may wait for a worker. */
	timeoutS: number;
}

/** What the platform adds to the time that was asked for, before it ends the job by force. */
const MARGIN_S = 60;

/**
 * Returns when a worker has taken the hold and told its address; the job goes on. It is cancelled
 * where nobody will learn of it: after a stop, a failure, or when the worker tells nothing.
 */
export async function holdWorker(plane: Plane, wish: HoldWish): Promise<IDataObject> {
	const { context, stop } = plane;
	const { itemIndex, endpointId, durationS, intervalS } = wish;
	const options = {
		...ownJobOptions(endpointId, wish.timeoutS),
		runTimeoutS: Math.min(durationS + MARGIN_S, jobLimits.executionTimeoutMaxS),
	};
	const api = await openJobApi(context, options);
	const policy: Policy = { ...policyOf(options, noPeers()), until: 'told' };
	const body = buildBody(
		{ action: 'keepalive', duration: durationS, interval: intervalS },
		options,
	);
	const register = new JobRegister(context);
	const fingerprint = fingerprintOf(api.baseUrl, body.input);
	const known = register.find(itemIndex, fingerprint);
	// Retry On Fail: a second hold beside one that may be there would pay twice. One that is known was
	// cancelled when its try failed.
	const first = known?.jobId === undefined ? takeUp(known, policy) : newRun();
	let wasNoted = false;
	const { run, end } = await runJob(first, {
		api,
		body,
		policy: () => policy,
		stop,
		observe: (now, action) => {
			if (action.type === 'submit') register.submitting({ itemIndex }, fingerprint, Date.now());
			if (now.jobId === undefined || wasNoted) return;
			wasNoted = true;
			register.accepted(itemIndex, fingerprint, now, `hold a worker of ${endpointId}`);
		},
	});
	register.ended(itemIndex, end);
	if (end.type === 'fail') throw new JobFailure(end.failure);
	const told = recordOf(end.job.output);
	const workerId = textOf(told.worker_id);
	if (workerId === undefined) throw await notHeld(run, end, api, policy);
	const isRunning = end.type === 'handOver';
	if (isRunning) plane.undo.push(async () => await endHold(run, api, policy));
	const jobId = run.jobId ?? '';
	const endsAt = new Date((run.runSince ?? Date.now()) + durationS * 1000).toISOString();
	if (isRunning) {
		plane.hints.add(
			`Worker ${workerId} is held, and paid, until ${endsAt}. Job > Cancel with the job ID ${jobId} frees it before.`,
		);
	}
	return {
		job_id: jobId,
		worker_id: workerId,
		public_url: textOf(told.public_url) ?? null,
		session_id: textOf(told.session_id) ?? null,
		duration_s: durationS,
		interval_s: intervalS,
		ends_at: endsAt,
	};
}

/** The worker runs the job, or has ended it, but does not know what a hold is. */
async function notHeld(
	run: Run,
	end: FinalAction,
	api: JobApi,
	policy: Policy,
): Promise<JobFailure> {
	const left = end.type === 'handOver' ? await endHold(run, api, policy) : undefined;
	const cause = "the worker took it, but does not know the action 'keepalive'";
	return new JobFailure(
		failureOf(
			'JOB_FAILED',
			{},
			{
				message: `No worker is held: ${cause}`,
				remedy: "Set 'Hold for Direct Access (Seconds)' to 0, or use a Studio Worker.",
				after: left === undefined ? [] : [left],
				details: { job_id: run.jobId, endpoint_id: policy.endpointId },
			},
		),
	);
}

/** Cancels the hold; the sentence to tell where that could not be confirmed. */
async function endHold(run: Run, api: JobApi, policy: Policy): Promise<string | undefined> {
	// It was handed over, which ended the watch and not the job.
	const end = await cancelJob({ ...run, end: undefined }, api, policy);
	const isOver = end.type !== 'fail' || end.failure.details.remote_job !== 'unknown';
	return isOver
		? undefined
		: `Job ${run.jobId} may still hold a worker, and cost. End it with Job > Cancel.`;
}
