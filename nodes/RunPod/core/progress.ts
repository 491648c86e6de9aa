/** The worker's progress, read tolerantly: foreign workers send texts, numbers or nothing. */
export interface Progress {
	stage?: string;
	/** 0 to 100. */
	percent?: number;
	message?: string;
	/** Milliseconds until the end, where the worker says so. */
	etaMs?: number;
}

const numberIn = (value: unknown, low: number, high: number): number | undefined =>
	typeof value === 'number' && value >= low && value <= high ? value : undefined;

const textIn = (value: unknown): string | undefined =>
	typeof value === 'string' && value !== '' ? value.slice(0, 300) : undefined;

/** `output` of a job that is not final yet, as progress; undefined where it says nothing. */
export function readProgress(output: unknown): Progress | undefined {
	if (typeof output === 'string') return output === '' ? undefined : { message: textIn(output) };
	if (typeof output !== 'object' || output === null || Array.isArray(output)) return undefined;
	const fields = output as Record<string, unknown>;
	const etaS = numberIn(fields.eta_s, 0, 1e7);
	const progress: Progress = {
		stage: textIn(fields.stage),
		percent: numberIn(fields.percent, 0, 100),
		message: textIn(fields.message),
		etaMs: etaS === undefined ? numberIn(fields.eta_ms, 0, 1e10) : etaS * 1000,
	};
	return Object.values(progress).some((value) => value !== undefined) ? progress : undefined;
}

/** One line of the timeline that goes with every result. `at` is an ISO time. */
export interface TimelineEntry {
	at: string;
	status: string;
	percent: number | null;
	message: string;
	/** Seconds that the job still needed by its progress, where that tells. */
	etaS?: number;
}

/** A timeline longer than this drops its middle: the beginning and the end are what one looks for. */
const LONGEST_TIMELINE = 100;

/** Appends what changed; a repeated reading adds nothing. */
export function extendTimeline(
	timeline: TimelineEntry[],
	status: string,
	progress: Progress | undefined,
	now: number,
	restMs?: number,
): TimelineEntry[] {
	const last = timeline.at(-1);
	const percent = progress?.percent ?? null;
	const message = progress?.message ?? progress?.stage ?? '';
	if (last?.status === status && last.percent === percent && last.message === message)
		return timeline;
	const entry: TimelineEntry = { at: new Date(now).toISOString(), status, percent, message };
	if (restMs !== undefined) entry.etaS = Math.round(restMs / 1000);
	const kept =
		timeline.length < LONGEST_TIMELINE
			? timeline
			: [...timeline.slice(0, LONGEST_TIMELINE / 2), ...timeline.slice(LONGEST_TIMELINE / 2 + 1)];
	return [...kept, entry];
}
