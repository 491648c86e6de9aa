/** The figures of the job plane and the counters that hold callers to them. */
import type { Clock } from '../control/clock.mts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

export const MIN_WAIT_MS = 1000;
export const MAX_WAIT_MS = 300_000;
export const DEFAULT_WAIT_MS = 90_000;
export const MIN_EXECUTION_TIMEOUT_MS = 5000;
export const MIN_TTL_MS = 10_000;
export const MAX_TIMEOUT_MS = 7 * DAY;
export const DEFAULT_TTL_MS = DAY;
export const DEFAULT_EXECUTION_TIMEOUT_MS = 10 * MINUTE;
export const STREAM_HOLD_MS = 10_000;

// Assumed: 1 MB is 1,000,000 bytes. The documentation does not say; this is the stricter reading.
const MB = 1_000_000;
export const MAX_BYTES = { run: 10 * MB, runsync: 20 * MB } as const;
export const MAX_CHUNK_BYTES = MB;

/** How long a result can be read after its end. Assumed for runsync: always 1 minute, also with `wait`. */
export const RETENTION_MS = { run: 30 * MINUTE, runsync: MINUTE } as const;

/** Attempts that the platform adds by itself when a worker is lost. */
export const PLATFORM_RETRIES = 1;

/** Waits before the second and the third attempt of a webhook, as once observed. */
export const WEBHOOK_GAPS_MS = [5 * SECOND, 15 * SECOND];

const WINDOW_MS = 10 * SECOND;

interface Rate {
	perWindow: number;
	atOnce: number;
}

export const rates: Record<string, Rate> = {
	runsync: { perWindow: 2000, atOnce: 400 },
	run: { perWindow: 1000, atOnce: 200 },
	status: { perWindow: 2000, atOnce: 400 },
	stream: { perWindow: 2000, atOnce: 400 },
	cancel: { perWindow: 100, atOnce: 20 },
	'purge-queue': { perWindow: 2, atOnce: Infinity },
};

/** Counts calls of one endpoint in sliding windows of 10 s and calls at the same time. */
export class RateLimits {
	private readonly calls = new Map<string, number[]>();
	private readonly open = new Map<string, number>();

	constructor(private readonly clock: Clock) {}

	/** Returns the function that ends the call, or the milliseconds to wait when it is over the limit. */
	enter(endpointId: string, operation: string): (() => void) | number {
		const rate = rates[operation];
		if (rate === undefined) return () => undefined;
		const key = `${endpointId} ${operation}`;
		const now = this.clock.now();
		const recent = (this.calls.get(key) ?? []).filter((at) => at > now - WINDOW_MS);
		const atOnce = this.open.get(key) ?? 0;
		// Assumed: refused calls do not count. What running workers add to the limits is left out.
		if (recent.length >= rate.perWindow) return recent[0] + WINDOW_MS - now;
		if (atOnce >= rate.atOnce) return SECOND;
		recent.push(now);
		this.calls.set(key, recent);
		this.open.set(key, atOnce + 1);
		return () => {
			this.open.set(key, (this.open.get(key) ?? 1) - 1);
		};
	}

	/** True when the queue takes no further job (more than 50 waiting and more than 500 per worker allowed). */
	queueIsFull(waiting: number, workersMax: number): boolean {
		return waiting > 50 && waiting > 500 * workersMax;
	}
}
