/** Pauses between attempts. Random is an argument, so that a test can name it. */

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
/** A server that asks for more is not waited for longer than this at a time. */
const LONGEST_RETRY_AFTER_MS = 120_000;

/** A submit that was definitely refused is repeated this often before the node gives up. */
export const MAX_REFUSED_SUBMITS = 6;

/**
 * Milliseconds until the next attempt. `attempt` counts from 1; `random` is in [0, 1).
 * `Retry-After` is a lower bound: jitter only adds to it, so that many jobs do not come back at once.
 */
export function pauseBefore(attempt: number, random: number, retryAfterMs?: number): number {
	const doubled = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempt - 1, 16));
	const jittered = doubled * (0.5 + random / 2);
	if (retryAfterMs === undefined) return Math.round(jittered);
	const asked = Math.min(LONGEST_RETRY_AFTER_MS, Math.max(0, retryAfterMs));
	return Math.round(Math.max(asked, FIRST_PAUSE_MS / 2) + random * FIRST_PAUSE_MS);
}

/** Reads the header `Retry-After`: seconds or a date. Milliseconds from `now`, or undefined. */
export function readRetryAfter(header: unknown, now: number): number | undefined {
	if (typeof header !== 'string' && typeof header !== 'number') return undefined;
	const text = String(header).trim();
	if (text === '') return undefined;
	const seconds = Number(text);
	if (Number.isFinite(seconds)) return seconds < 0 ? undefined : seconds * 1000;
	const date = Date.parse(text);
	return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
