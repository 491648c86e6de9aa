import { limits } from '../contract/limits';
import type { EntryLimit, Limit } from '../contract/limits';
import type { Route } from '../contract/routes';
import { invalidInput } from './failure';
import type { S3Config } from './bucket';
import { mostBodyBytes } from './carriage';
import type { JobOptions } from './options';
import { isRecord } from './state';

/** Builds what is submitted, and refuses what the worker would refuse after it has cost money. */

const NUMBER_TEXT = /^-?\d+(\.\d+)?$/;

/** Expressions often give numbers and switches as text; the worker takes no such thing. */
function coerce(limit: Limit, value: unknown): unknown {
	if (limit.type === 'integer' || limit.type === 'number') {
		return typeof value === 'string' && NUMBER_TEXT.test(value.trim()) ? Number(value) : value;
	}
	if (limit.type === 'boolean') return value === 'true' ? true : value === 'false' ? false : value;
	if (typeof value === 'string') return limit.aliases?.[value] ?? value;
	return limit.type === 'string' && typeof value === 'number' ? String(value) : value;
}

function rangeProblem(limit: Limit, value: number): string | undefined {
	const low = limit.minimum ?? -Infinity;
	const high = limit.maximum ?? Infinity;
	if (value >= low && value <= high) return undefined;
	return `'${limit.label}' must be between ${low} and ${high}, not ${value}.`;
}

function numberProblem(limit: Limit, value: unknown): string | undefined {
	if (typeof value !== 'number' || !Number.isFinite(value)) {
		return `'${limit.label}' must be a number, not ${JSON.stringify(value)}.`;
	}
	const range = rangeProblem(limit, value);
	if (range !== undefined) return range;
	const step = limit.multipleOf;
	if (step !== undefined && value % step !== 0) {
		const nearest = nearestMultiple(limit, value);
		return `${limit.label} must be a multiple of ${step}; nearest: ${nearest}.`;
	}
	if (limit.type === 'integer' && !Number.isInteger(value)) {
		return `'${limit.label}' must be a whole number, not ${value}.`;
	}
	return undefined;
}

/** The nearest allowed multiple; at equal distance the larger one. */
function nearestMultiple(limit: Limit, value: number): number {
	const step = limit.multipleOf ?? 1;
	const low = Math.ceil((limit.minimum ?? -Infinity) / step) * step;
	const high = Math.floor((limit.maximum ?? Infinity) / step) * step;
	return Math.min(high, Math.max(low, Math.round(value / step) * step));
}

function textProblem(limit: Limit, value: unknown): string | undefined {
	if (typeof value !== 'string')
		return `'${limit.label}' must be text, not ${JSON.stringify(value)}.`;
	const empty =
		value.length < (limit.minLength ?? 0) || (limit.pattern === '\\S' && !/\S/.test(value));
	if (empty) return `'${limit.label}' must not be empty.`;
	// Characters, as the worker counts them: an emoji is one.
	const length = [...value].length;
	if (limit.maxLength !== undefined && length > limit.maxLength) {
		return `'${limit.label}' has ${length} characters; the limit is ${limit.maxLength}.`;
	}
	if (limit.form !== undefined && !new RegExp(limit.pattern ?? '').test(value)) {
		return `'${limit.label}' must not be '${value}'. ${limit.form}`;
	}
	if (limit.enum !== undefined && !limit.enum.includes(value)) {
		return `'${limit.label}' must be one of ${limit.enum.join(', ')}, not '${value}'.`;
	}
	return undefined;
}

function listProblem(limit: Limit, value: unknown): string | undefined {
	if (!Array.isArray(value)) return `'${limit.label}' must be a list, not ${typeof value}.`;
	const [least, most] = [limit.minItems ?? 0, limit.maxItems ?? Infinity];
	if (value.length < least || value.length > most) {
		const wanted = least === most ? `${least}` : `${least} to ${most}`;
		return `'${limit.label}' must have ${wanted} values, not ${value.length}.`;
	}
	return firstProblem(limit, limit.items, value);
}

/** The first problem of the entries of a list or object: they are called by its name. */
function firstProblem(whole: Limit, one: EntryLimit | undefined, entries: unknown[]) {
	if (one === undefined) return undefined;
	const { name, parameter, label, group } = whole;
	const entry: Limit = { name, parameter, label, group, ...one, required: true };
	return entries.map((value) => problemOf(entry, value)).find((problem) => problem !== undefined);
}

function objectProblem(limit: Limit, value: unknown): string | undefined {
	if (!isRecord(value)) return `'${limit.label}' must be an object, not ${JSON.stringify(value)}.`;
	const { properties } = limit;
	if (properties === undefined) return firstProblem(limit, limit.values, Object.values(value));
	for (const [name, one] of Object.entries(value)) {
		const part = properties.find((known) => known.name === name);
		if (part === undefined) {
			const known = properties.map((entry) => entry.name).join(', ');
			return `'${limit.label}' has no '${name}'; it takes ${known}.`;
		}
		const problem = problemOf(part, one);
		if (problem !== undefined) return problem;
	}
	const missing = properties.find((part) => part.required && value[part.name] === undefined);
	return missing && `'${missing.label}' of '${limit.label}' must not be empty.`;
}

