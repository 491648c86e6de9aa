/**
 * PNG and BMP read row by row. The files are written here: every colour type, depth and filter, with
 * pixels that are known. What the JPEG looks like to another program is seen in test/node.
 */
import { deflateSync, crc32, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { readBmp } from '../../nodes/RunPod/core/reencode/bmp.ts';
import { PngRows, readPng } from '../../nodes/RunPod/core/reencode/png.ts';
import type { Png } from '../../nodes/RunPod/core/reencode/png.ts';

const KINDS = [
	{ colourType: 0, depths: [1, 2, 4, 8, 16], channels: 1 },
	{ colourType: 2, depths: [8, 16], channels: 3 },
	{ colourType: 3, depths: [1, 2, 4, 8], channels: 1 },
	{ colourType: 4, depths: [8, 16], channels: 2 },
	{ colourType: 6, depths: [8, 16], channels: 4 },
];

interface Drawn {
	colourType: number;
	depth: number;
	channels: number;
	width: number;
	height: number;
	/** One number per channel, of the depth's range. */
	samples: number[];
	filters: number[];
	palette: number[][];
	hasTransparency: boolean;
	/** Bytes of one piece of the compressed rows. */
	piece: number;
}

const drawn: fc.Arbitrary<Drawn> = fc
	.constantFrom(...KINDS)
	.chain((kind) =>
		fc.tuple(
			fc.constant(kind),
			fc.constantFrom(...kind.depths),
			fc.integer({ min: 1, max: 19 }),
			fc.integer({ min: 1, max: 9 }),
		),
	)
	.chain(([{ colourType, channels }, depth, width, height]) =>
		fc.record({
			colourType: fc.constant(colourType),
			channels: fc.constant(channels),
			depth: fc.constant(depth),
			width: fc.constant(width),
			height: fc.constant(height),
			samples: fc.array(fc.integer({ min: 0, max: 2 ** depth - 1 }), {
				minLength: width * height * channels,
				maxLength: width * height * channels,
			}),
			filters: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: height, maxLength: height }),
			palette: fc.array(
				fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 }),
				{ minLength: 2 ** Math.min(depth, 8), maxLength: 2 ** Math.min(depth, 8) },
			),
			hasTransparency: fc.boolean(),
			piece: fc.integer({ min: 1, max: 300 }),
		}),
	);

function packed(samples: number[], depth: number): Buffer {
	if (depth === 16) return Buffer.from(samples.flatMap((sample) => [sample >> 8, sample & 255]));
	const row = Buffer.alloc(Math.ceil((samples.length * depth) / 8));
	samples.forEach((sample, index) => {
		const bit = index * depth;
		row[bit >> 3] |= sample << (8 - depth - (bit & 7));
	});
	return row;
}

function filtered(row: Buffer, before: Buffer, step: number, filter: number): Buffer {
	const out = Buffer.alloc(row.length);
	for (let at = 0; at < row.length; at += 1) {
		const a = at >= step ? row[at - step] : 0;
		const b = before[at];
		const c = at >= step ? before[at - step] : 0;
		const estimate = a + b - c;
		const nearest = [a, b, c].reduce((best, one) =>
			Math.abs(estimate - one) < Math.abs(estimate - best) ? one : best,
		);
		out[at] = row[at] - [0, a, b, Math.floor((a + b) / 2), nearest][filter];
	}
	return out;
}

function chunk(kind: string, body: Buffer): Buffer {
	const named = Buffer.concat([Buffer.from(kind, 'latin1'), body]);
	const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
	length.writeUInt32BE(body.length);
	sum.writeUInt32BE(crc32(named));
	return Buffer.concat([length, named, sum]);
}

/** For a colour that stands for nothing: the first pixel's. */
const keyOf = ({ samples, channels }: Drawn): number[] => samples.slice(0, channels);

function pngOf(picture: Drawn, interlace = 0, more: Buffer[] = []): Buffer {
	const {
		width,
		height,
		depth,
		colourType,
		channels,
		samples,
		filters,
		palette,
		hasTransparency,
		piece,
	} = picture;
	const header = Buffer.alloc(13);
	header.writeUInt32BE(width, 0);
	header.writeUInt32BE(height, 4);
	header.set([depth, colourType, 0, 0, interlace], 8);
	const step = Math.max(1, (channels * depth) >> 3);
	let before: Buffer = Buffer.alloc(Math.ceil((width * channels * depth) / 8));
	const rows: Buffer[] = [];
	for (let y = 0; y < height; y += 1) {
		const row = packed(samples.slice(y * width * channels, (y + 1) * width * channels), depth);
		rows.push(Buffer.from([filters[y]]), filtered(row, before, step, filters[y]));
		before = row;
	}
	const data = deflateSync(Buffer.concat(rows));
	const pieces: Buffer[] = [];
	for (let at = 0; at < data.length; at += piece)
		pieces.push(chunk('IDAT', data.subarray(at, at + piece)));
	const transparency =
		colourType === 3 ? Buffer.from(palette.map((entry) => entry[3])) : packed(keyOf(picture), 16);
	return Buffer.concat([
		Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
		chunk('IHDR', header),
		...more,
		...(colourType === 3
			? [chunk('PLTE', Buffer.from(palette.flatMap((entry) => entry.slice(0, 3))))]
			: []),
		...(hasTransparency && channels !== 2 && channels !== 4 ? [chunk('tRNS', transparency)] : []),
		...pieces,
		chunk('IEND', Buffer.alloc(0)),
	]);
}

