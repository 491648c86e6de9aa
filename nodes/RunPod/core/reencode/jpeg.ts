/**
 * Writes a baseline JPEG (ITU-T T.81) from rows of pixels, a strip of eight at a time, so that a
 * large picture never stands in memory. Colours keep their full resolution.
 */

const SIZE = 8;
const CELLS = SIZE * SIZE;

/** Annex K.1 of the standard, row by row, one byte a cell. */
const LUMINANCE = [
	...Buffer.from(
		'100b0a101828333d0c0c0e131a3a3c370e0d1018283945380e11161d3357503e' +
			'12162538446d674d182337405168715c31404e5767797865485c5f6270646763',
		'hex',
	),
];
const CHROMINANCE = [
	...Buffer.from(
		'1112182f6363636312151a4263636363181a3863636363632f42636363636363' +
			'6363636363636363636363636363636363636363636363636363636363636363',
		'hex',
	),
];

/** Annex K.3: how many codes each length has, and the values in the order of their codes. */
const DC_LENGTHS = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
const DC_VALUES = [...Array(12).keys()];
const AC_LENGTHS = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125];
const AC_VALUES = [
	...Buffer.from(
		'01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282' +
			'090a161718191a25262728292a3435363738393a434445464748494a535455565758595a' +
			'636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5' +
			'a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5' +
			'e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa',
		'hex',
	),
];

/** The cells of a block in the order in which they are written: along the diagonals, there and back. */
const ZIGZAG = Array.from({ length: 2 * SIZE - 1 }, (_, sum) => {
	const diagonal = Array.from({ length: SIZE }, (__, row) => ({ row, column: sum - row }))
		.filter(({ column }) => column >= 0 && column < SIZE)
		.map(({ row, column }) => row * SIZE + column);
	return sum % 2 === 0 ? diagonal.reverse() : diagonal;
}).flat();

/** Row u holds the cosine wave of frequency u, scaled so that the transform keeps lengths. */
const WAVES = Float64Array.from({ length: CELLS }, (_, index) => {
	const [frequency, place] = [Math.floor(index / SIZE), index % SIZE];
	const scale = frequency === 0 ? Math.SQRT1_2 : 1;
	return (scale / 2) * Math.cos(((2 * place + 1) * frequency * Math.PI) / (2 * SIZE));
});

interface Code {
	bits: number;
	length: number;
}

function codesOf(lengths: number[], values: number[]): Code[] {
	const codes: Code[] = [];
	let [bits, next] = [0, 0];
	lengths.forEach((count, index) => {
		for (let taken = 0; taken < count; taken += 1) {
			codes[values[next++] ?? 0] = { bits: bits++, length: index + 1 };
		}
		bits <<= 1;
	});
	return codes;
}

const DC_CODES = codesOf(DC_LENGTHS, DC_VALUES);
const AC_CODES = codesOf(AC_LENGTHS, AC_VALUES);

/** The usual scale of quality: 50 takes the tables as they are, 100 hardly rounds. */
function quantisersOf(table: number[], quality: number): number[] {
	const percent = quality < 50 ? 5000 / quality : 200 - 2 * quality;
	return table.map((value) => Math.min(255, Math.max(1, Math.floor((value * percent + 50) / 100))));
}

const segment = (marker: number, body: number[]): number[] => {
	const length = body.length + 2;
	return [0xff, marker, length >> 8, length & 255, ...body];
};

export class JpegWriter {
	private readonly luminance: number[];
	private readonly chrominance: number[];
	private readonly strip: Uint8Array[] = [];
	private readonly lastDc = [0, 0, 0];
	private readonly chunks: Buffer[] = [];
	private out = Buffer.alloc(64 * 1024);
	private used = 0;
	private pending = 0;
	private pendingBits = 0;

	/** `quality` from 1 to 100. */
	constructor(
		private readonly width: number,
		height: number,
		quality: number,
	) {
		this.luminance = quantisersOf(LUMINANCE, quality);
		this.chrominance = quantisersOf(CHROMINANCE, quality);
		const inOrder = (table: number[]) => ZIGZAG.map((cell) => table[cell] ?? 1);
		const size = [height >> 8, height & 255, width >> 8, width & 255];
		const header = [
			0xff,
			0xd8,
			...segment(0xe0, [0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0]),
			...segment(0xdb, [0, ...inOrder(this.luminance), 1, ...inOrder(this.chrominance)]),
			...segment(0xc0, [8, ...size, 3, 1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1]),
			...segment(0xc4, [0x00, ...DC_LENGTHS, ...DC_VALUES, 0x10, ...AC_LENGTHS, ...AC_VALUES]),
			...segment(0xda, [3, 1, 0, 2, 0, 3, 0, 0, 63, 0]),
		];
		this.chunks.push(Buffer.from(header));
	}

