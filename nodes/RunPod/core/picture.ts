/** What a file is, by its first bytes: a name or a header can say anything. */

export interface Picture {
	mimeType: string;
	extension: string;
	width: number | null;
	height: number | null;
}

/** So many bytes are enough, also for a JPEG with a thumbnail and a colour profile before its size. */
export const HEAD_BYTES = 64 * 1024;

const text = (bytes: Buffer, from: number, to: number): string =>
	bytes.toString('latin1', from, to);

const u16 = (bytes: Buffer, at: number): number | null =>
	at + 2 <= bytes.length ? bytes.readUInt16BE(at) : null;
const u16le = (bytes: Buffer, at: number): number | null =>
	at + 2 <= bytes.length ? bytes.readUInt16LE(at) : null;
const u32 = (bytes: Buffer, at: number): number | null =>
	at + 4 <= bytes.length ? bytes.readUInt32BE(at) : null;

type Size = Pick<Picture, 'width' | 'height'>;

const NO_SIZE: Size = { width: null, height: null };

/** Walks from segment to segment to the frame header. */
function jpegSize(bytes: Buffer): Size {
	let at = 2;
	while (at + 9 < bytes.length && bytes[at] === 0xff) {
		const marker = bytes[at + 1] ?? 0;
		const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
		if (isFrame) return { height: u16(bytes, at + 5), width: u16(bytes, at + 7) };
		at += 2 + (u16(bytes, at + 2) ?? bytes.length);
	}
	return NO_SIZE;
}

function webpSize(bytes: Buffer): Size {
	const kind = text(bytes, 12, 16);
	if (kind === 'VP8X' && bytes.length >= 30) {
		return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
	}
	if (kind === 'VP8L' && bytes.length >= 25) {
		const bits = bytes.readUInt32LE(21);
		return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
	}
	if (kind !== 'VP8 ' || bytes.length < 30) return NO_SIZE;
	return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
}

/** The picture that begins with `head`, or undefined where the bytes are no known picture. */
export function readPicture(head: Buffer): Picture | undefined {
	const start = text(head, 0, 4);
	if (head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff) {
		return { mimeType: 'image/jpeg', extension: 'jpg', ...jpegSize(head) };
	}
	if (head[0] === 0x89 && text(head, 1, 8) === 'PNG\r\n\x1a\n') {
		return { mimeType: 'image/png', extension: 'png', width: u32(head, 16), height: u32(head, 20) };
	}
	if (start === 'RIFF' && text(head, 8, 12) === 'WEBP') {
		return { mimeType: 'image/webp', extension: 'webp', ...webpSize(head) };
	}
	if (start === 'GIF8') {
		return {
			mimeType: 'image/gif',
			extension: 'gif',
			width: u16le(head, 6),
			height: u16le(head, 8),
		};
	}
	if (start.startsWith('BM') && head.length >= 26) {
		const [width, height] = [head.readInt32LE(18), Math.abs(head.readInt32LE(22))];
		return { mimeType: 'image/bmp', extension: 'bmp', width, height };
	}
	if (start === 'II*\0' || start === 'MM\0*')
		return { mimeType: 'image/tiff', extension: 'tiff', ...NO_SIZE };
	return undefined;
}

const MIME_TYPES: ReadonlyMap<string, string> = new Map([
	['jpg', 'image/jpeg'],
	['jpeg', 'image/jpeg'],
	['png', 'image/png'],
	['webp', 'image/webp'],
	['gif', 'image/gif'],
	['bmp', 'image/bmp'],
	['tif', 'image/tiff'],
	['tiff', 'image/tiff'],
]);

/** What an address says of the file behind it, which nobody has opened. */
export function kindByName(link: string): { mimeType: string; extension: string } {
	const path = link.split(/[?#]/)[0] ?? '';
	const extension = /\.([a-z]{3,4})$/i.exec(path)?.[1]?.toLowerCase() ?? '';
	const mimeType = MIME_TYPES.get(extension);
	return mimeType === undefined
		? { mimeType: 'application/octet-stream', extension: '' }
		: { mimeType, extension };
}

const TAIL_BYTES = 4096;

/** Whether the file has its end. What stands behind the end does not matter. */
export function isWhole(bytes: Buffer, { mimeType, width }: Picture): boolean {
	const tail = bytes.subarray(-TAIL_BYTES);
	switch (mimeType) {
		case 'image/jpeg':
			return width !== null && tail.includes(Buffer.from([0xff, 0xd9]));
		case 'image/png':
			return width !== null && tail.includes('IEND');
		case 'image/webp':
			return width !== null && bytes.length >= bytes.readUInt32LE(4) + 8;
		case 'image/gif':
			return width !== null && tail.includes(0x3b);
		default:
			return true;
	}
}

const LONGEST_NAME = 50;

/** A name that every file system takes: the first 50 characters, without what has a meaning there. */
export function safeFileName(wanted: string | undefined, prompt: string | undefined): string {
	const given = (wanted ?? '').trim() === '' ? (prompt ?? '') : (wanted ?? '');
	const cleaned = given
		// eslint sees no control characters here: \p{C} are those, and marks that reverse the reading.
		.replace(/[\p{C}\p{Zl}\p{Zp}<>:"/\\|?*]+/gu, ' ')
		.replace(/\s+/g, ' ')
		.trim();
	const short = [...cleaned]
		.slice(0, LONGEST_NAME)
		.join('')
		.replace(/^[.\s]+|[.\s]+$/g, '');
	// Names of devices on Windows, also with an ending.
	const isDevice = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(short);
	return short === '' || isDevice ? `image${short === '' ? '' : `-${short}`}` : short;
}
