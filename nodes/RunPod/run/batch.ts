import type { IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

import { JobFailure } from '../core/failure';
import type { Failure } from '../core/failure';
import type { JobOptions } from '../core/options';
import type { RunBody } from '../core/request';
import type { FinalAction, Policy, Run } from '../core/run';
import { block, learn, noPeers } from '../core/schedule';
import type { Peers } from '../core/schedule';
import type { JobApi } from '../transport/jobs';
import { asLostResult, collect, notFinishedItem } from './collect';
import type { JobRegister } from './identify';
import type { BinaryPlan } from './prepared';
import { asNodeError, errorItem, stopError } from './raise';
import { runJob } from './runJob';
import { StopSign } from './stop';
import { Watch } from './watch';

/** Many jobs at the same time, results in the order of the input, and one end for all. */

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
}

type Results = Array<INodeExecutionData[] | undefined>;

/** A worker that took longer than this to start is worth a hint. */
const LONG_START_MS = 30_000;

export class Batch {
	private readonly stop: StopSign;
	private readonly results: Results;
	private readonly peers = new Map<string, Peers>();
	/** Jobs that may still run although nobody waits for them. */
	private readonly left: string[] = [];
	private firstError: Error | undefined;
	private slowStarts = 0;
	private handedOver = 0;

	constructor(
		private readonly context: IExecuteFunctions,
		private readonly itemCount: number,
		private readonly register?: JobRegister,
	) {
		this.stop = new StopSign(context.getExecutionCancelSignal());
		this.results = new Array<INodeExecutionData[] | undefined>(itemCount);
	}

	/** Plans every item before the first one starts: bad input costs nothing. */
	async plan(plan: (itemIndex: number) => Promise<PlannedJob>): Promise<PlannedJob[]> {
		const planned: PlannedJob[] = [];
		for (let itemIndex = 0; itemIndex < this.itemCount; itemIndex += 1) {
			try {
				planned.push(await plan(itemIndex));
			} catch (thrown) {
				this.fail(thrown, itemIndex, true);
				// Nothing runs yet, so there is nothing to wait for.
				if (this.firstError !== undefined) throw asNodeError(this.context, thrown, itemIndex);
			}
		}
		return planned;
	}

	/** Runs the jobs in a window and returns the node's output. */
	async run(jobs: PlannedJob[]): Promise<INodeExecutionData[][]> {
		const queue = jobs.values();
		const lane = async () => {
			for (const job of queue) {
				if (this.stop.reason !== undefined) return;
				await this.runOne(job);
			}
		};
		const width = Math.min(jobs.length, jobs[0]?.options.maxParallelJobs ?? 1);
		await Promise.all(Array.from({ length: width }, lane));
		// A stop comes before everything else: it must never look like an item's failure.
		if (this.stop.reason === 'canceled') throw stopError(this.context, this.left);
		if (this.firstError !== undefined) throw this.firstError;
		this.hint();
		return [this.results.flatMap((items) => items ?? [])];
	}

	private async runOne(job: PlannedJob): Promise<void> {
		const { itemIndex, options, api, fingerprint } = job;
		const { register } = this;
		const watch = new Watch(this.context, itemIndex);
		let wasKnown = job.first.jobId !== undefined;
		try {
			const { run, end } = await runJob(job.first, {
				api,
				body: job.body,
				stop: this.stop,
				policy: () => ({ ...job.policy, peers: this.peersOf(api) }),
				observe: (seen, action) => {
					if (fingerprint !== undefined && action.type === 'submit') {
						register?.submitting(itemIndex, fingerprint, Date.now());
					}
					if (fingerprint !== undefined && !wasKnown && seen.jobId !== undefined) {
						wasKnown = true;
						register?.accepted(itemIndex, fingerprint, seen, api.endpointId ?? api.baseUrl);
					}
					this.slowDown(api, seen);
					watch.note(seen, Date.now());
				},
			});
			if (fingerprint !== undefined) register?.ended(itemIndex, end);
			this.results[itemIndex] = await this.itemsOf(job, run, end, watch);
		} catch (thrown) {
			this.fail(thrown, itemIndex, options.simplify);
		}
	}

	private async itemsOf(
		job: PlannedJob,
		run: Run,
		end: FinalAction,
		watch: Watch,
	): Promise<INodeExecutionData[]> {
		const { itemIndex, options, binary, api } = job;
		if (end.type === 'fail') throw new JobFailure(end.failure);
		const { endpointId, baseUrl } = api;
		const jobId = run.jobId ?? '';
		const { timeline } = watch;
		const finished = {
			job: end.job,
			jobId,
			endpointId,
			baseUrl,
			timeline,
			options,
			binary,
			itemIndex,
		};
		if (end.type === 'handOver') {
			this.handedOver += 1;
			return [notFinishedItem(finished)];
		}
		if (end.job.executionTime !== undefined) {
			this.peers.set(baseUrl, learn(this.peersOf(api), end.job.executionTime));
		}
		if ((end.job.delayTime ?? 0) > LONG_START_MS) this.slowStarts += 1;
		try {
			return await collect(this.context, finished);
		} catch (thrown) {
			throw asLostResult(thrown, jobId);
		}
	}

	private peersOf(api: JobApi): Peers {
		return this.peers.get(api.baseUrl) ?? noPeers();
	}

	/** One job that is asked to slow down speaks for all jobs of the same target. */
	private slowDown(api: JobApi, run: Run): void {
		if (run.lastMiss?.kind !== 'http' || run.lastMiss.status === 404) return;
		this.peers.set(api.baseUrl, block(this.peersOf(api), run.notBefore));
	}

	private fail(thrown: unknown, itemIndex: number, simplify: boolean): void {
		if (thrown instanceof JobFailure) this.remember(thrown.failure);
		const error = asNodeError(this.context, thrown, itemIndex, simplify);
		if (this.stop.reason === 'canceled') return;
		if (this.context.continueOnFail()) {
			this.results[itemIndex] = [errorItem(error, itemIndex, this.itemCount)];
			return;
		}
		this.firstError ??= error;
		this.stop.stopOthers();
	}

	private remember({ details }: Failure): void {
		if (details.remote_job === 'unknown' || details.remote_job === 'left') {
			this.left.push(String(details.job_id));
		}
		if (details.outcome === 'unknown') this.left.push(`the submit of ${details.submitted_at}`);
	}

	private hint(): void {
		const { context, handedOver, slowStarts } = this;
		if (handedOver > 0 && this.register !== undefined) {
			context.addExecutionHints({
				message: `${handedOver} job(s) go on at RunPod. Fetch each result with Job > Poll Status, at the latest 30 minutes after its end.`,
				type: 'info',
				location: 'outputPane',
			});
		}
		if (slowStarts > 0) {
			context.addExecutionHints({
				message: `${slowStarts} job(s) waited more than ${LONG_START_MS / 1000} seconds for a worker to start. A batch keeps the worker warm.`,
				type: 'info',
				location: 'outputPane',
			});
		}
	}
}
