import type { IExecuteFunctions } from 'n8n-workflow';

import { isPrivateHost, requestTimeoutMs } from '../core/address';
import { JobFailure, failureOf, invalidInput } from '../core/failure';
import type { JobOptions } from '../core/options';
import { describeReply } from '../core/reply';
import { baseNameOf, checkCount, decodeText, listOf, sourceRequired } from '../core/sources';
import type { SourceRules } from '../core/sources';
import { download } from '../transport/http';
import { openJobApi } from '../transport/jobs';

/** The three places that source images come from. Each can be opened again: nothing is held. */

export interface Origin {
	/** Name of the binary field, for images that come from one. */
	field: string | null;
	fileName?: string;
	/** Whether opening it again is a request to somebody else, or work. */
	isCostly?: boolean;
	open(): Promise<Opened>;
}

export interface Opened {
	chunks: AsyncIterable<Buffer>;
	/** Bytes, where they are known beforehand. */
	length?: number;
	/** What it was before it was re-encoded. */
	original?: { bytes: number; mimeType: string };
}

interface Asked {
	context: IExecuteFunctions;
	itemIndex: number;
	rules: SourceRules;
	options: JobOptions;
}

type Find = (asked: Asked) => Promise<Origin[]> | Origin[];

/** Keys are the values of 'Source'. */
export const origins: ReadonlyMap<string, Find> = new Map<string, Find>([
	['binary', ofFields],
	['url', ofUrls],
	['base64', ofTexts],
]);

function ofFields({ context, itemIndex, rules }: Asked): Origin[] {
	const known = Object.keys(context.getInputData()[itemIndex]?.binary ?? {});
	const asked = listOf(context.getNodeParameter('inputField', itemIndex, ''), /,/);
	const names = asked.includes('*') ? known : asked;
	const missing = names.find((name) => !known.includes(name));
	if (names.length === 0 || missing !== undefined) {
		const there =
			known.length === 0 ? 'it has none' : `its binary fields are ${known.slice(0, 10).join(', ')}`;
		const wanted = missing === undefined ? 'no binary field' : `no binary field '${missing}'`;
		throw sourceRequired(
			`The item has ${wanted}; ${there}. Check 'Input Binary Field(s)', or choose another 'Source'.`,
		);
	}
	checkCount(names.length, rules.images);
	return names.map((field) => {
		const { id, data, fileName } = context.helpers.assertBinaryData(itemIndex, field);
		const open = async (): Promise<Opened> => {
			// Without an ID the file is in the item itself, where it stays anyway.
			if (!id) return inOne(Buffer.from(data, 'base64'));
			const { fileSize } = await context.helpers.getBinaryMetadata(id);
			return { chunks: bytesOf(await context.helpers.getBinaryStream(id)), length: fileSize };
		};
		return { field, fileName, open };
	});
}

function ofTexts({ context, itemIndex, rules }: Asked): Origin[] {
	// A data URI holds a comma, and base64 may hold line breaks: only a list can be several images.
	const read = () => listOf(context.getNodeParameter('imageBase64', itemIndex, ''), /(?!)/);
	const { length } = read();
	checkCount(length, rules.images);
	return Array.from({ length }, (_, index): Origin => {
		// The text is in the item; a copy of it would stay as long as this.
		const decode = () => decodeText(index + 1, read()[index] ?? '', rules.bytes);
		return { field: null, open: async () => inOne(decode()) };
	});
}

async function ofUrls({ context, itemIndex, rules, options }: Asked): Promise<Origin[]> {
	const urls = listOf(context.getNodeParameter('imageUrls', itemIndex, ''), /\s+|,\s*(?=https?:)/i);
	checkCount(urls.length, rules.images);
	const { baseUrl } = await openJobApi(context, options);
	return urls.map((url, index) => ({
		field: null,
		fileName: baseNameOf(url),
		isCostly: true,
		open: async () => await openUrl(context, index + 1, url, baseUrl, options),
	}));
}

export function inOne(bytes: Buffer): Opened {
	const chunks = (async function* () {
		yield bytes;
	})();
	return { chunks, length: bytes.length };
}

async function* bytesOf(stream: AsyncIterable<unknown>): AsyncGenerator<Buffer> {
	for await (const chunk of stream)
		yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
}

const MOST_REDIRECTS = 3;

async function openUrl(
	context: IExecuteFunctions,
	index: number,
	address: string,
	baseUrl: string,
	options: JobOptions,
): Promise<Opened> {
	let url = address;
	for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
		if (!/^https?:\/\//i.test(url)) {
			throw invalidInput(`The URL of image ${index} must begin with https:// or http://.`);
		}
		// Addresses often come from outside; only a worker in a private place is given images of one.
		if (isPrivateHost(url) && !isPrivateHost(baseUrl)) {
			throw invalidInput(
				`The URL of image ${index} leads into a private network. Fetch it with an HTTP Request node and take its binary field.`,
			);
		}
		const opened = await download(context, url, requestTimeoutMs(url, options.requestTimeoutS));
		if ('kind' in opened) throw notFetched(index, describeReply(opened));
		if ('stream' in opened) {
			return { chunks: whole(index, opened.stream, opened.length), length: opened.length };
		}
		url = opened.redirect;
	}
	throw notFetched(index, `it was redirected more than ${MOST_REDIRECTS} times`);
}

type Stream = AsyncIterable<Buffer | string> & { destroy(): void };

/** What comes, until it is not wanted any more; less than was announced is a failure. */
async function* whole(index: number, stream: Stream, length?: number): AsyncGenerator<Buffer> {
	let size = 0;
	try {
		for await (const chunk of stream) {
			const bytes = Buffer.from(chunk);
			size += bytes.length;
			yield bytes;
		}
	} catch (thrown) {
		throw notFetched(index, thrown instanceof Error ? thrown.message : String(thrown));
	} finally {
		stream.destroy();
	}
	if (length !== undefined && size < length) {
		throw notFetched(index, `${size} of ${length} bytes came`);
	}
}

function notFetched(index: number, why: string): JobFailure {
	const detail = `Image ${index} could not be fetched from its URL: ${why}`;
	const remedy =
		'Check the URL and whether it can be read without signing in. Nothing was submitted.';
	return new JobFailure(failureOf('NETWORK', { detail }, { remedy }));
}