	/** The next row from the top: three bytes a pixel, red first. The row is copied. */
	row(rgb: Uint8Array): void {
		this.strip.push(Uint8Array.from(rgb));
		if (this.strip.length === SIZE) this.writeStrip();
	}

	/** Everything that was written; the writer is used up then. */
	end(): Buffer {
		if (this.strip.length > 0) this.writeStrip();
		// The last byte is filled with ones.
		this.write({ bits: 127, length: 7 });
		this.chunks.push(this.out.subarray(0, this.used), Buffer.from([0xff, 0xd9]));
		return Buffer.concat(this.chunks);
	}

	private writeStrip(): void {
		const planes = [0, 1, 2].map(() => new Float64Array(CELLS));
		for (let left = 0; left < this.width; left += SIZE) {
			this.takeBlock(left, planes);
			planes.forEach((plane, index) => {
				this.writeBlock(plane, index, index === 0 ? this.luminance : this.chrominance);
			});
		}
		this.strip.length = 0;
	}

	/** A block beyond the edge repeats the last pixel: anything else would cost bytes and ring. */
	private takeBlock(left: number, [y, cb, cr]: Float64Array[]): void {
		if (y === undefined || cb === undefined || cr === undefined) return;
		for (let cell = 0; cell < CELLS; cell += 1) {
			const row = this.strip[Math.min(cell >> 3, this.strip.length - 1)] ?? new Uint8Array();
			const at = 3 * Math.min(left + (cell & 7), this.width - 1);
			const [red, green, blue] = [row[at] ?? 0, row[at + 1] ?? 0, row[at + 2] ?? 0];
			y[cell] = 0.299 * red + 0.587 * green + 0.114 * blue - 128;
			cb[cell] = -0.168736 * red - 0.331264 * green + 0.5 * blue;
			cr[cell] = 0.5 * red - 0.418688 * green - 0.081312 * blue;
		}
	}

	private writeBlock(plane: Float64Array, component: number, quantisers: number[]): void {
		const waves = transform(plane);
		const level = (order: number): number => {
			const cell = ZIGZAG[order] ?? 0;
			return Math.round((waves[cell] ?? 0) / (quantisers[cell] ?? 1));
		};
		const dc = level(0);
		this.writeNumber(DC_CODES, 0, dc - (this.lastDc[component] ?? 0));
		this.lastDc[component] = dc;
		let zeros = 0;
		for (let order = 1; order < CELLS; order += 1) {
			const value = level(order);
			if (value === 0) {
				zeros += 1;
				continue;
			}
			for (; zeros > 15; zeros -= 16) this.write(AC_CODES[0xf0]);
			this.writeNumber(AC_CODES, zeros << 4, value);
			zeros = 0;
		}
		if (zeros > 0) this.write(AC_CODES[0]);
	}

	/** A code that tells how many bits follow, then these; a negative number is one less. */
	private writeNumber(codes: Code[], run: number, value: number): void {
		const length = value === 0 ? 0 : 32 - Math.clz32(Math.abs(value));
		this.write(codes[run | length]);
		if (length > 0) this.write({ bits: value < 0 ? value + (1 << length) - 1 : value, length });
	}

	private write({ bits, length }: Code = { bits: 0, length: 0 }): void {
		this.pending = (this.pending << length) | (bits & ((1 << length) - 1));
		this.pendingBits += length;
		while (this.pendingBits >= 8) {
			this.pendingBits -= 8;
			const byte = (this.pending >> this.pendingBits) & 255;
			this.put(byte);
			// 0xff begins a marker; a zero behind it says that this is none.
			if (byte === 0xff) this.put(0);
		}
		this.pending &= (1 << this.pendingBits) - 1;
	}

	private put(byte: number): void {
		if (this.used === this.out.length) {
			this.chunks.push(this.out);
			this.out = Buffer.alloc(this.out.length);
			this.used = 0;
		}
		this.out[this.used++] = byte;
	}
}

/** The two-dimensional cosine transform of a block: first its rows, then its columns. */
function transform(plane: Float64Array): Float64Array {
	const half = along(plane, (line, place) => line * SIZE + place);
	return along(half, (line, place) => place * SIZE + line);
}

function along(from: Float64Array, cellOf: (line: number, place: number) => number): Float64Array {
	const to = new Float64Array(CELLS);
	for (let line = 0; line < SIZE; line += 1) {
		for (let wave = 0; wave < SIZE; wave += 1) {
			let sum = 0;
			for (let place = 0; place < SIZE; place += 1) {
				sum += (from[cellOf(line, place)] ?? 0) * (WAVES[wave * SIZE + place] ?? 0);
			}
			to[cellOf(line, wave)] = sum;
		}
	}
	return to;
}
