import { jobLimits } from '../contract/job';
import { failureOf } from './failure';
import type { Failure, FailureParts } from './failure';

/**
 * Budget Guard: whether a job may be submitted, and for how long it may run. What an open job can
 * cost at most is set aside, so that the time on the workers never costs more than a limit says.
 */

/** USD; 0 is no limit. */
export interface BudgetLimits {
	perJob: number;
	perRun: number;
	perDay: number;
}

export type BreachAction = 'stop' | 'pause';

export type BudgetScope = keyof BudgetLimits;

const LABELS: Record<BudgetScope, string> = {
	perJob: 'Max USD per Job',
	perRun: 'Max USD per Run',
	perDay: 'Max USD per Day',
};

/** USD of jobs that are over, and set aside for those that this run still watches. */
export interface Account {
	spent: number;
	reserved: number;
}

export interface Application {
	limits: BudgetLimits;
	/** USD for an hour of the dearest worker that the job can get. */
	perHour: number;
	runTimeoutMs: number;
	/** All jobs of this node in this execution. */
	run: Account;
	/** The same of one endpoint since midnight UTC, with what RunPod has billed already. */
	day: Account;
	/** Execution times of this run's jobs on the same target, in ms. */
	runMs: number[];
}

export type Grant =
	/** `cappedBy` is the limit that the job's time comes from. */
	| { type: 'submit'; runTimeoutMs: number; reserveUsd: number; cappedBy?: BudgetScope }
	/** Jobs that run now may cost less than was set aside for them. */
	| { type: 'wait' }
	| { type: 'refuse'; scope: BudgetScope; spent: number };

const MS_PER_HOUR = 3_600_000;

export const usdOf = (ms: number, perHour: number): number => (perHour * ms) / MS_PER_HOUR;

/** Floats: half a microdollar must not decide about a whole millisecond. */
const msOf = (usd: number, perHour: number): number =>
	perHour > 0 ? Math.floor((usd * MS_PER_HOUR) / perHour + 1e-6) : Infinity;

/** RunPod cannot end a job earlier. */
const LEAST_MS = jobLimits.executionTimeoutMinS * 1000;

export function decide(application: Application): Grant {
	const { limits, perHour, runMs } = application;
	let runTimeoutMs = application.runTimeoutMs;
	let cappedBy: BudgetScope | undefined;
	if (limits.perJob > 0 && msOf(limits.perJob, perHour) < runTimeoutMs) {
		runTimeoutMs = msOf(limits.perJob, perHour);
		cappedBy = 'perJob';
		if (runTimeoutMs < LEAST_MS) return { type: 'refuse', scope: 'perJob', spent: 0 };
	}
	// A job that is cut off before any other was done is paid for nothing.
	const leastMs = Math.max(LEAST_MS, runMs.length === 0 ? 0 : Math.min(...runMs));
	for (const scope of ['perRun', 'perDay'] as const) {
		if (limits[scope] <= 0) continue;
		const { spent, reserved } = scope === 'perRun' ? application.run : application.day;
		const freeMs = msOf(limits[scope] - spent - reserved, perHour);
		if (freeMs >= runTimeoutMs) continue;
		if (msOf(limits[scope] - spent, perHour) < leastMs) return { type: 'refuse', scope, spent };
		if (reserved > 0) return { type: 'wait' };
		runTimeoutMs = freeMs;
		cappedBy = scope;
	}
	return { type: 'submit', runTimeoutMs, reserveUsd: usdOf(runTimeoutMs, perHour), cappedBy };
}

export const isLimited = ({ perJob, perRun, perDay }: BudgetLimits): boolean =>
	perJob > 0 || perRun > 0 || perDay > 0;

/** Enough digits to tell amounts far below a cent apart. */
const text = (usd: number): string => String(Number(usd.toFixed(usd < 0.01 ? 6 : 4)));

const named = (scope: BudgetScope, usd: number): string => `${text(usd)} ('${LABELS[scope]}')`;

/** Nothing was submitted, because a limit leaves too little. */
export function refused(
	scope: BudgetScope,
	limits: BudgetLimits,
	perHour: number,
	spent: number,
): Failure {
	const limit = limits[scope];
	const least = text(usdOf(LEAST_MS, perHour));
	const amounts = {
		perJob: `${least} for ${LEAST_MS / 1000} seconds, the least that RunPod can limit a job to`,
		perRun: `${text(spent)} for the jobs of this run`,
		perDay: `${text(spent)} for this endpoint today (UTC)`,
	};
	return failureOf(
		'BUDGET_EXCEEDED',
		{ limit: named(scope, limit), amount: amounts[scope] },
		{
			notes: ['Nothing was submitted.'],
			details: { limit: scope, limit_usd: limit, spent_usd: Number(spent.toFixed(9)) },
		},
	);
}

/** A job that used up the time which a limit had left for it. */
export interface Cap {
	scope: BudgetScope;
	limitUsd: number;
	capUsd: number;
}

export function usedUp(
	cap: Cap,
	seconds: number,
	details: NonNullable<FailureParts['details']>,
	more: { notes?: string[]; after?: string[] } = {},
): Failure {
	const { scope, limitUsd, capUsd } = cap;
	return failureOf(
		'BUDGET_EXCEEDED',
		{
			limit: named(scope, limitUsd),
			amount: `${text(capUsd)} for the ${seconds} seconds that the job ran`,
		},
		{ ...more, details: { ...details, limit: scope, limit_usd: limitUsd, spent_usd: capUsd } },
	);
}

/** A guard that cannot measure lets nothing through. */
export function unmeasured(limits: BudgetLimits, endpointId: string, what: string): Failure {
	const scope = (['perJob', 'perRun', 'perDay'] as const).find((one) => limits[one] > 0);
	return failureOf(
		'BUDGET_EXCEEDED',
		{},
		{
			message: `'${LABELS[scope ?? 'perJob']}' cannot be kept: ${what} of endpoint '${endpointId}' is not known`,
			remedy:
				"Give the key permission to read endpoints, the catalog of GPUs and billing, or take the limit out of 'Job Options'. Public and CPU endpoints have no price in the catalog.",
			notes: ['Nothing was submitted.'],
			details: { limit: scope, endpoint_id: endpointId },
		},
	);
}
