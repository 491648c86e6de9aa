import type { IExecuteFunctions } from 'n8n-workflow';

import { jobLimits } from '../contract/job';
import { settings } from '../contract/limits';
import { isPrivateHost, requestTimeoutMs } from '../core/address';
import { JobFailure, failureOf, invalidInput } from '../core/failure';
import type { JobOptions } from '../core/options';
import { HEAD_BYTES } from '../core/picture';
import { describeReply } from '../core/reply';
import {
	baseNameOf,
	checkBytes,
	checkCount,
	checkKind,
	checkTotal,
	decodeText,
	listOf,
	sourceRequired,
} from '../core/sources';
import { download } from '../transport/http';
import type { Download } from '../transport/http';
import { openJobApi } from '../transport/jobs';

/** Reads the images that go into a job: binary fields, addresses or base64. */

/** One image, as its original bytes. */
export interface SourceImage {
	base64: string;
	bytes: number;
	mimeType: string;
	width: number | null;
	height: number | null;
	/** Name of the binary field, for images that come from one. */
	field: string | null;
	/** File name as it came, with its ending. */
	fileName: string;
}

/** An image before it was looked at. */
interface Raw {
	bytes: Buffer;
	field: string | null;
	fileName?: string;
}

/**
 * The source images of one item, at most `most`, each checked by its size and its content. Throws
 * SOURCE_REQUIRED, TOO_MANY_IMAGES, IMAGE_TOO_LARGE, UNSUPPORTED_IMAGE, INVALID_INPUT or NETWORK;
 * nothing was submitted then.
 */
export async function readSources(
	context: IExecuteFunctions,
	itemIndex: number,
	most: number,
	options: JobOptions,
): Promise<SourceImage[]> {
	const kind = context.getNodeParameter('imageSource', itemIndex, settings.imageSource.default);
	const read = readers.get(String(kind));
	if (read === undefined) {
		throw invalidInput(`'Source' must be one of ${[...readers.keys()].join(', ')}, not '${kind}'.`);
	}
	const images: SourceImage[] = [];
	for await (const raw of read(context, itemIndex, most, options)) {
		images.push(looked(raw, images.length + 1));
	}
	checkTotal(
		images.map(({ bytes }) => bytes),
		options.submitMode === 'sync' && options.waitForResult === 'poll',
	);
	return images;
}

function looked({ bytes, field, fileName }: Raw, index: number): SourceImage {
	checkBytes(index, bytes.length);
	const picture = checkKind(index, bytes.subarray(0, HEAD_BYTES));
	return {
		base64: bytes.toString('base64'),
		bytes: bytes.length,
		mimeType: picture.mimeType,
		width: picture.width,
		height: picture.height,
		field,
		fileName: fileName ?? `image-${index}.${picture.extension}`,
	};
}

type Read = (
	context: IExecuteFunctions,
	itemIndex: number,
	most: number,
	options: JobOptions,
) => AsyncGenerator<Raw>;

const readers: ReadonlyMap<string, Read> = new Map([
	['binary', fromFields],
	['url', fromUrls],
	['base64', fromTexts],
]);

async function* fromFields(
	context: IExecuteFunctions,
	itemIndex: number,
	most: number,
): AsyncGenerator<Raw> {
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
	checkCount(names.length, most);
	for (const [index, name] of names.entries()) {
		const data = context.helpers.assertBinaryData(itemIndex, name);
		// A stored file tells its size without being read.
		const stored = data.id ? await context.helpers.getBinaryMetadata(data.id) : undefined;
		checkBytes(index + 1, stored?.fileSize ?? 0);
		const bytes = await context.helpers.getBinaryDataBuffer(itemIndex, name);
		yield { bytes, field: name, fileName: data.fileName };
	}
}

async function* fromTexts(
	context: IExecuteFunctions,
	itemIndex: number,
	most: number,
): AsyncGenerator<Raw> {
	// A data URI holds a comma, and base64 may hold line breaks: only a list can be several images.
	const texts = listOf(context.getNodeParameter('imageBase64', itemIndex, ''), /(?!)/);
	checkCount(texts.length, most);
	for (const [index, text] of texts.entries()) {
		yield { bytes: decodeText(index + 1, text), field: null };
	}
}

async function* fromUrls(
	context: IExecuteFunctions,
	itemIndex: number,
	most: number,
	options: JobOptions,
): AsyncGenerator<Raw> {
	const urls = listOf(context.getNodeParameter('imageUrls', itemIndex, ''), /\s+|,\s*(?=https?:)/i);
	checkCount(urls.length, most);
	const { baseUrl } = await openJobApi(context, options);
	for (const [index, url] of urls.entries()) {
		const bytes = await fetchImage(context, index + 1, url, baseUrl, options);
		const base = baseNameOf(url);
		yield { bytes, field: null, fileName: base };
	}
}

const MOST_REDIRECTS = 3;

async function fetchImage(
	context: IExecuteFunctions,
	index: number,
	address: string,
	baseUrl: string,
	options: JobOptions,
): Promise<Buffer> {
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
		if (!('redirect' in opened)) return await readAll(index, opened);
		url = opened.redirect;
	}
	throw notFetched(index, `it was redirected more than ${MOST_REDIRECTS} times`);
}

/** Stops as soon as the limit is passed, whatever the server said about the length. */
async function readAll(index: number, { stream, length }: Download): Promise<Buffer> {
	const chunks: Buffer[] = [];
	let size = 0;
	const isTooLarge = () => Math.max(size, length ?? 0) > jobLimits.sourceImageBytes;
	try {
		for await (const chunk of stream) {
			if (isTooLarge()) break;
			chunks.push(Buffer.from(chunk));
			size += chunk.length;
		}
	} catch (thrown) {
		throw notFetched(index, thrown instanceof Error ? thrown.message : String(thrown));
	} finally {
		stream.destroy();
	}
	checkBytes(index, Math.max(size, length ?? 0));
	if (length !== undefined && size < length) {
		throw notFetched(index, `${size} of ${length} bytes came`);
	}
	return Buffer.concat(chunks);
}

function notFetched(index: number, why: string): JobFailure {
	const detail = `Image ${index} could not be fetched from its URL: ${why}`;
	const remedy =
		'Check the URL and whether it can be read without signing in. Nothing was submitted.';
	return new JobFailure(failureOf('NETWORK', { detail }, { remedy }));
}