/** A value within its limit, a number in a text as a number; nothing stands for the default. */
export function checked(limit: Limit, given: unknown): unknown {
	const isUnset = given === undefined || given === null || (given === '' && limit.default !== '');
	const value = coerce(limit, isUnset ? limit.default : given);
	const problem = value === undefined ? undefined : problemOf(limit, value);
	if (problem !== undefined) throw invalidInput(problem);
	return value;
}

/** The sentence about a value that breaks its limit, or undefined. One interpreter for all routes. */
export function problemOf(limit: Limit, value: unknown): string | undefined {
	if (limit.type === 'integer' || limit.type === 'number') return numberProblem(limit, value);
	if (limit.type === 'string') return textProblem(limit, value);
	if (limit.type === 'array') return listProblem(limit, value);
	if (limit.type === 'object') return objectProblem(limit, value);
	if (limit.type === 'boolean' && typeof value !== 'boolean') {
		return `'${limit.label}' must be on or off, not ${JSON.stringify(value)}.`;
	}
	return undefined;
}

/**
 * The worker's input of a route. `values` has the node's parameter names; what is undefined is left
 * to the worker's default, which is the same. Throws a `JobFailure` with INVALID_INPUT.
 */
export function buildInput(
	route: Route,
	values: Record<string, unknown>,
	roundSize = false,
): Record<string, unknown> {
	const input: Record<string, unknown> = { route };
	for (const limit of limits[route]) {
		let value = coerce(limit, values[limit.parameter]);
		const isUnset = value === undefined || value === null || value === '';
		if (isUnset && (!limit.required || value === undefined || value === null)) {
			if (limit.required) throw invalidInput(`'${limit.label}' must not be empty.`);
			if (value !== '' || limit.default !== '') continue;
		}
		if (roundSize && limit.multipleOf !== undefined && typeof value === 'number') {
			if (rangeProblem(limit, value) === undefined) value = nearestMultiple(limit, value);
		}
		const problem = problemOf(limit, value);
		if (problem !== undefined) throw invalidInput(problem);
		input[limit.name] = value;
	}
	checkBestOf(input);
	return input;
}

/** The one rule between two parameters: nobody can keep more images than are made. */
function checkBestOf(input: Record<string, unknown>): void {
	const made = typeof input.num_images === 'number' ? input.num_images : 1;
	if (typeof input.top_k === 'number' && input.top_k > made) {
		throw invalidInput(`'Keep Best' (${input.top_k}) must not be larger than 'Images' (${made}).`);
	}
}

/** The input of a job of any worker: an object, also as JSON text. Throws INVALID_INPUT. */
export function jobInputOf(given: unknown): Record<string, unknown> {
	let value = given;
	if (typeof given === 'string' && given.trim() !== '') {
		try {
			value = JSON.parse(given);
		} catch (error) {
			const why = error instanceof Error ? error.message : String(error);
			throw invalidInput(`'Input (JSON)' is not valid JSON: ${why}`);
		}
	}
	const isEmpty = value === undefined || value === null || value === '';
	if (isEmpty || (typeof value === 'object' && Object.keys(value as object).length === 0)) {
		throw invalidInput("'Input (JSON)' must not be empty.");
	}
	if (!isRecord(value)) throw invalidInput("'Input (JSON)' must be a JSON object.");
	return value;
}

export interface RunBody {
	input: Record<string, unknown>;
	policy: { executionTimeout: number; ttl: number; lowPriority: boolean };
	webhook?: string;
	/** Secret: neither logged nor part of the fingerprint. */
	s3Config?: S3Config;
}

/** The body of /run and /runsync, without images. Both times of the policy are always sent. */
export function buildBody(input: Record<string, unknown>, options: JobOptions): RunBody {
	// The platform drops an empty input and lets the job hang for two minutes.
	if (Object.keys(input).length === 0) throw invalidInput("'Input' must not be empty.");
	const body: RunBody = {
		input,
		policy: {
			executionTimeout: options.runTimeoutS * 1000,
			ttl: options.ttlS * 1000,
			lowPriority: options.priority === 'low',
		},
	};
	if (options.waitForResult === 'dontWait' && options.webhookUrl) body.webhook = options.webhookUrl;
	const most = mostBodyBytes(options);
	const bytes = sizeOf(body);
	if (bytes > most) {
		const size = (bytes / 1e6).toFixed(1);
		throw invalidInput(`The request is ${size} MB; RunPod takes at most ${most / 1e6} MB.`);
	}
	return body;
}

/** Bytes of the request, encoded. */
export const sizeOf = (body: RunBody): number => Buffer.byteLength(JSON.stringify(body));
