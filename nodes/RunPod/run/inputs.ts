import { createHash } from 'node:crypto';

import type { IExecuteFunctions } from 'n8n-workflow';

import { settings } from '../contract/limits';
import { invalidInput } from '../core/failure';
import type { JobOptions } from '../core/options';
import { HEAD_BYTES } from '../core/picture';
import { checkBytes, checkKind } from '../core/sources';
import type { SourceLimits } from '../core/sources';
import { origins } from './origins';
import type { Origin } from './origins';

/**
 * The images that go into a job. All of a run are checked before its first submit, which would be
 * gigabytes in a large batch: what is checked is let go, and read again for the submit of its job.
 */
export interface SourceImage {
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
	/** The original bytes, once more. Throws where they are not those that were checked. */
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
	limits: SourceLimits,
	options: JobOptions,
): Promise<SourceImage[]> {
	const kind = context.getNodeParameter('imageSource', itemIndex, settings.imageSource.default);
	const find = origins.get(String(kind));
	if (find === undefined) {
		throw invalidInput(
			`'Source' must be one of ${[...origins.keys()].join(', ')}, not '${String(kind)}'.`,
		);
	}
	const images: SourceImage[] = [];
	for (const origin of await find({ context, itemIndex, limits, options })) {
		images.push(await looked(context, origin, images.length + 1, limits));
	}
	return images;
}

async function looked(
	context: IExecuteFunctions,
	origin: Origin,
	index: number,
	limits: SourceLimits,
): Promise<SourceImage> {
	// A server is not asked twice for a file that there is room for.
	const room = origin.isRemote ? roomOf(context) : undefined;
	const seen = await inspect(origin, index, limits.bytes, (room?.bytes ?? 0) > 0);
	const picture = checkKind(index, seen.head);
	let kept = seen.whole;
	if (room && kept) room.bytes -= kept.length;
	const read = async (): Promise<Buffer> => {
		const bytes = kept;
		kept = undefined;
		if (room && bytes) room.bytes += bytes.length;
		return bytes ?? (await readAgain(origin, index, limits.bytes, seen.digest));
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
		read,
	};
}

interface Seen {
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
	const { chunks, length = 0 } = await origin.open();
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
	return { bytes, head, digest: hash.digest('hex'), whole: isKept ? all : undefined };
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
