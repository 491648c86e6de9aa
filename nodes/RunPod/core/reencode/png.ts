/** Reads a PNG row by row. The rows are compressed: whoever reads them inflates `parts` first. */

const SIGNATURE_BYTES = 8;

/** Channels by colour type. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const PALETTE = 3;

export interface Png {
	width: number;
	height: number;
	depth: number;
	colourType: number;
	/** Three bytes a colour. */
	palette: Uint8Array;
	/** Opacities of the palette, or the one colour that is transparent, two bytes a channel. */
	transparency: Uint8Array;
	/** One zlib stream in pieces. */
	parts: Uint8Array[];
}

/** The parts of a PNG, or the reason why it is not read here. Throws RangeError where it is damaged. */
export function readPng(bytes: Buffer): Png | string {
	const png: Png = {
		width: 0,
		height: 0,
		depth: 0,
		colourType: -1,
		palette: new Uint8Array(),
		transparency: new Uint8Array(),
		parts: [],
	};
	for (let at = SIGNATURE_BYTES; at + 8 <= bytes.length; ) {
		const length = bytes.readUInt32BE(at);
		const kind = bytes.toString('latin1', at + 4, at + 8);
		const body = bytes.subarray(at + 8, at + 8 + length);
		if (body.length < length) throw new RangeError('its end is missing');
		if (kind === 'IHDR' && length >= 13) {
			png.width = body.readUInt32BE(0);
			png.height = body.readUInt32BE(4);
			[png.depth, png.colourType] = [body[8] ?? 0, body[9] ?? -1];
			// Its rows come in seven passes over the whole picture.
			if (body[12] !== 0) return 'it is interlaced';
		}
		// Re-encoding would lose the note which side is up.
		if (kind === 'eXIf') return 'it has EXIF data';
		if (kind === 'PLTE') png.palette = body;
		if (kind === 'tRNS') png.transparency = body;
		if (kind === 'IDAT') png.parts.push(body);
		if (kind === 'IEND') break;
		at += length + 12;
	}
	if (png.width === 0 || png.height === 0 || CHANNELS[png.colourType] === undefined) {
		throw new RangeError('its header is broken');
	}
	return png;
}

/** Turns inflated bytes into rows of three bytes a pixel, what is transparent on white. */
export class PngRows {
	private readonly step: number;
	private readonly rowBytes: number;
	private before: Uint8Array;
	private rest: Uint8Array = new Uint8Array();
	private count = 0;

	constructor(private readonly png: Png) {
		const bits = (CHANNELS[png.colourType] ?? 1) * png.depth;
		this.step = Math.max(1, bits >> 3);
		this.rowBytes = Math.ceil((png.width * bits) / 8);
		this.before = new Uint8Array(this.rowBytes);
	}

	/** Whether every row came. */
	get isWhole(): boolean {
		return this.count === this.png.height;
	}

	*push(chunk: Uint8Array): Generator<Uint8Array> {
		const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
		const whole = this.rowBytes + 1;
		let at = 0;
		for (; at + whole <= bytes.length && !this.isWhole; at += whole) {
			const row = Uint8Array.from(bytes.subarray(at + 1, at + whole));
			unfilter(row, this.before, this.step, bytes[at] ?? 0);
			this.before = row;
			this.count += 1;
			yield toRgb(row, this.png);
		}
		this.rest = bytes.subarray(at);
	}
}

/** The prediction that lies nearest to left + above - corner. */
function paeth(left: number, above: number, corner: number): number {
	const toLeft = Math.abs(above - corner);
	const toAbove = Math.abs(left - corner);
	const toCorner = Math.abs(left + above - 2 * corner);
	if (toLeft <= toAbove && toLeft <= toCorner) return left;
	return toAbove <= toCorner ? above : corner;
}

type Guess = (left: number, above: number, corner: number) => number;

/** By the number that stands before each row: how a byte is guessed from its neighbours. */
const GUESSES: ReadonlyArray<Guess | undefined> = [
	undefined,
	(left) => left,
	(_, above) => above,
	(left, above) => (left + above) >> 1,
	paeth,
];

function unfilter(row: Uint8Array, before: Uint8Array, step: number, filter: number): void {
	if (filter >= GUESSES.length) throw new RangeError('it has an unknown filter');
	const guess = GUESSES[filter];
	if (guess === undefined) return;
	for (let index = 0; index < row.length; index += 1) {
		const left = index < step ? 0 : (row[index - step] ?? 0);
		const corner = index < step ? 0 : (before[index - step] ?? 0);
		// The array keeps the lowest eight bits, as the format asks for.
		row[index] = (row[index] ?? 0) + guess(left, before[index] ?? 0, corner);
	}
}

/** One sample as it stands in a row, in the range of its depth. */
function sampleAt(row: Uint8Array, index: number, depth: number): number {
	if (depth === 8) return row[index] ?? 0;
	if (depth === 16) return ((row[2 * index] ?? 0) << 8) | (row[2 * index + 1] ?? 0);
	const bit = index * depth;
	return ((row[bit >> 3] ?? 0) >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
}

/** The samples of a row; of 16 bits the upper eight. */
function samplesOf(row: Uint8Array, { width, depth, colourType }: Png): Uint8Array {
	if (depth === 8) return row;
	const length = width * (CHANNELS[colourType] ?? 1);
	const shift = depth === 16 ? 8 : 0;
	return Uint8Array.from({ length }, (_, index) => sampleAt(row, index, depth) >> shift);
}

const onWhite = (value: number, opacity: number): number =>
	Math.round((value * opacity + 255 * (255 - opacity)) / 255);

function toRgb(row: Uint8Array, png: Png): Uint8Array {
	const { width, depth, colourType, palette, transparency } = png;
	const samples = samplesOf(row, png);
	const channels = CHANNELS[colourType] ?? 1;
	const scale = depth < 8 && colourType !== PALETTE ? 255 / ((1 << depth) - 1) : 1;
	const isClear = keyOf(row, png);
	const isGrey = channels < 3;
	const hasOpacity = channels === 2 || channels === 4;
	const rgb = new Uint8Array(3 * width);
	for (let x = 0; x < width; x += 1) {
		const at = x * channels;
		const entry = samples[at] ?? 0;
		let opacity = isClear(x) ? 0 : 255;
		if (colourType === PALETTE) opacity = transparency[entry] ?? 255;
		if (hasOpacity) opacity = samples[at + channels - 1] ?? 255;
		for (let channel = 0; channel < 3; channel += 1) {
			const value =
				colourType === PALETTE
					? (palette[3 * entry + channel] ?? 0)
					: (samples[at + (isGrey ? 0 : channel)] ?? 0) * scale;
			rgb[3 * x + channel] = onWhite(value, opacity);
		}
	}
	return rgb;
}

/** Whether a pixel has the one colour that stands for nothing; compared before it is scaled. */
function keyOf(row: Uint8Array, { depth, colourType, transparency }: Png): (x: number) => boolean {
	const hasKey = (colourType === 0 || colourType === 2) && transparency.length >= 2;
	if (!hasKey) return () => false;
	const channels = CHANNELS[colourType] ?? 1;
	const key = (channel: number): number =>
		((transparency[2 * channel] ?? 0) << 8) | (transparency[2 * channel + 1] ?? 0);
	return (x) => {
		for (let channel = 0; channel < channels; channel += 1) {
			if (sampleAt(row, x * channels + channel, depth) !== key(channel)) return false;
		}
		return true;
	};
}
