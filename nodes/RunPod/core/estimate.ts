import { podPriceOf } from './catalog';
import type { CatalogGpu } from './catalog';

/** What jobs cost on a GPU type: plain arithmetic with the prices of the moment. */

export interface Workload {
	secondsPerJob: number;
	jobsPerMonth: number;
	/** Seconds that a worker waits, and is paid, per job. */
	idleSecondsPerJob: number;
	storageGb: number;
	/** USD per job elsewhere; 0 for no comparison. */
	comparePricePerJob: number;
	rates: StorageRates;
}

export interface StorageRates {
	/** USD per GB and month. */
	perGb: number;
	/** USD for each GB above the first 1,000. */
	perGbAbove: number;
}

export interface Estimate {
	job_usd: number | null;
	month_usd: number | null;
	storage_usd: number;
	pod_month_usd: number | null;
	break_even_jobs_per_day: number | null;
	compare_month_usd: number | null;
	saves_usd_per_month: number | null;
}

const FIRST_GB = 1000;
const SECONDS_PER_HOUR = 60 * 60;
const HOURS_PER_DAY = 24;
/** 365 days by 12. */
const HOURS_PER_MONTH = 730;

/** Amounts per job are far below a cent. */
const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));

/** USD per month for a network volume. */
export function storageUsd(sizeGb: number, { perGb, perGbAbove }: StorageRates): number {
	const first = Math.min(sizeGb, FIRST_GB);
	return rounded(first * perGb + (sizeGb - first) * perGbAbove, 2);
}

/**
 * `break_even_jobs_per_day` is how many jobs a day cost as much as a Pod around the clock:
 * 24 * Pod price / (paid hours of a job * serverless price).
 */
export function estimateOf(gpu: CatalogGpu, work: Workload): Estimate {
	const storage = storageUsd(work.storageGb, work.rates);
	const paidHours = (work.secondsPerJob + work.idleSecondsPerJob) / SECONDS_PER_HOUR;
	const { serverless } = gpu.price;
	const pod = podPriceOf(gpu);
	const job = serverless === undefined ? undefined : paidHours * serverless;
	const month = job === undefined ? undefined : job * work.jobsPerMonth + storage;
	const compared = work.comparePricePerJob > 0 ? work.comparePricePerJob : undefined;
	const comparedMonth = compared === undefined ? undefined : compared * work.jobsPerMonth;
	const breakEven =
		job === undefined || job === 0 || pod === undefined ? undefined : (HOURS_PER_DAY * pod) / job;
	const amount = (value: number | undefined, digits: number): number | null =>
		value === undefined ? null : rounded(value, digits);
	return {
		job_usd: amount(job, 9),
		month_usd: amount(month, 2),
		storage_usd: storage,
		pod_month_usd: amount(pod === undefined ? undefined : pod * HOURS_PER_MONTH + storage, 2),
		break_even_jobs_per_day: amount(breakEven, 1),
		compare_month_usd: amount(comparedMonth, 2),
		saves_usd_per_month: amount(
			comparedMonth === undefined || month === undefined ? undefined : comparedMonth - month,
			2,
		),
	};
}
