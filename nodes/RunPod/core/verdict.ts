import { usedUp } from './budget';
import type { Cap } from './budget';
import { failureOf, splitCode } from './failure';
import type { Failure, FailureParts } from './failure';
import { isRecord } from './state';
import type { JobView } from './state';

/** What a final job means for the user: undefined is success. */
export interface VerdictContext {
	jobId?: string;
	/** The limit that the job had. */
	runSeconds: number;
	/** Whose budget that limit comes from. */
	cap?: Cap;
	/** Whether a job that hands nothing back is a success. */
	mayBeEmpty?: boolean;
}

interface Cause {
	text: string;
	traceback?: string;
}

const LONGEST_CAUSE = 2000;

const firstText = (...values: unknown[]): string =>
	values.find((value): value is string => typeof value === 'string' && value.trim() !== '') ?? '';

/**
 * The readable part of a worker's `error`: plain text, an object, or a JSON string with
 * `error_message` and `error_traceback`, which is what the platform makes of an exception.
 */
export function readCause(error: unknown): Cause {
	let value = error;
	if (typeof value === 'string' && value.trimStart().startsWith('{')) {
		try {
			value = JSON.parse(value);
		} catch {
			return { text: (value as string).slice(0, LONGEST_CAUSE) };
		}
	}
	if (!isRecord(value))
		return { text: typeof value === 'string' ? value.slice(0, LONGEST_CAUSE) : '' };
	const text = firstText(
		value.error_message,
		value.message,
		value.error,
		value.detail,
		value.error_type,
	);
	const traceback = firstText(value.error_traceback, value.traceback);
	const readable = text === '' ? JSON.stringify(value) : text;
	return {
		text: readable.slice(0, LONGEST_CAUSE),
		traceback: traceback === '' ? undefined : traceback,
	};
}

/** The failure of a cause: a leading `CODE:` picks the code, the platform's own texts come next. */
function failureOfCause(
	cause: Cause,
	context: VerdictContext,
	details: FailureParts['details'],
): Failure {
	const { code, sentence } = splitCode(cause.text);
	const parts: FailureParts = { details, traceback: cause.traceback };
	if (/executionTimeout exceeded/i.test(cause.text)) return ranTooLong(context, parts);
	if (code === undefined || code === 'JOB_FAILED') {
		const detail = sentence === '' ? 'the worker gave no reason' : sentence;
		return failureOf('JOB_FAILED', { detail: detail.replace(/^Job failed: /, '') }, parts);
	}
	return failureOf(code, {}, sentence === '' ? parts : { ...parts, message: sentence });
}

const ranTooLong = ({ runSeconds, cap }: VerdictContext, parts: FailureParts): Failure =>
	cap === undefined
		? failureOf('RUN_TIMEOUT', { seconds: runSeconds }, parts)
		: usedUp(cap, runSeconds, parts.details ?? {});

/** Judges a job in a final state. */
export function judge(job: JobView, context: VerdictContext): Failure | undefined {
	const details = {
		job_id: context.jobId ?? job.id ?? null,
		status: job.state,
		worker_id: job.workerId,
	};
	if (job.state === 'COMPLETED') {
		if (!job.hasOutput && context.mayBeEmpty === true) return undefined;
		if (!job.hasOutput) return failureOf('RESULT_MISSING', { job: details.job_id }, { details });
		const inner = isRecord(job.output) ? job.output.error : undefined;
		const told = inner !== undefined && inner !== null && inner !== '' && inner !== false;
		return told ? failureOfCause(readCause(inner), context, details) : undefined;
	}
	if (job.state === 'CANCELLED') {
		// "cancelled" on purpose: n8n takes a message with "canceled" for its own stop.
		const detail = 'the job was cancelled, but not by this run';
		return failureOf('JOB_FAILED', { detail }, { details });
	}
	if (job.state === 'TIMED_OUT') return ranTooLong(context, { details });
	return failureOfCause(readCause(job.error), context, details);
}