/** What the picture shows on white, by the definition of the format. */
function expected(picture: Drawn): number[] {
	const { colourType, depth, channels, samples, palette, hasTransparency } = picture;
	const pixels: number[] = [];
	const most = 2 ** depth - 1;
	for (let at = 0; at < samples.length; at += channels) {
		const own = samples.slice(at, at + channels);
		const eight = own.map((sample) => (depth === 16 ? sample >> 8 : (sample * 255) / most));
		let opacity = 255;
		let colour = channels < 3 ? [eight[0], eight[0], eight[0]] : eight.slice(0, 3);
		if (colourType === 3) {
			colour = palette[own[0]].slice(0, 3);
			if (hasTransparency) opacity = palette[own[0]][3];
		} else if (channels === 2 || channels === 4) opacity = eight[channels - 1];
		else if (hasTransparency && own.every((sample, index) => sample === keyOf(picture)[index]))
			opacity = 0;
		pixels.push(
			...colour.map((value) => Math.round((value * opacity + 255 * (255 - opacity)) / 255)),
		);
	}
	return pixels;
}

const readable = (bytes: Buffer): Png => {
	const png = readPng(bytes);
	if (typeof png === 'string') throw new Error(png);
	return png;
};

test('every kind of PNG gives the pixels that it was made of', () => {
	fc.assert(
		fc.property(drawn, fc.integer({ min: 1, max: 50 }), (picture, step) => {
			const png = readable(pngOf(picture));
			const rows = new PngRows(png);
			const inflated = inflateSync(Buffer.concat(png.parts));
			const pixels: number[] = [];
			for (let at = 0; at < inflated.length; at += step) {
				for (const row of rows.push(inflated.subarray(at, at + step))) pixels.push(...row);
			}
			expect(rows.isWhole).toBe(true);
			expect(pixels).toEqual(expected(picture));
		}),
		{ numRuns: 500 },
	);
});

const [plain] = fc.sample(drawn, { numRuns: 1, seed: 1 });

test.each([
	['interlaced', pngOf(plain, 1), 'it is interlaced'],
	['with EXIF data', pngOf(plain, 0, [chunk('eXIf', Buffer.from('MM\0*'))]), 'it has EXIF data'],
])('a PNG %s is not read', (_, bytes, reason) => {
	expect(readPng(bytes)).toBe(reason);
});

test.each([
	['cut off', pngOf(plain).subarray(0, 50), 'its end is missing'],
	['without a header', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), 'its header is broken'],
])('a PNG %s is damaged', (_, bytes, reason) => {
	expect(() => readPng(bytes)).toThrow(reason);
});

test('rows that are missing are noticed, surplus ones are not read', () => {
	const png = readable(pngOf(plain));
	const inflated = inflateSync(Buffer.concat(png.parts));
	const short = new PngRows(png);
	expect([...short.push(inflated.subarray(0, inflated.length - 1))]).toHaveLength(plain.height - 1);
	expect(short.isWhole).toBe(false);
	const long = new PngRows(png);
	expect([...long.push(Buffer.concat([inflated, inflated]))]).toHaveLength(plain.height);
});

/** Four corners in four colours, in both directions and with both sizes of a pixel. */
function bmpOf(pixelBytes: number, isTopDown: boolean): Buffer {
	const colours = [
		[255, 0, 0],
		[0, 255, 0],
		[0, 0, 255],
		[9, 8, 7],
	];
	const rowBytes = Math.ceil((2 * pixelBytes) / 4) * 4;
	const bytes = Buffer.alloc(54 + 2 * rowBytes);
	bytes.write('BM');
	bytes.writeUInt32LE(54, 10);
	bytes.writeUInt32LE(40, 14);
	bytes.writeInt32LE(2, 18);
	bytes.writeInt32LE(isTopDown ? -2 : 2, 22);
	bytes.writeUInt16LE(pixelBytes * 8, 28);
	for (const [index, [red, green, blue]] of colours.entries()) {
		const y = Math.floor(index / 2);
		bytes.set(
			[blue, green, red],
			54 + (isTopDown ? y : 1 - y) * rowBytes + (index % 2) * pixelBytes,
		);
	}
	return bytes;
}

test.each([
	[3, false],
	[3, true],
	[4, false],
	[4, true],
])('a BMP of %d bytes a pixel, from the top: %s', (pixelBytes, isTopDown) => {
	const bmp = readBmp(bmpOf(pixelBytes, isTopDown));
	if (typeof bmp === 'string') throw new Error(bmp);
	expect([...bmp.rows()].map((row) => [...row])).toEqual([
		[255, 0, 0, 0, 255, 0],
		[0, 0, 255, 9, 8, 7],
	]);
	expect(bmp).toMatchObject({ width: 2, height: 2 });
});

test('a BMP that is compressed is not read, one that is too short is damaged', () => {
	const packedOne = bmpOf(3, false);
	packedOne.writeUInt32LE(1, 30);
	expect(readBmp(packedOne)).toBe('it is a BMP of a rare kind');
	expect(() => readBmp(bmpOf(3, false).subarray(0, 60))).toThrow('its end is missing');
	expect(() => readBmp(Buffer.from('BM'))).toThrow('its header is broken');
});
