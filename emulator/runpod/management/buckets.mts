/** Buckets of bills, in UTC. Assumed: weeks begin on Monday. */

export const SIZES = ['hour', 'day', 'week', 'month', 'year'] as const;
export type BucketSize = (typeof SIZES)[number];

/** Start of the bucket that holds the moment; both in ms since 1970. */
export function bucketOf(at: number, size: BucketSize): number {
	const date = new Date(at);
	const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
	if (size === 'hour') return Date.UTC(year, month, day, date.getUTCHours());
	if (size === 'day') return Date.UTC(year, month, day);
	if (size === 'week') return Date.UTC(year, month, day - ((date.getUTCDay() + 6) % 7));
	return size === 'month' ? Date.UTC(year, month) : Date.UTC(year, 0);
}

/** Start of the bucket after the one that starts at `start`. */
export function bucketAfter(start: number, size: BucketSize): number {
	const date = new Date(start);
	const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
	if (size === 'hour') return start + 3_600_000;
	if (size === 'day') return Date.UTC(year, month, day + 1);
	if (size === 'week') return Date.UTC(year, month, day + 7);
	return size === 'month' ? Date.UTC(year, month + 1) : Date.UTC(year + 1, 0);
}
