import type { Progress } from './progress';

/** Nearer reads than the poll interval keep at least this distance: two a second. */
export const NEAREST_READ_MS = 500;
/** The worker tells its result a moment after its last step. */
const MARGIN_MS = 100;
/** So many near reads may find nothing before the estimate counts as wrong. */
const NEAR_READS = 5;
/** Fewer earlier jobs than this say nothing. */
const ENOUGH_PEERS = 2;
const MOST_PEERS = 20;

/** What the jobs of one run know about each other. Shared by all jobs of the same target. */
export interface Peers {
	/** Execution times of finished jobs in ms, newest last. */
	runMs: number[];
	/** Before this time nobody reads: the target asked for a pause. */
	blockedUntil: number;
}

export const noPeers = (): Peers => ({ runMs: [], blockedUntil: 0 });

/** Adds a finished job's execution time; a bounded number is kept. */
export function learn(peers: Peers, executionMs: number): Peers {
	return { ...peers, runMs: [...peers.runMs, executionMs].slice(-MOST_PEERS) };
}

export const block = (peers: Peers, until: number): Peers =>
	until > peers.blockedUntil ? { ...peers, blockedUntil: until } : peers;

export interface Knowledge {
	/** When the job began to run, as far as it is known. */
	runSince?: number;
	/** The newest progress and when it was read. */
	progress?: Progress;
	progressAt?: number;
	peers: Peers;
}

/** The time at which the job will probably end, or undefined where nothing tells. */
export function expectedEnd(know: Knowledge): number | undefined {
	const { progress, progressAt, runSince } = know;
	if (progress?.etaMs !== undefined && progressAt !== undefined) return progressAt + progress.etaMs;
	if (progress?.percent && progressAt !== undefined && runSince !== undefined) {
		const elapsed = Math.max(0, progressAt - runSince);
		// The first percents are mostly loading: they promise an end that is far too late, or too soon.
		if (progress.percent >= 10) {
			return progressAt + (elapsed * (100 - progress.percent)) / progress.percent;
		}
	}
	if (runSince === undefined || know.peers.runMs.length < ENOUGH_PEERS) return undefined;
	const sorted = [...know.peers.runMs].sort((a, b) => a - b);
	return runSince + (sorted[Math.floor(sorted.length / 2)] ?? 0);
}

/** Milliseconds to the end by the worker's own progress; other jobs of the run are no witness of it. */
export function remainingMs(know: Omit<Knowledge, 'peers'>, now: number): number | undefined {
	const end = expectedEnd({ ...know, peers: noPeers() });
	return end === undefined ? undefined : Math.max(0, end - now);
}

export interface Reading extends Knowledge {
	now: number;
	intervalMs: number;
	/** When the submit was answered, or the last read was sent. */
	since: number;
	/** Whether the job was read at all; the first read comes one interval after the submit. */
	wasRead: boolean;
	/** Near reads so far. */
	nearReads: number;
}

/** When to read next, and whether that is a nearer read than the interval asks for. */
export function nextRead(reading: Reading): { at: number; near: boolean } {
	const regular = reading.since + reading.intervalMs;
	const end = reading.wasRead ? expectedEnd(reading) : undefined;
	if (end === undefined) return { at: regular, near: false };
	const late = Math.max(0, reading.nearReads - NEAR_READS + 1);
	const nearest = reading.since + NEAREST_READ_MS * 2 ** Math.min(late, 16);
	const at = Math.max(end + MARGIN_MS, nearest);
	return at < regular ? { at, near: true } : { at: regular, near: false };
}
