import { failures } from '../contract/errors';
import type { FailureCategory, FailureCode } from '../contract/errors';

type Plain = string | number | boolean | null;

/** The one record that feeds the thrown error, the error item, the log and the docs. */
export interface Failure {
	code: FailureCode;
	category: FailureCategory;
	/** What happened. */
	message: string;
	/** What to do about it. */
	description: string;
	/** Ids and numbers for the machine: `job_id` is there whenever one is known. */
	details: Record<string, Plain>;
	/** The worker's traceback, for people who turned Simplify off. */
	traceback?: string;
}

/** Carries a failure through `throw`. `run/` turns it into n8n's error. */
export class JobFailure extends Error {
	constructor(readonly failure: Failure) {
		super(failure.message);
		this.name = 'JobFailure';
	}
}

/** The failure of something that was thrown; what is none goes on. */
export function failureIn(thrown: unknown): Failure {
	if (thrown instanceof JobFailure) return thrown.failure;
	throw thrown instanceof Error ? thrown : new Error(String(thrown));
}

export interface FailureParts {
	/** Replaces the contract's message, e.g. by the worker's own sentence. */
	message?: string;
	/** Replaces the contract's remedy. */
	remedy?: string;
	/** Sentences that go before the remedy. */
	notes?: string[];
	/** Sentences that go behind the remedy. */
	after?: string[];
	details?: Record<string, Plain | undefined>;
	traceback?: string;
}

const fill = (text: string, values: Record<string, Plain | undefined>): string =>
	text.replace(/\{(\w+)\}/g, (whole, name: string) => {
		const value = values[name];
		return value === undefined || value === null ? whole : String(value);
	});

/** A remedy whose values are not known says nothing: better none than one with braces. */
const whole = (text: string): string => (/\{\w+\}/.test(text) ? '' : text);

/** Fills the contract's texts. A code with a job id never claims that nothing was submitted. */
export function failureOf(
	code: FailureCode,
	values: Record<string, Plain | undefined> = {},
	parts: FailureParts = {},
): Failure {
	const text = failures[code];
	const details: Record<string, Plain> = {
		code,
		category: text.category,
		retryable: text.retryable,
	};
	for (const [name, value] of Object.entries({
		...parts.details,
		job_id: parts.details?.job_id ?? null,
	})) {
		if (value !== undefined) details[name] = value;
	}
	let remedy = parts.remedy ?? whole(fill(text.remedy, values));
	if (details.job_id !== null) remedy = remedy.replace(' Nothing was submitted.', '');
	const message = withoutKeys(parts.message ?? fill(text.message, values).replace(/\{\w+\}/g, '?'));
	const sentences = [...(parts.notes ?? []), remedy, ...(parts.after ?? [])];
	return {
		code,
		category: text.category,
		message,
		description: sentences.filter((sentence) => sentence !== '').join(' '),
		details,
		traceback: parts.traceback === undefined ? undefined : withoutKeys(parts.traceback),
	};
}

export const invalidInput = (detail: string): JobFailure =>
	new JobFailure(failureOf('INVALID_INPUT', { detail }));

/** Takes keys out of a foreign text. */
export const withoutKeys = (text: string): string =>
	text.replace(/Bearer\s+[^\s"',}]+/gi, 'Bearer ***').replace(/\brpa_\w+/g, '***');

const isCode = (word: string): word is FailureCode => Object.hasOwn(failures, word);

/** A worker's `CODE: sentence`, taken apart; `code` is undefined where there is none. */
export function splitCode(text: string): { code?: FailureCode; sentence: string } {
	const found = /^\s*([A-Z][A-Z_]+):\s*/.exec(text.slice(0, 100));
	const word = found?.[1];
	if (found === null || word === undefined || !isCode(word)) return { sentence: text.trim() };
	return { code: word, sentence: text.slice(found[0].length).trim() };
}
