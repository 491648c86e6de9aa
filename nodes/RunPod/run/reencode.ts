import { sleep } from 'n8n-workflow';

import { readBmp } from '../core/reencode/bmp';
import { JpegWriter } from '../core/reencode/jpeg';
import { PngRows, readPng } from '../core/reencode/png';
import type { Png } from '../core/reencode/png';
import { readPicture } from '../core/picture';

/**
 * Makes a JPEG of a picture that takes more bytes than it needs. It works on a few rows at a time
 * and lets other work of n8n through in between.
 */

export const JPEG_QUALITY = 95;

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
