import type { IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

import { newBatch, nextInBatch } from '../core/batch';
import type { BatchEvent, Task } from '../core/batch';
import { JobFailure } from '../core/failure';
import type { Failure } from '../core/failure';
import { isWayFree } from '../core/fallback';
import { Attempts } from './attempts';
import type { Served } from './attempts';
import { BudgetGuard } from './budgetGuard';
import { countCaptions } from './captionItems';
import { asLostResult, collect, notFinishedItem } from './collect';
import type { JobRegister } from './identify';
import { PeerBook } from './peerBook';
import type { AcceptedJob, ItemsOfWork, PlannedJob } from './planned';
import { addLeft, asNodeError, errorItem, stopError } from './raise';
import type { NodeFailure } from './raise';
import { StopSign } from './stop';
import { Surroundings } from './surroundings';
import { Tally } from './tally';
import { Watch } from './watch';

/** Many jobs at the same time, results in the order of the input, and one end for all. */

type Results = Array<INodeExecutionData[] | undefined>;

type JobTask = Extract<Task, { job: number }>;

/** What the last attempt of a job left, until its result is made. */
type Going = Served & { watch: Watch };

type CollectItems = (one: Going) => Promise<INodeExecutionData[]>;

export class Batch {
	private readonly stop: StopSign;
	private readonly surroundings: Surroundings;
	private readonly attempts: Attempts;
	private readonly results: Results;
	private readonly peers = new PeerBook();
	private readonly tally = new Tally();
	private readonly going = new Map<number, Going>();
	private readonly errors = new Map<number, NodeFailure>();

	constructor(
		private readonly context: IExecuteFunctions,
		private readonly itemCount: number,
		private readonly register?: JobRegister,
	) {
		this.stop = new StopSign(context.getExecutionCancelSignal());
		this.surroundings = new Surroundings(context);
		const guard = new BudgetGuard(context, this.surroundings, this.stop);
		this.attempts = new Attempts(guard, this.surroundings, this.peers, this.stop, register);
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
				const error = this.fail(thrown, work, true);
				// Nothing runs yet, so there is nothing to wait for.
				if (!this.context.continueOnFail()) throw error;
			}
		}
		return planned;
	}

	/** Runs the jobs in a window and returns the node's output. */
	async run(jobs: PlannedJob[]): Promise<INodeExecutionData[][]> {
		await this.play(jobs, async (one) => await this.itemsOf(one));
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
		await this.play(jobs);
		return jobs.flatMap((_, job) => this.acceptedOf(job));
	}

	/** Sets the result of an item that was settled elsewhere. */
	settle(itemIndex: number, items: INodeExecutionData[]): void {
		this.results[itemIndex] = items;
	}

	/** Items whose result is known already: those that failed in a run that goes on with errors. */
	settled(): Array<{ itemIndex: number; items: INodeExecutionData[] }> {
		return this.results.flatMap((items, itemIndex) => (items ? [{ itemIndex, items }] : []));
	}

	/** Performs what the batch decides until nothing is left to do. */
	private async play(jobs: PlannedJob[], collectItems?: CollectItems): Promise<void> {
		this.going.clear();
		const wishes = jobs.map(({ itemIndex, itemIndexes = [itemIndex], fallback, policy }) => ({
			items: itemIndexes,
			hasFallback: fallback !== undefined,
			isWatched: policy.until !== 'submit',
		}));
		const goesOn = this.context.continueOnFail();
		const width = jobs[0]?.options.maxParallelJobs ?? 1;
		let batch = newBatch(wishes, { width, goesOn });
		const handle = async (event: BatchEvent): Promise<void> => {
			const tasks: Task[] = [];
			const isStop = this.stop.reason === 'canceled' && batch.stop !== 'canceled';
			for (const each of isStop ? [{ type: 'stop' } as const, event] : [event]) {
				const step = nextInBatch(batch, each);
				batch = step.batch;
				tasks.push(...step.tasks);
			}
			await Promise.all(
				tasks.map(async (task) => {
					const next = await this.perform(task, jobs, collectItems);
					if (next !== undefined) await handle(next);
				}),
			);
		};
		await handle({ type: 'start' });
		// A stop comes before everything else: it must never look like an item's failure.
		if (this.stop.reason === 'canceled') throw stopError(this.context, this.tally.left);
		const error = this.errors.get(batch.firstFailed ?? -1);
		if (error !== undefined) throw addLeft(error, this.tally.left);
	}

	private async perform(
		task: Task,
		jobs: PlannedJob[],
		collectItems?: CollectItems,
	): Promise<BatchEvent | undefined> {
		if (task.type === 'stopOthers') {
			this.stop.stopOthers();
			return undefined;
		}
		if (task.type === 'giveUp') return await this.giveUp(task.jobs);
		const job = jobs[task.job];
		if (job === undefined) return undefined;
		try {
			return await this.performFor(job, task, collectItems);
		} catch (thrown) {
			this.errors.set(task.job, this.fail(thrown, job, job.options.simplify));
			return { type: 'settled', job: task.job, isLost: true };
		}
	}

	private async performFor(
		planned: PlannedJob,
		task: JobTask,
		collectItems?: CollectItems,
	): Promise<BatchEvent> {
		const { job } = task;
		const before = this.going.get(job);
		switch (task.type) {
			case 'run': {
				const watch = before?.watch ?? new Watch(this.context, planned.itemIndex);
				const wanted = task.server === 'fallback' ? (planned.fallback ?? planned) : planned;
				if (before?.end.type === 'fail') this.tellTakeOver(before.end.failure, watch);
				const served = await this.attempts.make(wanted, watch);
				this.going.set(job, { ...served, watch });
				return { type: 'ended', job, end: served.end };
			}
			case 'prove':
				return {
					type: 'checked',
					job,
					isFree: await this.surroundings.isIdle(planned.api, this.stop),
				};
			case 'free': {
				const [accepted] = this.acceptedOf(job);
				const end = accepted && (await this.attempts.cancel(accepted));
				return { type: 'checked', job, isFree: end?.type === 'fail' && isWayFree(end.failure) };
			}
			case 'collect':
				if (before && collectItems) this.results[planned.itemIndex] = await collectItems(before);
				// Should the batch end here after all, a job that was only handed in has to be cancelled.
				if (planned.policy.until === 'submit') return { type: 'settled', job };
				break;
			case 'fail': {
				const { api } = before?.served ?? planned;
				const isStopped = this.stop.reason === 'canceled';
				const failure = isStopped
					? task.failure
					: await this.surroundings.explain(task.failure, api);
				const error = this.fail(new JobFailure(failure), planned, planned.options.simplify);
				this.errors.set(job, error);
			}
		}
		this.going.delete(job);
		return { type: 'settled', job };
	}

	private tellTakeOver({ message }: Failure, watch: Watch): void {
		watch.tell(`the fallback takes over: ${message}`);
		this.tally.tookOver.push(message);
	}

	/** Nobody will wait for these jobs: they are cancelled, or named. */
	private async giveUp(jobs: number[]): Promise<undefined> {
		await Promise.all(
			jobs
				.flatMap((job) => this.acceptedOf(job))
				.map(async (one) => {
					if (!one.job.options.cancelOnStop) {
						this.tally.left.push(one.jobId);
						return;
					}
					const end = await this.attempts.cancel(one);
					if (end.type === 'fail') this.tally.remember(end.failure);
				}),
		);
	}

	private async itemsOf({ served, run, end, watch }: Going): Promise<INodeExecutionData[]> {
		const { options, api } = served;
		if (end.type === 'fail') throw new JobFailure(end.failure);
		const jobId = run.jobId ?? '';
		const finished = { ...served, job: end.job, jobId, timeline: watch.timeline };
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

	/** The job as RunPod knows it; none where its ID never came. */
	private acceptedOf(index: number): AcceptedJob[] {
		const { run, served: job } = this.going.get(index) ?? {};
		if (run?.jobId === undefined || job === undefined) return [];
		return [{ job, jobId: run.jobId, submittedAt: run.submittedAt ?? Date.now() }];
	}

	/** The error of a piece of work; where the others go on, it takes the place of all its items. */
	private fail(thrown: unknown, work: ItemsOfWork, simplify: boolean): NodeFailure {
		if (thrown instanceof JobFailure) this.tally.remember(thrown.failure);
		const { itemIndex, itemIndexes = [itemIndex] } = work;
		const error = asNodeError(this.context, thrown, itemIndex, simplify);
		if (this.context.continueOnFail() && this.stop.reason !== 'canceled')
			for (const index of itemIndexes)
				this.results[index] = [errorItem(error, index, this.itemCount)];
		return error;
	}
}
