import { finalStates } from '../contract/job';

/**
 * A job as the platform or a worker tells it, read tolerantly. `state` is undefined where the body
 * is no job: RunPod's 404 has a numeric `status`, which is not a job state.
 */
export interface JobView {
	id?: string;
	state?: string;
	/** Milliseconds in the queue, including the start of the worker. */
	delayTime?: number;
	/** Milliseconds on the worker. */
	executionTime?: number;
	workerId?: string;
	retries?: number;
	/** Whether the key was there at all: a lost result has none. */
	hasOutput: boolean;
	/** The result, or while the job runs the last progress. */
	output?: unknown;
	error?: unknown;
}

// An unknown word is not final until the node's own deadline: the platform may learn new ones, and
// taking a running job for finished would leave it to bill unseen.
const FINAL: ReadonlySet<string> = new Set(finalStates);
const RUNNING: ReadonlySet<string> = new Set(['IN_PROGRESS', 'RUNNING']);

export const isFinal = (state: string | undefined): boolean =>
	state !== undefined && FINAL.has(state);

/** The platform runs a job again under its id only from these two. */
export const mayRetry = (state: string | undefined): boolean =>
	state === 'FAILED' || state === 'TIMED_OUT';

export type Phase = 'queue' | 'run';

/** Whose clock runs in a state; an unknown word leaves the clock that was running. */
export function phaseOf(state: string | undefined, before: Phase): Phase {
	if (state === 'IN_QUEUE') return 'queue';
	return state !== undefined && RUNNING.has(state) ? 'run' : before;
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
	typeof value === 'object' && value !== null && !Array.isArray(value);

const asNumber = (value: unknown): number | undefined =>
	typeof value === 'number' && Number.isFinite(value) ? value : undefined;

const asText = (value: unknown): string | undefined =>
	typeof value === 'string' && value !== '' ? value : undefined;

/** Reads a reply of /run, /runsync, /status, /cancel or /retry. Unknown keys are ignored. */
export function readJob(body: unknown): JobView {
	if (!isRecord(body)) return { hasOutput: false };
	return {
		id: asText(body.id),
		state: asText(body.status),
		delayTime: asNumber(body.delayTime),
		executionTime: asNumber(body.executionTime),
		workerId: asText(body.workerId),
		retries: asNumber(body.retries),
		hasOutput: 'output' in body && body.output !== null && body.output !== undefined,
		output: body.output,
		error: body.error,
	};
}
