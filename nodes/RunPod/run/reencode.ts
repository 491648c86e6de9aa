import { sleep } from 'n8n-workflow';

import { jobLimits } from '../contract/job';
import { readBmp } from '../core/reencode/bmp';
import { JpegWriter } from '../core/reencode/jpeg';
import { PngRows, readPng } from '../core/reencode/png';
import type { Png } from '../core/reencode/png';
import { readPicture } from '../core/picture';
import { checkBytes, checkKind, notReencoded } from '../core/sources';
import { inOne } from './origins';
import type { Opened, Origin } from './origins';

/**
 * Makes a JPEG of a picture that takes more bytes than it needs. It works on a few rows at a time
 * and lets other work of n8n through in between.
 */

const JPEG_QUALITY = 95;

/** An image that is opened as a JPEG. The file itself may be larger than what is sent. */
export function reencoded(origin: Origin, index: number): Origin {
	const open = async (): Promise<Opened> => {
		const bytes = await readWhole(await origin.open(), index);
		const { mimeType } = checkKind(index, bytes);
		try {
			const jpeg = await asJpeg(bytes);
			const original = { bytes: bytes.length, mimeType };
			return Buffer.isBuffer(jpeg) ? { ...inOne(jpeg), original } : inOne(bytes);
		} catch (thrown) {
			throw notReencoded(index, thrown instanceof Error ? thrown.message : String(thrown));
		}
	};
	return { ...origin, isCostly: true, open };
}

async function readWhole({ chunks, length = 0 }: Opened, index: number): Promise<Buffer> {
	const most = jobLimits.sourceImageBytesMax;
	checkBytes(index, length, most);
	const held: Buffer[] = [];
	let bytes = 0;
	for await (const chunk of chunks) {
		held.push(chunk);
		bytes += chunk.length;
		checkBytes(index, bytes, most);
	}
	return Buffer.concat(held);
}

/** The format's own limit; it also bounds what one row takes. */
const LONGEST_EDGE = 65_535;

/** A JPEG of the picture, or the reason why it goes as it is. Throws where it is broken. */
export async function asJpeg(bytes: Buffer): Promise<Buffer | { keptBecause: string }> {
	const { mimeType, width, height } = readPicture(bytes) ?? {};
	if ((width ?? 0) > LONGEST_EDGE || (height ?? 0) > LONGEST_EDGE) {
		return { keptBecause: `a JPEG has at most ${LONGEST_EDGE} pixels a side` };
	}
	switch (mimeType) {
		case 'image/png': {
			const png = readPng(bytes);
			return typeof png === 'string' ? { keptBecause: png } : await pngAsJpeg(png);
		}
		case 'image/bmp': {
			const bmp = readBmp(bytes);
			return typeof bmp === 'string' ? { keptBecause: bmp } : await written(bmp, bmp.rows());
		}
		default:
			return { keptBecause: 'only PNG and BMP are re-encoded' };
	}
}

/** So many rows are a few milliseconds of work. */
const ROWS_AT_A_TIME = 16;

interface Size {
	width: number;
	height: number;
}

async function written(
	{ width, height }: Size,
	rows: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<Buffer> {
	const writer = new JpegWriter(width, height, JPEG_QUALITY);
	let count = 0;
	for await (const row of rows) {
		writer.row(row);
		count += 1;
		if (count % ROWS_AT_A_TIME === 0) await sleep(0);
	}
	return writer.end();
}

async function pngAsJpeg(png: Png): Promise<Buffer> {
	const inflate = new DecompressionStream('deflate');
	const writer = inflate.writable.getWriter();
	const fed = (async () => {
		for (const part of png.parts) await writer.write(Uint8Array.from(part));
		await writer.close();
	})();
	// What goes wrong in here comes out at the other side of the stream as well.
	fed.catch(() => undefined);
	const rows = new PngRows(png);
	const jpeg = await written(png, rowsOf(inflate, rows));
	if (!rows.isWhole) throw new RangeError('its end is missing');
	return jpeg;
}

async function* rowsOf(inflate: DecompressionStream, rows: PngRows): AsyncGenerator<Uint8Array> {
	for await (const chunk of inflate.readable) {
		yield* rows.push(chunk as Uint8Array);
		// More than the header promised is not read: it could be without an end.
		if (rows.isWhole) return;
	}
}
