/** Reads a BMP without compression, the only kind that programs write today, row by row. */

const FILE_HEADER_BYTES = 14;

export interface Bmp {
	width: number;
	height: number;
	/** Rows of three bytes a pixel, from the top. */
	rows: () => Generator<Uint8Array>;
}

/** The picture, or the reason why it is not read here. Throws RangeError where it is damaged. */
export function readBmp(bytes: Buffer): Bmp | string {
	if (bytes.length < FILE_HEADER_BYTES + 40) throw new RangeError('its header is broken');
	const width = bytes.readInt32LE(18);
	const signedHeight = bytes.readInt32LE(22);
	const height = Math.abs(signedHeight);
	const pixelBytes = bytes.readUInt16LE(28) / 8;
	const isPlain = bytes.readUInt32LE(30) === 0 && (pixelBytes === 3 || pixelBytes === 4);
	if (!isPlain) return 'it is a BMP of a rare kind';
	const start = bytes.readUInt32LE(10);
	const rowBytes = Math.ceil((width * pixelBytes) / 4) * 4;
	if (width <= 0 || height === 0 || start + rowBytes * height > bytes.length) {
		throw new RangeError('its end is missing');
	}
	const rows = function* (): Generator<Uint8Array> {
		for (let y = 0; y < height; y += 1) {
			// A positive height means that the file begins with the lowest row.
			const from = start + rowBytes * (signedHeight > 0 ? height - 1 - y : y);
			const rgb = new Uint8Array(3 * width);
			for (let x = 0; x < width; x += 1) {
				for (let channel = 0; channel < 3; channel += 1) {
					rgb[3 * x + channel] = bytes[from + x * pixelBytes + 2 - channel] ?? 0;
				}
			}
			yield rgb;
		}
	};
	return { width, height, rows };
}
