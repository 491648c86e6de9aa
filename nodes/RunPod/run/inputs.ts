import { createHash } from 'node:crypto';

import type { IExecuteFunctions } from 'n8n-workflow';

import { jobLimits } from '../contract/job';
import { settings } from '../contract/limits';
import { invalidInput } from '../core/failure';
import type { JobOptions } from '../core/options';
import { HEAD_BYTES } from '../core/picture';
import { checkBytes, checkKind } from '../core/sources';
import type { SourceRules } from '../core/sources';
import { origins } from './origins';
import type { Opened, Origin } from './origins';
import { reencoded } from './reencode';

/**
 * The images that go into a job. All of a run are checked before its first submit, which would be
 * gigabytes in a large batch: what is checked is let go, and read again for the submit of its job.
 */
export interface SourceImage {
	/** Of what is sent, as the size in pixels and the type. */
	bytes: number;
	mimeType: string;
	extension: string;
	width: number | null;
	height: number | null;
	/** Name of the binary field, for images that come from one. */
	field: string | null;
	/** File name as it came, with its ending. */
	fileName: string;
	/** The same content gives the same text. */
	digest: string;
	/** The file as it came, which is something else where it was re-encoded. */
	original: { bytes: number; mimeType: string };
	/** What is sent, once more. Throws where it is not what was checked. */
	read(): Promise<Buffer>;
}

/**
 * The source images of one item, each checked by its size and its content. Throws SOURCE_REQUIRED,
 * TOO_MANY_IMAGES, IMAGE_TOO_LARGE, UNSUPPORTED_IMAGE, INVALID_INPUT or NETWORK; nothing was
 * submitted then.
 */
export async function readSources(
	context: IExecuteFunctions,
	itemIndex: number,
	rules: SourceRules,
	options: JobOptions,
): Promise<SourceImage[]> {
	const kind = context.getNodeParameter('imageSource', itemIndex, settings.imageSource.default);
	const find = origins.get(String(kind));
	if (find === undefined) {
		throw invalidInput(
			`'Source' must be one of ${[...origins.keys()].join(', ')}, not '${String(kind)}'.`,
		);
	}
	// What is made smaller may come larger.
	const bytes = rules.asJpeg ? jobLimits.sourceImageBytesMax : rules.bytes;
	const found = await find({ context, itemIndex, rules: { ...rules, bytes }, options });
	const images: SourceImage[] = [];
	for (const [index, origin] of found.entries()) {
		const sent = rules.asJpeg ? reencoded(origin, index + 1) : origin;
		images.push(await looked(context, sent, index + 1, rules));
	}
	return images;
}

async function looked(
	context: IExecuteFunctions,
	origin: Origin,
	index: number,
	rules: SourceRules,
): Promise<SourceImage> {
	// A server is not asked twice for a file that there is room for.
	const room = origin.isCostly ? roomOf(context) : undefined;
	const seen = await inspect(origin, index, rules.bytes, (room?.bytes ?? 0) > 0);
	const picture = checkKind(index, seen.head);
	let kept = seen.whole;
	if (room && kept) room.bytes -= kept.length;
	const read = async (): Promise<Buffer> => {
		const bytes = kept;
		kept = undefined;
		if (room && bytes) room.bytes += bytes.length;
		return bytes ?? (await readAgain(origin, index, rules.bytes, seen.digest));
	};
	return {
		bytes: seen.bytes,
		mimeType: picture.mimeType,
		extension: picture.extension,
		width: picture.width,
		height: picture.height,
		field: origin.field,
		fileName: origin.fileName ?? `image-${index}.${picture.extension}`,
		digest: seen.digest,
		original: seen.original ?? { bytes: seen.bytes, mimeType: picture.mimeType },
		read,
	};
}

interface Seen extends Pick<Opened, 'original'> {
	bytes: number;
	head: Buffer;
	digest: string;
	/** All of it, where it was wanted. */
	whole?: Buffer;
}

/** Stops as soon as the limit is passed, whatever was said about the length. */
async function inspect(
	origin: Origin,
	index: number,
	most: number,
	isKept: boolean,
): Promise<Seen> {
	const { chunks, length = 0, original } = await origin.open();
	// A stored file tells its size without being read.
	checkBytes(index, length, most);
	const hash = createHash('sha256');
	const held: Buffer[] = [];
	let bytes = 0;
	for await (const chunk of chunks) {
		if (isKept || bytes < HEAD_BYTES) held.push(chunk);
		hash.update(chunk);
		bytes += chunk.length;
		if (bytes > most) break;
	}
	checkBytes(index, bytes, most);
	const all = Buffer.concat(held);
	const head = isKept ? all : Buffer.from(all.subarray(0, HEAD_BYTES));
	const digest = hash.digest('hex');
	return { bytes, head, digest, original, whole: isKept ? all : undefined };
}

async function readAgain(
	origin: Origin,
	index: number,
	most: number,
	digest: string,
): Promise<Buffer> {
	const { whole, digest: now } = await inspect(origin, index, most, true);
	if (whole === undefined || now !== digest) {
		throw invalidInput(`Image ${index} is another one than when all images were checked.`);
	}
	return whole;
}

/** So much of what was fetched is kept until its submit, in all of a run. */
const ROOM_BYTES = 32e6;

const rooms = new WeakMap<IExecuteFunctions, { bytes: number }>();

function roomOf(context: IExecuteFunctions): { bytes: number } {
	const room = rooms.get(context) ?? { bytes: ROOM_BYTES };
	rooms.set(context, room);
	return room;
}
