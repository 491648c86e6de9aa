import type { IExecuteFunctions } from 'n8n-workflow';

import { decide, refused, unmeasured } from '../core/budget';
import type { Application, Grant } from '../core/budget';
import { dearestOf } from '../core/cost';
import { failureOf } from '../core/failure';
import type { Failure } from '../core/failure';
import { isNewRun } from '../core/run';
import { spentBy } from '../core/spent';
import { isRecord } from '../core/state';
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

/** By endpoint: USD of jobs that are over, and the newest day that was asked for. */
interface StoredAccount {
	spent: Record<string, number>;
	days: Record<string, Day>;
}

interface Pause {
	breach: Failure;
	/** Why the endpoint could not be paused. */
	problem?: string;
}

const KEY = 'runpodBudget';

export class BudgetGuard {
	/** Set aside for the jobs that are watched, by endpoint. */
	private readonly reserved = new Map<string, number>();
	private readonly measured = new Map<string, Promise<number | undefined>>();
	private readonly days = new Map<string, Promise<Day | undefined>>();
	/** Endpoints that a breach asked to pause. */
	private readonly pauses = new Map<string, Promise<Pause>>();
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
		const isSubmitted = body === undefined || !isNewRun(first);
		if (!budget || isSubmitted || !endpointId) return undefined;
		const perHour = await this.priceOf(endpointId);
		if (perHour === undefined) return unmeasured(budget, endpointId, 'the price');
		for (;;) {
			if (this.stop.reason !== undefined) return undefined;
			const day = budget.perDay > 0 ? await this.dayOf(endpointId) : undefined;
			if (budget.perDay > 0 && day === undefined)
				return unmeasured(budget, endpointId, "today's bill");
			const pause = await this.pauses.get(endpointId);
			if (pause !== undefined && pause.problem === undefined) return afterPause(pause.breach);
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
		const told = usd ?? (ended && spentBy(ended, perHour, reserveUsd, Date.now()));
		const cost = told ?? reserveUsd;
		for (const spent of [this.spent('node'), this.spent('flow')])
			spent[endpointId] = (spent[endpointId] ?? 0) + cost;
		this.reserved.set(endpointId, Math.max(0, (this.reserved.get(endpointId) ?? 0) - reserveUsd));
		const waiting = this.waiting;
		this.waiting = [];
		for (const go of waiting) go();
	}

	/** What a breach asks for besides the end: the failure, with what became of the endpoint. */
	async breached(failure: Failure, { options, api }: PlannedJob): Promise<Failure> {
		const { endpointId } = api;
		if (endpointId === undefined) return failure;
		const known = this.pauses.get(endpointId);
		if (known !== undefined) {
			// A job that waited in the queue of the endpoint that another job's breach has paused.
			const isVictim = failure.code === 'ENDPOINT_PAUSED';
			return isVictim ? afterPause((await known).breach, failure) : failure;
		}
		const isBreach = failure.code === 'BUDGET_EXCEEDED' && failure.details.limit_usd !== undefined;
		if (!isBreach || options.budget?.onBreach !== 'pause') return failure;
		const pause = this.surroundings
			.pause(endpointId)
			.then((problem): Pause => ({ breach: failure, problem }));
		this.pauses.set(endpointId, pause);
		const { problem } = await pause;
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
		const sum = (amounts: Iterable<number>) => [...amounts].reduce((all, one) => all + one, 0);
		const here = this.spent('flow')[endpointId] ?? 0;
		return {
			run: { spent: sum(Object.values(this.spent('node'))), reserved: sum(this.reserved.values()) },
			day: {
				spent: (day?.billed ?? 0) + here - (day?.spentBefore ?? 0),
				reserved: this.reserved.get(endpointId) ?? 0,
			},
		};
	}

	/**
	 * What n8n keeps as long as the execution, so that a loop and a retry go on with the same account:
	 * one of this node, and one of all nodes, which share the day.
	 */
	private account(whose: 'node' | 'flow'): StoredAccount {
		const store = this.context.getContext(whose);
		if (!isRecord(store[KEY])) store[KEY] = { spent: {}, days: {} };
		return store[KEY] as unknown as StoredAccount;
	}

	private spent(whose: 'node' | 'flow'): Record<string, number> {
		return this.account(whose).spent;
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
		const date = new Date(Date.now()).toISOString().slice(0, 10);
		const known = this.account('flow').days[endpointId];
		if (known?.date === date) return known;
		const key = `${endpointId} ${date}`;
		let day = this.days.get(key);
		if (day === undefined) {
			day = this.readDay(endpointId, date);
			this.days.set(key, day);
		}
		return await day;
	}

	private async readDay(endpointId: string, date: string): Promise<Day | undefined> {
		const spentBefore = this.spent('flow')[endpointId] ?? 0;
		const billed = await this.surroundings.billedSince(endpointId, `${date}T00:00:00Z`, this.stop);
		if (billed === undefined) return undefined;
		const day: Day = { date, billed, spentBefore };
		this.account('flow').days[endpointId] = day;
		return day;
	}
}

/** Of a job that was submitted before the pause, `ended` tells what became of it. */
function afterPause({ message }: Failure, ended?: Failure): Failure {
	const paused = failureOf(
		'BUDGET_EXCEEDED',
		{},
		{
			message: `The endpoint was paused, because: ${message}`,
			notes: ['Nothing was submitted.'],
		},
	);
	if (ended === undefined) return paused;
	const { description, details } = ended;
	return {
		...paused,
		description,
		details: { ...details, ...paused.details, job_id: details.job_id },
	};
}
