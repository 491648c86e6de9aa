import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import { decide, refused, unmeasured, usdOf } from '../core/budget';
import type { Application, Grant } from '../core/budget';
import { dearestOf } from '../core/cost';
import { failureOf } from '../core/failure';
import type { Failure } from '../core/failure';
import { isFinal, isRecord } from '../core/state';
import { changed } from './planned';
import type { PlannedJob } from './planned';
import type { JobEnd } from './runJob';
import type { StopSign } from './stop';
import type { Surroundings } from './surroundings';

/** Performs what `core/budget.ts` decides: measures, sets aside, waits, and pauses an endpoint. */

/** A job that may be submitted, with what was set aside for it. */
export interface Admission {
	job: PlannedJob;
	perHour: number;
	reserveUsd: number;
}

/** What one endpoint has cost today before this execution's own jobs are counted. */
interface Day {
	date: string;
	billed: number;
	/** What this execution had spent there when RunPod was asked. */
	spentBefore: number;
}

const KEY = 'runpodBudget';

export class BudgetGuard {
	/** Set aside for the jobs that are watched, by endpoint. */
	private readonly reserved = new Map<string, number>();
	private readonly measured = new Map<string, Promise<number | undefined>>();
	private readonly days = new Map<string, Promise<Day | undefined>>();
	/** Endpoints that were paused, and why. */
	private readonly paused = new Map<string, Failure>();
	private waiting: Array<() => void> = [];

	constructor(
		private readonly context: IExecuteFunctions,
		private readonly surroundings: Surroundings,
		private readonly stop: StopSign,
	) {}

	/**
	 * The job as it may be submitted, or undefined where no limit applies: none was set, nothing is
	 * submitted, or nobody pays by the job; or BUDGET_EXCEEDED. A stop ends the waiting.
	 */
	async admit(job: PlannedJob, runMs: () => number[]): Promise<Admission | Failure | undefined> {
		const { options, api, body, first } = job;
		const { budget } = options;
		const { endpointId } = api;
		const isSubmitted = body === undefined || first.jobId !== undefined || first.end !== undefined;
		if (!budget || isSubmitted || !endpointId) return undefined;
		const perHour = await this.priceOf(endpointId);
		if (perHour === undefined) return unmeasured(budget, endpointId, 'the price');
		for (;;) {
			if (this.stop.reason !== undefined) return undefined;
			const day = budget.perDay > 0 ? await this.dayOf(endpointId) : undefined;
			if (budget.perDay > 0 && day === undefined)
				return unmeasured(budget, endpointId, "today's bill");
			const breach = this.paused.get(endpointId);
			if (breach !== undefined) return afterPause(breach);
			const application = {
				limits: budget,
				perHour,
				runTimeoutMs: job.policy.runTimeoutMs,
				...this.accounts(endpointId, day),
				runMs: runMs(),
			};
			const grant = decide(application);
			if (grant.type === 'submit') return this.take(job, endpointId, application, grant);
			if (grant.type === 'refuse') return refused(grant.scope, budget, perHour, grant.spent);
			await Promise.race([new Promise<void>((go) => this.waiting.push(go)), this.stop.stopped]);
		}
	}

	/** Books what a job has cost; what is not known for sure counts in full. */
	settle(
		{ job, perHour, reserveUsd }: Admission,
		ended: JobEnd | undefined,
		usd?: number | null,
	): void {
		const endpointId = job.api.endpointId ?? '';
		const cost = usd ?? (ended && costOf(ended, perHour)) ?? reserveUsd;
		const spent = this.spent();
		spent[endpointId] = (spent[endpointId] ?? 0) + cost;
		this.reserved.set(endpointId, Math.max(0, (this.reserved.get(endpointId) ?? 0) - reserveUsd));
		const waiting = this.waiting;
		this.waiting = [];
		for (const go of waiting) go();
	}

	/** What a breach asks for besides the end: the failure, with what became of the endpoint. */
	async breached(failure: Failure, { options, api }: PlannedJob): Promise<Failure> {
		const { endpointId } = api;
		const isBreach = failure.code === 'BUDGET_EXCEEDED' && failure.details.limit_usd !== undefined;
		if (!isBreach || options.budget?.onBreach !== 'pause' || !endpointId) return failure;
		if (this.paused.has(endpointId)) return failure;
		this.paused.set(endpointId, failure);
		const problem = await this.surroundings.pause(endpointId);
		const text =
			problem === undefined
				? `Endpoint '${endpointId}' was paused: its max workers are 0 now. Raise 'Max Workers' to use it again.`
				: `Endpoint '${endpointId}' could not be paused: ${problem}.`;
		return {
			...failure,
			description: `${failure.description} ${text}`,
			details: { ...failure.details, endpoint_paused: problem === undefined },
		};
	}

