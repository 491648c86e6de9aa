import { HEAD_BYTES, readPicture } from './picture';
import type { Result, Source } from './result';
import { isRecord } from './state';

/**
 * The output of a worker of any kind: base64 pictures in the places where workers put them become
 * files, everything else is handed on as it is. A link stays a link: what is behind it is unknown.
 */

const SINGLE_KEYS = ['image', 'image_url', 'image_base64', 'data', 'output', 'result'] as const;
const LIST_KEYS = [
	'images',
	'image',
	'image_url',
	'data',
	'output',
	'result',
	'artifacts',
] as const;
const DATA_KEYS = ['image', 'image_url', 'url', 'data', 'base64', 'b64_json'] as const;

const PREFIX = /^data:image\/[^,]{0,100};base64,/i;
/** The smallest picture there is, a GIF of one pixel, has about this many characters. */
const SHORTEST = 40;

/** By the first bytes: a key can hold anything. */
function isPicture(value: unknown): value is string {
	if (typeof value !== 'string' || value.length < SHORTEST) return false;
	const prefix = PREFIX.exec(value.slice(0, 200))?.[0] ?? '';
	const head = value.slice(prefix.length, prefix.length + HEAD_BYTES);
	if (!/^[\w+/=-]{30}/.test(head.slice(0, 30))) return false;
	return readPicture(Buffer.from(head, 'base64')) !== undefined;
}

function sourceOf(entry: unknown): Source | undefined {
	if (isPicture(entry)) return { data: entry, values: {} };
	if (!isRecord(entry)) return undefined;
	const key = DATA_KEYS.find((name) => isPicture(entry[name]));
	if (key === undefined) return undefined;
	const { [key]: data, ...values } = entry;
	const id = typeof entry.id === 'string' ? entry.id : undefined;
	return { id, data: String(data), values };
}

/** The entries of a list that are pictures, and the others in their order. */
function split(list: unknown[]): { sources: Source[]; others: unknown[] } {
	const sources: Source[] = [];
	const others: unknown[] = [];
	for (const entry of list) {
		const source = sourceOf(entry);
		if (source === undefined) others.push(entry);
		else sources.push(source);
	}
	return { sources, others };
}

/** Some workers name the same picture twice, alone and in a list. */
const withoutTwins = (sources: Source[]): Source[] =>
	sources.filter(({ data }, index) => sources.findIndex((other) => other.data === data) === index);

/** Takes the output apart. An output that is no object goes under the key `output`. */
export function takePictures(output: unknown): Result {
	const rest: Record<string, unknown> = isRecord(output) ? { ...output } : { output };
	const sources: Source[] = [];
	for (const key of LIST_KEYS) {
		const list = rest[key];
		if (!Array.isArray(list)) continue;
		const { sources: found, others } = split(list);
		if (found.length === 0) continue;
		sources.push(...found);
		if (others.length === 0) delete rest[key];
		else rest[key] = others;
	}
	for (const key of SINGLE_KEYS) {
		const source = sourceOf(rest[key]);
		if (source === undefined) continue;
		sources.push(source);
		delete rest[key];
		if (Object.keys(source.values).length > 0) rest[key] = source.values;
		source.values = {};
	}
	return { rest, sources: withoutTwins(sources) };
}
