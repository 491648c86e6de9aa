import { settings } from '../contract/limits';
import { JobFailure, failureOf } from './failure';
import { readPicture } from './picture';
import type { Picture } from './picture';
import { checked } from './request';

/** What an image that goes into a job has to be. Everything here is checked before a submit. */

const MB = 1e6;

/** Rounded up: an image of one byte too many must not read as being at the limit. */
const inMb = (bytes: number): number => Math.ceil(bytes / (MB / 10)) / 10;

/** How many images one item may have, how large one may be, and whether it is made smaller first. */
export interface SourceRules {
	images: number;
	bytes: number;
	asJpeg: boolean;
}

/** By the collection of options; the defaults are what a worker takes that nobody has told otherwise. */
export function sourceRulesOf(options: Readonly<Record<string, unknown>>): SourceRules {
	const megabytes = Number(checked(settings.maxImageMb, options.maxImageMb));
	return {
		images: Number(checked(settings.maxImages, options.maxImages)),
		bytes: Math.round(megabytes * MB),
		asJpeg: checked(settings.reencodeJpeg, options.reencodeJpeg) === true,
	};
}

export function checkCount(count: number, most: number): void {
	if (count === 0) throw sourceRequired();
	if (count > most) {
		throw new JobFailure(failureOf('TOO_MANY_IMAGES', { count, limit: most }));
	}
}

/** `remedy` says what is there instead, where that is known. */
export const sourceRequired = (remedy?: string): JobFailure =>
	new JobFailure(failureOf('SOURCE_REQUIRED', {}, { remedy }));

/** What stands in the way of reading an image that has to be read, as the end of a sentence. */
export const notReencoded = (index: number, why: string): JobFailure =>
	new JobFailure(
		failureOf(
			'UNSUPPORTED_IMAGE',
			{ index },
			{
				message: `Image ${index} cannot be re-encoded: ${why}`,
				remedy: 'The file is damaged: make it anew. Nothing was submitted.',
			},
		),
	);

/** `index` counts from 1. The size is known before the bytes are: nothing large is read in vain. */
export function checkBytes(index: number, bytes: number, most: number): void {
	if (bytes <= most) return;
	const values = { index, size_mb: inMb(bytes).toFixed(1), limit_mb: most / MB };
	throw new JobFailure(failureOf('IMAGE_TOO_LARGE', values));
}

/** By its first bytes: names and headers say anything. */
export function checkKind(index: number, head: Buffer): Picture {
	const picture = readPicture(head);
	if (picture === undefined) throw new JobFailure(failureOf('UNSUPPORTED_IMAGE', { index }));
	return picture;
}

const DATA_URI = /^data:[^,]{0,200};base64,/i;

/** The bytes of a base64 text or a data URI. Throws UNSUPPORTED_IMAGE for anything else. */
export function decodeText(index: number, text: string, most: number): Buffer {
	// By its beginning: a pattern over the whole text would overflow the stack with a large image.
	const prefix = DATA_URI.exec(text.slice(0, 300))?.[0] ?? '';
	checkBytes(index, Math.floor((text.length - prefix.length) * 0.7), most);
	return Buffer.from(text.slice(prefix.length), 'base64');
}

/** Names or addresses from a field: an expression can give a list, a person types a text. */
export function listOf(value: unknown, separator: RegExp): string[] {
	const entries = Array.isArray(value) ? value : String(value ?? '').split(separator);
	return entries.map((entry) => String(entry ?? '').trim()).filter((entry) => entry !== '');
}

/** `fox.final.jpg` and `https://host/a/fox.final.jpg?x=1` are both called fox.final. */
export function baseNameOf(fileName: string | undefined): string | undefined {
	const last = (fileName ?? '').split(/[?#]/)[0]?.split(/[\\/]/).at(-1) ?? '';
	const name = last.replace(/\.[A-Za-z0-9]{1,5}$/, '').trim();
	return name === '' ? undefined : name;
}