	private take(
		job: PlannedJob,
		endpointId: string,
		{ limits, perHour }: Application,
		{ runTimeoutMs, reserveUsd, cappedBy }: Extract<Grant, { type: 'submit' }>,
	): Admission {
		this.reserved.set(endpointId, (this.reserved.get(endpointId) ?? 0) + reserveUsd);
		if (cappedBy === undefined || job.body === undefined) return { job, perHour, reserveUsd };
		const cap = { scope: cappedBy, limitUsd: limits[cappedBy], capUsd: reserveUsd };
		const body = changed(job.body, (made) => ({
			...made,
			policy: { ...made.policy, executionTimeout: runTimeoutMs },
		}));
		return {
			job: {
				...job,
				body,
				policy: { ...job.policy, runTimeoutMs, cap },
				options: { ...job.options, runTimeoutS: runTimeoutMs / 1000, cap },
			},
			perHour,
			reserveUsd,
		};
	}

	private accounts(endpointId: string, day: Day | undefined): Pick<Application, 'run' | 'day'> {
		const spent = this.spent();
		const sum = (amounts: Iterable<number>) => [...amounts].reduce((all, one) => all + one, 0);
		const here = spent[endpointId] ?? 0;
		return {
			run: { spent: sum(Object.values(spent)), reserved: sum(this.reserved.values()) },
			day: {
				spent: (day?.billed ?? 0) + here - (day?.spentBefore ?? 0),
				reserved: this.reserved.get(endpointId) ?? 0,
			},
		};
	}

	/**
	 * By endpoint, in the node's context: it lasts as long as the execution, so that a loop and a
	 * retry go on with the same account.
	 */
	private spent(): Record<string, number> {
		const store = this.context.getContext('node');
		if (!isRecord(store[KEY])) store[KEY] = { spent: {}, days: {} };
		return (store[KEY] as { spent: Record<string, number> }).spent;
	}

	private async priceOf(endpointId: string): Promise<number | undefined> {
		let price = this.measured.get(endpointId);
		if (price === undefined) {
			price = this.surroundings
				.priceFacts(endpointId, this.stop)
				.then((facts) => facts && dearestOf(facts)?.perHour);
			this.measured.set(endpointId, price);
		}
		return await price;
	}

	/**
	 * RunPod is asked once a day and execution: its bill lags behind, and what it already knows of
	 * this execution's jobs would else be counted twice.
	 */
	private async dayOf(endpointId: string): Promise<Day | undefined> {
		const date = new Date().toISOString().slice(0, 10);
		const stored = (this.context.getContext('node')[KEY] as IDataObject | undefined)?.days;
		const known = isRecord(stored) ? stored[endpointId] : undefined;
		if (isRecord(known) && known.date === date) return known as unknown as Day;
		const key = `${endpointId} ${date}`;
		let day = this.days.get(key);
		if (day === undefined) {
			day = this.readDay(endpointId, date);
			this.days.set(key, day);
		}
		return await day;
	}

	private async readDay(endpointId: string, date: string): Promise<Day | undefined> {
		const spentBefore = this.spent()[endpointId] ?? 0;
		const billed = await this.surroundings.billedSince(endpointId, `${date}T00:00:00Z`, this.stop);
		if (billed === undefined) return undefined;
		const day: Day = { date, billed, spentBefore };
		const store = this.context.getContext('node')[KEY] as { days: Record<string, Day> };
		store.days[endpointId] = day;
		return day;
	}
}

/** USD of a job that is over; undefined where it may run on or its time is not known. */
function costOf({ run, end }: JobEnd, perHour: number): number | undefined {
	if (run.jobId === undefined) {
		return end.type === 'fail' && end.failure.details.outcome === 'unknown' ? undefined : 0;
	}
	const wasCancelled = end.type === 'fail' && end.failure.details.remote_job === 'done';
	if (!isFinal(run.state) && !wasCancelled) return undefined;
	if (run.executionMs !== undefined && !wasCancelled) return usdOf(run.executionMs, perHour);
	if (run.runSince !== undefined) return usdOf(Math.max(0, Date.now() - run.runSince), perHour);
	return run.phase === 'queue' && wasCancelled ? 0 : undefined;
}

const afterPause = ({ message }: Failure): Failure =>
	failureOf(
		'BUDGET_EXCEEDED',
		{},
		{ message: `The endpoint was paused, because: ${message}`, notes: ['Nothing was submitted.'] },
	);
