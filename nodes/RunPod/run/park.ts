import type { IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

import { callbackProblem, callbackUrl, nextStep, standingOf } from '../core/callback';
import type { Standing } from '../core/callback';
import { attachedRun } from '../core/run';
import { noPeers } from '../core/schedule';
import type { JobApi } from '../transport/jobs';
import type { Batch } from './batch';
import { changed } from './planned';
import type { AcceptedJob, PlannedJob } from './planned';
import type { JobRegister } from './identify';
import type { ParkedBatch } from './parked';
import { runJob } from './runJob';
import { StopSign } from './stop';
import { isTool } from './tool';

/** A look is tried again for this long when the network fails; the caller waits meanwhile. */
const ONE_LOOK_MS = 4000;

/**
 * Submits all jobs, then lets n8n store the execution and forget it until RunPod calls. Where no
 * call can arrive, or none is needed any more, the jobs are polled.
 */
export async function parkJobs(
	context: IExecuteFunctions,
	batch: Batch,
	register: JobRegister,
	jobs: PlannedJob[],
): Promise<INodeExecutionData[][]> {
	const resumeUrl: unknown = context.evaluateExpression('{{ $execution.resumeUrl }}', 0);
	const problem = problemOf(context, resumeUrl, jobs);
	if (problem !== undefined) {
		context.addExecutionHints({
			message: `Poll was used instead of Callback: ${problem}.`,
			type: 'info',
			location: 'outputPane',
		});
		return await batch.run(jobs);
	}
	// Before anything is submitted: a time that n8n refuses would leave jobs that nobody waits for.
	const waitTill = waitLimit(jobs, Date.now());
	const submitted = await batch.submit(
		jobs.map((job) => withCallback(job, callbackUrl(String(resumeUrl), job.itemIndex))),
	);
	// A job that ended meanwhile may have called in vain, because n8n was not waiting yet. RunPod
	// repeats a call that was refused, so one job that is still open now is enough to be called.
	const isOpen = (await look(submitted.map(asLook))).type === 'stay';
	if (!isOpen) return await batch.run(submitted.map(attached));
	const parked: ParkedBatch = {
		itemCount: context.getInputData().length,
		continueOnFail: context.continueOnFail(),
		jobs: submitted.map(({ job, jobId, submittedAt }) => ({
			itemIndex: job.itemIndex,
			itemIndexes: job.itemIndexes,
			jobId,
			submittedAt,
			options: job.options,
			binary: job.binary,
			uploads: job.uploads,
			servedBy: job.servedBy ?? 'primary',
		})),
		failed: batch.settled(),
	};
	register.park(parked);
	await context.putExecutionToWait(waitTill);
	return [context.getInputData()];
}

function problemOf(
	context: IExecuteFunctions,
	resumeUrl: unknown,
	jobs: PlannedJob[],
): string | undefined {
	if (isTool(context)) return 'an agent waits for the answer of its tool';
	const places = jobs.flatMap(({ api, fallback }) =>
		fallback === undefined ? [api.baseUrl] : [api.baseUrl, fallback.api.baseUrl],
	);
	return callbackProblem(resumeUrl, places);
}

/** Queue and run together, of the job that may take longest. */
function waitLimit(jobs: PlannedJob[], now: number): Date {
	const limits = jobs.map(({ options }) => options.queueTimeoutS + options.runTimeoutS);
	return new Date(now + Math.max(...limits) * 1000);
}

function withCallback(job: PlannedJob, webhook: string): PlannedJob {
	return {
		...job,
		body: changed(job.body, (made) => ({ ...made, webhook })),
		policy: { ...job.policy, until: 'submit' },
		fallback: job.fallback && withCallback(job.fallback, webhook),
	};
}

const attached = ({ job, jobId, submittedAt }: AcceptedJob): PlannedJob => ({
	...job,
	first: attachedRun(jobId, submittedAt),
	policy: { ...job.policy, until: 'end' },
	// What was submitted is waited for; another try would be another job.
	fallback: undefined,
});

/** A job to look at once. */
export interface Look {
	api: JobApi;
	jobId: string;
	submittedAt: number;
}

const asLook = ({ job, jobId, submittedAt }: AcceptedJob): Look => ({
	api: job.api,
	jobId,
	submittedAt,
});

/** Looks at as many jobs as it takes to know what is to be done with the batch. */
export async function look(
	jobs: Look[],
): Promise<{ type: 'resume' } | { type: 'stay' } | { type: 'askAgain' }> {
	const standings = new Array<Standing | undefined>(jobs.length).fill(undefined);
	for (;;) {
		const step = nextStep(standings);
		if (step.type !== 'look') return step;
		await Promise.all(
			step.jobs.map(async (index) => {
				const job = jobs[index];
				if (job !== undefined) standings[index] = await lookAt(job);
			}),
		);
	}
}

async function lookAt({ api, jobId, submittedAt }: Look): Promise<Standing> {
	const { run, end } = await runJob(attachedRun(jobId, submittedAt), {
		api,
		stop: new StopSign(undefined),
		policy: () => ({
			until: 'once',
			queueTimeoutMs: Infinity,
			runTimeoutMs: Infinity,
			totalTimeoutMs: ONE_LOOK_MS,
			intervalMs: 1000,
			cancelOnStop: false,
			endpointId: api.endpointId,
			peers: noPeers(),
		}),
		observe: () => {},
	});
	return standingOf(run, end);
}
