/** The shapes of the replies: from the data of a job or endpoint to JSON, nothing else. */
import { currentAttempt, isFinal, type Job } from './job.mts';

export interface Reply {
	status: number;
	body?: unknown;
	headers?: Record<string, string>;
	/** By a fault: bytes of the body after which the connection breaks. */
	truncateAt?: number;
}

export const ok = (body: unknown): Reply => ({ status: 200, body });
export const noContent: Reply = { status: 204 };

/** The failure body of the platform; `status` is a number here and no job state. */
const failure = (status: number, title: string, detail: string): Reply => ({
	status,
	body: { status, title, detail },
});

export const jobNotFound = failure(404, 'Not Found', 'job not found');
/** The same answer for an endpoint that does not exist and for a key that may not see it. */
export const endpointNotFound: Reply = { status: 404, body: { detail: 'endpoint not found' } };
// Assumed: the queue gateway answers a wrong key as the load-balancing gateway was seen to do.
export const noToken = failure(401, 'Unauthorized', 'no token provided');
export const wrongKey = failure(401, 'Unauthorized', 'invalid api key');
// Assumed: the text was seen in public, its body was not.
export const notPermitted = failure(
	403,
	'Forbidden',
	'You do not have permission to use RunPod Serverless',
);
// Assumed: bodies and codes of 400 and 413 are not documented.
export const badRequest = (detail: string): Reply => failure(400, 'Bad Request', detail);
export const tooLarge = (detail: string): Reply => failure(413, 'Payload Too Large', detail);

/** Assumed: body and header of a 429 of the job plane are not documented; `retryAfter` in seconds. */
export function tooManyRequests(retryAfter?: number): Reply {
	const reply = failure(429, 'Too Many Requests', 'rate limit exceeded');
	return retryAfter === undefined
		? reply
		: { ...reply, headers: { 'retry-after': String(retryAfter) } };
}

/** The reply to /run, /cancel and /retry. */
export const shortJob = (job: Job): { id: string; status: string } => ({
	id: job.id,
	status: job.state,
});

/**
 * The body of /status and of a finished /runsync; times in milliseconds. A field without a value is
 * left out: a COMPLETED job whose result was lost has no key `output`.
 */
export function fullJob(job: Job, now: number): Record<string, unknown> {
	const reply: Record<string, unknown> = {};
	const attempt = currentAttempt(job);
	// Assumed: while a job waits again after a lost worker, the times of that attempt are not shown.
	if (attempt !== undefined && job.state !== 'IN_QUEUE') {
		reply.delayTime = Math.max(0, attempt.takenAt - job.queuedAt);
		if (job.error !== undefined) reply.error = job.error;
		reply.executionTime = (attempt.endedAt ?? now) - attempt.takenAt;
	}
	reply.id = job.id;
	const output = isFinal(job) ? job.output : job.progress;
	if (output !== undefined) reply.output = output;
	if (job.retries > 0) reply.retries = job.retries;
	reply.status = job.state;
	if (attempt !== undefined && job.state !== 'IN_QUEUE') reply.workerId = attempt.workerId;
	return reply;
}

/** What a webhook receives: the whole job with its input and the webhook's own address. */
export function webhookBody(job: Job, now: number): Record<string, unknown> {
	const { workerId: _, ...rest } = fullJob(job, now);
	return { ...rest, input: job.body.input, webhook: job.body.webhook };
}

/** What a worker receives; an empty input is dropped on the way. */
export function takenJob(job: Job): Record<string, unknown> {
	const { input, ...rest } = job.body;
	return Object.keys(input).length === 0 ? { id: job.id, ...rest } : { id: job.id, input, ...rest };
}
