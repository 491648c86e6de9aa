import type { IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

import { JobFailure } from '../core/failure';
import type { Failure } from '../core/failure';
import { fallbackStep, isWayFree } from '../core/fallback';
import type { Cost } from '../core/cost';
import { attachedRun } from '../core/run';
import type { FinalAction, Run } from '../core/run';
import { BudgetGuard } from './budgetGuard';
import { countCaptions } from './captionItems';
import { asLostResult, collect, notFinishedItem } from './collect';
import type { JobRegister } from './identify';
import { PeerBook } from './peerBook';
import type { AcceptedJob, ItemsOfWork, PlannedJob } from './planned';
import { asNodeError, errorItem, stopError } from './raise';
import { cancelJob, runJob } from './runJob';
import type { JobEnd, JobWork } from './runJob';
import { bodyOf, tidyUp } from './shipping';
import { StopSign } from './stop';
import { Surroundings } from './surroundings';
import { Tally } from './tally';
import { Watch } from './watch';

/** Many jobs at the same time, results in the order of the input, and one end for all. */

type Results = Array<INodeExecutionData[] | undefined>;

/** How a job ended, and the job as it was submitted: a budget or a fallback may have changed it. */
type Served = JobEnd & { served: PlannedJob };

export class Batch {
	private readonly stop: StopSign;
	private readonly surroundings: Surroundings;
	private readonly guard: BudgetGuard;
	private readonly results: Results;
	private readonly peers = new PeerBook();
	private readonly tally = new Tally();
	private firstError: Error | undefined;

	constructor(
		private readonly context: IExecuteFunctions,
		private readonly itemCount: number,
		private readonly register?: JobRegister,
	) {
		this.stop = new StopSign(context.getExecutionCancelSignal());
		this.surroundings = new Surroundings(context);
		this.guard = new BudgetGuard(context, this.surroundings, this.stop);
		this.results = new Array<INodeExecutionData[] | undefined>(itemCount);
	}

	/** Plans every item before the first one starts: bad input costs nothing. */
	async plan<Planned>(plan: (itemIndex: number) => Promise<Planned>): Promise<Planned[]> {
		const items = Array.from(this.results, (_, itemIndex) => ({ itemIndex }));
		return await this.planEach(items, async ({ itemIndex }) => await plan(itemIndex));
	}

	/** The same for work that is not one per item. */
	async planEach<Work extends ItemsOfWork, Planned>(
		all: Work[],
		plan: (work: Work) => Promise<Planned>,
	): Promise<Planned[]> {
		const planned: Planned[] = [];
		for (const work of all) {
			try {
				planned.push(await plan(work));
			} catch (thrown) {
				this.fail(thrown, work, true);
				// Nothing runs yet, so there is nothing to wait for.
				if (this.firstError !== undefined) throw asNodeError(this.context, thrown, work.itemIndex);
			}
		}
		return planned;
	}

	/** Runs the jobs in a window and returns the node's output. */
	async run(jobs: PlannedJob[]): Promise<INodeExecutionData[][]> {
		await this.inWindow(jobs, async (job, watch) => {
			const { run, end, served } = await this.drive(job, watch);
			this.results[job.itemIndex] = await this.itemsOf(served, run, end, watch);
		});
		this.throwEnd();
		// Poll Status hands over what it found; only of a job of this run is that worth a word.
		this.tally.hint(this.context, this.register !== undefined);
		const items = this.results.flatMap((some) => some ?? []);
		return [jobs.some(({ binary }) => binary.captions) ? countCaptions(items) : items];
	}

	/**
	 * Submits every job and waits for none; the jobs' policy ends with the submit. When the run ends
	 * here, by a stop or a failure, what was accepted is cancelled.
	 */
	async submit(jobs: PlannedJob[]): Promise<AcceptedJob[]> {
		const accepted: Array<AcceptedJob | undefined> = new Array(this.itemCount);
		await this.inWindow(jobs, async (job, watch) => {
			const { run, end, served } = await this.drive(job, watch);
			if (end.type === 'fail') throw new JobFailure(end.failure);
			const submittedAt = run.submittedAt ?? Date.now();
			accepted[job.itemIndex] = { job: served, jobId: run.jobId ?? '', submittedAt };
		});
		const known = accepted.filter((one) => one !== undefined);
		if (this.stop.reason !== undefined) await this.giveUp(known);
		this.throwEnd();
		return known;
	}

	/** Sets the result of an item that was settled elsewhere. */
	settle(itemIndex: number, items: INodeExecutionData[]): void {
		this.results[itemIndex] = items;
	}

	/** Items whose result is known already: those that failed in a run that goes on with errors. */
	settled(): Array<{ itemIndex: number; items: INodeExecutionData[] }> {
		return this.results.flatMap((items, itemIndex) => (items ? [{ itemIndex, items }] : []));
	}

	private async inWindow(
		jobs: PlannedJob[],
		work: (job: PlannedJob, watch: Watch) => Promise<void>,
	): Promise<void> {
		const queue = jobs.values();
		const lane = async () => {
			for (const job of queue) {
				if (this.stop.reason !== undefined) return;
				try {
					await work(job, new Watch(this.context, job.itemIndex));
				} catch (thrown) {
					this.fail(thrown, job, job.options.simplify);
				}
			}
		};
		const width = Math.min(jobs.length, jobs[0]?.options.maxParallelJobs ?? 1);
		await Promise.all(Array.from({ length: width }, lane));
	}

	private throwEnd(): void {
		// A stop comes before everything else: it must never look like an item's failure.
		if (this.stop.reason === 'canceled') throw stopError(this.context, this.tally.left);
		if (this.firstError !== undefined) throw this.firstError;
	}

	/** Runs one job; where its target cannot serve it, the same work once more on the fallback. */
	private async drive(job: PlannedJob, watch: Watch): Promise<Served> {
		const first = await this.perform(job, watch);
		const { fallback } = job;
		if (fallback === undefined || first.end.type !== 'fail') return first;
		const { failure } = first.end;
		if (!(await this.mayTakeOver(job, first.run, failure))) return first;
		watch.tell(`the fallback takes over: ${failure.message}`);
		this.tally.tookOver.push(failure.message);
		const second = await this.perform(fallback, watch);
		if (second.end.type === 'fail') {
			const { details } = second.end.failure;
			details.primary_code = failure.code;
			details.primary_job_id = failure.details.job_id ?? null;
		}
		return second;
	}

	private async mayTakeOver(job: PlannedJob, run: Run, failure: Failure): Promise<boolean> {
		const step = fallbackStep(failure);
		if (step === 'no' || this.stop.reason !== undefined) return false;
		if (step === 'submit') return true;
		if (step === 'proveFirst') return await this.surroundings.isIdle(job.api, this.stop);
		const { jobId, submittedAt } = run;
		if (jobId === undefined || submittedAt === undefined) return false;
		const end = await this.cancel({ job, jobId, submittedAt });
		return end.type === 'fail' && isWayFree(end.failure) && this.stop.reason === undefined;
	}

	/** Runs one job within its budget. */
	private async perform(planned: PlannedJob, watch: Watch): Promise<Served> {
		const { guard } = this;
		const { api } = planned;
		const admission = await guard.admit(planned, () => this.peers.of(api).runMs);
		if (admission !== undefined && 'code' in admission) {
			const failure = await guard.breached(admission, planned);
			return { run: planned.first, end: { type: 'fail', failure }, served: planned };
		}
		const job = admission?.job ?? planned;
		if (admission === undefined) return { ...(await this.watch(job, watch)), served: job };
		let ended: JobEnd | undefined;
		let cost: Cost | null = null;
		try {
			ended = await this.watch(job, watch);
			if (ended.end.type === 'succeed') cost = await this.surroundings.costOf(ended.end.job, api);
		} finally {
			// Whatever happens: other jobs may wait for what was set aside for this one.
			guard.settle(admission, ended, cost?.usd);
		}
		const { run, end } = ended;
		if (end.type !== 'fail') return { run, end, served: job };
		const failure = await guard.breached(end.failure, job);
		return { run, end: { type: 'fail', failure }, served: job };
	}

	private async watch(job: PlannedJob, watch: Watch): Promise<JobEnd> {
		const { itemIndex, api, fingerprint } = job;
		const { register } = this;
		// Beside the submit: whether the endpoint has workers at all is known a moment later.
		if (job.body !== undefined) this.surroundings.watch(api);
		let wasKnown = job.first.jobId !== undefined;
		const work: JobWork = {
			api,
			body: await bodyOf(job),
			stop: this.stop,
			policy: () => ({
				...job.policy,
				isPaused: this.surroundings.isPaused(api),
				peers: this.peers.of(api),
			}),
			observe: (seen, action) => {
				if (fingerprint !== undefined && action.type === 'submit') {
					register?.submitting(itemIndex, fingerprint, Date.now());
				}
				if (fingerprint !== undefined && !wasKnown && seen.jobId !== undefined) {
					wasKnown = true;
					register?.accepted(itemIndex, fingerprint, seen, api.endpointId ?? api.baseUrl);
				}
				// Its images can be large, and the job may run for hours.
				if (seen.jobId !== undefined) work.body = undefined;
				this.peers.slowDown(api, seen);
				watch.note(seen, Date.now());
			},
		};
		const ended = await runJob(job.first, work);
		await tidyUp(job, ended.end);
		if (fingerprint !== undefined) register?.ended(itemIndex, ended.end);
		return ended;
	}

	private async cancel({ job, jobId, submittedAt }: AcceptedJob): Promise<FinalAction> {
		const end = await cancelJob(attachedRun(jobId, submittedAt), job.api, job.policy);
		this.register?.ended(job.itemIndex, end);
		return end;
	}

	/** Nobody will wait for these jobs: they are cancelled, or named. */
	private async giveUp(accepted: AcceptedJob[]): Promise<void> {
		await Promise.all(
			accepted.map(async (one) => {
				if (!one.job.options.cancelOnStop) {
					this.tally.left.push(one.jobId);
					return;
				}
				const end = await this.cancel(one);
				if (end.type === 'fail') this.tally.remember(end.failure);
			}),
		);
	}

	private async itemsOf(
		job: PlannedJob,
		run: Run,
		end: FinalAction,
		watch: Watch,
	): Promise<INodeExecutionData[]> {
		const { options, api } = job;
		if (end.type === 'fail') {
			const isStopped = this.stop.reason === 'canceled';
			throw new JobFailure(
				isStopped ? end.failure : await this.surroundings.explain(end.failure, api),
			);
		}
		const jobId = run.jobId ?? '';
		const finished = { ...job, job: end.job, jobId, timeline: watch.timeline };
		if (end.type === 'handOver') {
			this.tally.handedOver += 1;
			return [notFinishedItem(finished)];
		}
		if (end.job.executionTime !== undefined) {
			this.peers.learn(api, end.job.executionTime);
		}
		this.tally.started(end.job);
		try {
			const cost = options.costEstimate ? await this.surroundings.costOf(end.job, api) : null;
			return await collect(this.context, { ...finished, cost });
		} catch (thrown) {
			throw asLostResult(thrown, jobId);
		}
	}

	private fail(thrown: unknown, work: ItemsOfWork, simplify: boolean): void {
		if (thrown instanceof JobFailure) this.tally.remember(thrown.failure);
		const { itemIndex, itemIndexes = [itemIndex] } = work;
		const error = asNodeError(this.context, thrown, itemIndex, simplify);
		if (this.stop.reason === 'canceled') return;
		if (this.context.continueOnFail()) {
			for (const index of itemIndexes)
				this.results[index] = [errorItem(error, index, this.itemCount)];
			return;
		}
		this.firstError ??= error;
		this.stop.stopOthers();
	}
}
