/** What workers send: results, progress, chunks; and what the platform makes of it. */
import type { IncidentKind } from '../control/ledger.mts';
import type { Endpoint } from './endpoint.mts';
import { currentAttempt, type Job } from './job.mts';
import { MAX_BYTES, MAX_CHUNK_BYTES } from './limits.mts';
import type { Platform } from './platform.mts';
import { badRequest, jobNotFound, ok, type Reply } from './wire.mts';

/** Assumed: what job-done, job-stream and ping answer when all is well. */
const accepted = ok({});

interface Posted {
	status?: string;
	output?: unknown;
	error?: unknown;
	stopPod?: boolean;
}

/**
 * A job-done call. Progress comes this way too (`status` IN_PROGRESS), also after the result, and so do
 * results of jobs that are over: they are recorded and change nothing.
 * Assumed: such a call is answered 200, an unknown job 404, invalid JSON and a result over the limit 400.
 */
export function receiveResult(
	platform: Platform,
	endpoint: Endpoint,
	workerId: string,
	jobId: string,
	text: string,
): Reply {
	const posted = parse(text);
	if (posted === undefined) {
		platform.ledger.incident('invalid-json', jobId, text.slice(0, 200));
		return badRequest('invalid JSON');
	}
	if (posted.stopPod === true) stopPod(platform, endpoint, workerId);
	const job = endpoint.jobs.get(jobId);
	if (job === undefined) {
		platform.ledger.incident('unknown-job', jobId);
		return jobNotFound;
	}
	const isProgress = posted.status === 'IN_PROGRESS';
	const late = lateness(job, workerId);
	if (late !== undefined) {
		platform.ledger.incident(isProgress ? 'late-progress' : late, jobId, workerId);
		return accepted;
	}
	if (isProgress) {
		platform.apply(endpoint, job, 'progress', { progress: posted.output });
		return accepted;
	}
	return finish(platform, endpoint, job, posted, Buffer.byteLength(text));
}

/** A job-stream call: one chunk for /stream. */
export function receiveChunk(
	platform: Platform,
	endpoint: Endpoint,
	workerId: string,
	jobId: string,
	text: string,
): Reply {
	const posted = parse(text);
	const job = endpoint.jobs.get(jobId);
	if (posted === undefined) {
		platform.ledger.incident('invalid-json', jobId, text.slice(0, 200));
		return badRequest('invalid JSON');
	}
	if (job === undefined) return jobNotFound;
	if (Buffer.byteLength(text) > MAX_CHUNK_BYTES) {
		platform.ledger.incident('chunk-too-large', jobId, `${Buffer.byteLength(text)} bytes`);
		return badRequest('chunk too large');
	}
	const late = lateness(job, workerId);
	if (late !== undefined) platform.ledger.incident('late-progress', jobId, workerId);
	else platform.addChunk(job, posted.output);
	return accepted;
}

/** A ping: keeps the named jobs of this worker alive. */
export function receivePing(
	platform: Platform,
	endpoint: Endpoint,
	workerId: string,
	jobIds: string[],
): Reply {
	for (const jobId of jobIds) {
		const job = endpoint.jobs.get(jobId);
		if (job !== undefined && lateness(job, workerId) === undefined)
			job.lastSignAt = platform.clock.now();
	}
	return accepted;
}

function finish(
	platform: Platform,
	endpoint: Endpoint,
	job: Job,
	posted: Posted,
	bytes: number,
): Reply {
	const subject = platform.subject(job);
	const attempt = currentAttempt(job);
	if (platform.faults.take(['loseResult'], subject) !== undefined) {
		platform.ledger.incident('result-dropped-by-fault', job.id);
		// From here on the platform hears nothing more of this attempt.
		if (attempt !== undefined) attempt.lost = true;
		platform.watchSilence(endpoint, job);
		return accepted;
	}
	const limit = MAX_BYTES[job.kind];
	if (bytes > limit) {
		// Assumed: refused with 400, and the job becomes COMPLETED without output, as users report it.
		platform.ledger.incident('result-too-large', job.id, `${bytes} bytes, limit ${limit}`);
		platform.apply(endpoint, job, 'complete');
		return badRequest('result too large');
	}
	const failure = platform.faults.take(['fail', 'noOutput'], subject);
	if (failure?.kind === 'fail') platform.apply(endpoint, job, 'fail', { error: failure.error });
	else if (failure?.kind === 'noOutput') platform.apply(endpoint, job, 'complete');
	// Assumed: `error` decides, whatever its type, and an output beside it is kept.
	else if (posted.error !== undefined) {
		platform.apply(endpoint, job, 'fail', { error: posted.error, output: posted.output });
	} else platform.apply(endpoint, job, 'complete', { output: posted.output });
	return accepted;
}

/** Why a message of this worker about this job counts no more; undefined when it counts. */
function lateness(job: Job, workerId: string): IncidentKind | undefined {
	const attempt = currentAttempt(job);
	if (job.state === 'IN_PROGRESS' && attempt?.workerId === workerId && !attempt.lost)
		return undefined;
	if (job.state === 'CANCELLED') return 'result-of-cancelled-job';
	const ended = job.state === 'COMPLETED' || attempt?.end === 'fail';
	return ended && attempt?.workerId === workerId && !attempt.lost ? 'double-result' : 'late-result';
}

function stopPod(platform: Platform, endpoint: Endpoint, workerId: string): void {
	endpoint.seen(workerId, platform.clock.now()).stopped = true;
	platform.ledger.incident('stop-pod', undefined, workerId);
	platform.onStopPod?.(endpoint.id, workerId);
}

function parse(text: string): Posted | undefined {
	try {
		const value: unknown = JSON.parse(text);
		return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
	} catch {
		return undefined;
	}
}
