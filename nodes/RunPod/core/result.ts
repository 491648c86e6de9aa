import { isRecord } from './state';
import type { JobView } from './state';

/** Finds the pictures of a result and takes them out, so that no base64 stays in the json. */

/** Where a picture comes from: base64, a data URL or a link. */
export interface Source {
	/** `img_000_00`, where the worker names it. */
	id?: string;
	data: string;
	/** The other values of this picture, e.g. its seed. */
	values: Record<string, unknown>;
}

export type PictureForm = 'link' | 'path' | 'inline';

const LONGEST_PATH = 2048;

/** A link, a path on the server that made it, or the picture itself. By the beginning of large texts. */
export function formOf(data: string): PictureForm {
	if (/^https?:\/\//i.test(data.slice(0, 10))) return 'link';
	if (data.length > LONGEST_PATH || /^data:/i.test(data.slice(0, 5))) return 'inline';
	// Base64 knows neither dots nor question marks, and a path no line breaks.
	return /[.?]/.test(data) && !/[\r\n]/.test(data) ? 'path' : 'inline';
}

export interface Result {
	/** The output without its pictures. */
	rest: Record<string, unknown>;
	sources: Source[];
}

const DATA_KEYS = ['image', 'image_url', 'url', 'data'] as const;

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** One entry of `images`: a text, or an object that has the picture under one of a few names. */
function sourceOf(entry: unknown): Source | undefined {
	if (isText(entry)) return { data: entry, values: {} };
	if (!isRecord(entry)) return undefined;
	const key = DATA_KEYS.find((name) => isText(entry[name]));
	if (key === undefined) return undefined;
	const { [key]: data, ...values } = entry;
	return { id: isText(entry.id) ? entry.id : undefined, data: String(data), values };
}

/** Takes the output apart. An output that is no object goes under the key `output`. */
export function takeApart(output: unknown): Result {
	if (!isRecord(output)) return { rest: { output }, sources: [] };
	const { image, image_url: imageUrl, images, ...rest } = output;
	const list = Array.isArray(images) ? images : [];
	const sources = list.map(sourceOf).filter((source) => source !== undefined);
	const single = isText(image) ? image : imageUrl;
	if (sources.length === 0 && isText(single)) sources.push({ data: single, values: {} });
	if (sources.length > 0) return { rest, sources };
	return { rest: output, sources };
}

const LONGEST_TEXT = 10_000;

const isLong = (text: string): boolean => text.length > LONGEST_TEXT;

/** A long text of one word is base64; sentences, e.g. of a language model, are a value. */
export const isEncodedFile = (text: string): boolean =>
	isLong(text) && /^(data:[^,]{0,200},)?[\w+/=-]{1000}/.test(text.slice(0, 1300));

/** Anything that long is a file, not a value: a database of executions is no place for it. */
export function withoutFiles(value: unknown, isFile = isLong): unknown {
	if (typeof value === 'string') {
		return isFile(value) ? `(${value.length} characters were left out)` : value;
	}
	if (Array.isArray(value)) return value.map((inner) => withoutFiles(inner, isFile));
	if (!isRecord(value)) return value;
	return Object.fromEntries(
		Object.entries(value).map(([key, inner]) => [key, withoutFiles(inner, isFile)]),
	);
}

/** `job` of an item with Simplify on. */
export function jobOf(
	job: JobView,
	jobId: string | undefined,
	endpointId: string | undefined,
	servedBy: 'primary' | 'fallback' = 'primary',
): Record<string, unknown> {
	const meta = isRecord(job.output) && isRecord(job.output.meta) ? job.output.meta : {};
	return {
		id: job.id ?? jobId ?? null,
		status: job.state ?? null,
		delayTime: job.delayTime ?? null,
		executionTime: job.executionTime ?? null,
		workerId: job.workerId ?? null,
		endpointId: endpointId ?? null,
		servedBy,
		coldStart: typeof meta.cold_start === 'boolean' ? meta.cold_start : null,
	};
}

/** The platform's reply with Simplify off, without the output. */
export function replyOf(job: JobView, jobId: string | undefined): Record<string, unknown> {
	return {
		id: job.id ?? jobId ?? null,
		status: job.state ?? null,
		delayTime: job.delayTime ?? null,
		executionTime: job.executionTime ?? null,
		workerId: job.workerId ?? null,
	};
}
