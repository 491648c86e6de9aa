/** Source images that are made smaller before they are sent. */
import { runNode } from './harness.mts';
import { jpeg, png, webp } from './pictures.mts';
import { ledger, usePlatform, workerDoes } from './platform.mts';
import { binaryOf, bytes, itemWith, ofSize, refused, score, scored } from './sources.mts';

usePlatform();

const options = { reencodeJpeg: true };

/** A black BMP of this size: three bytes a pixel, no compression. */
function largeBmp(width: number, height: number): Buffer {
	const file = Buffer.alloc(54 + 3 * width * height);
	file.write('BM');
	file.writeUInt32LE(54, 10);
	file.writeUInt32LE(40, 14);
	file.writeInt32LE(width, 18);
	file.writeInt32LE(height, 22);
	file.writeUInt16LE(24, 28);
	return file;
}

const sent = () =>
	(ledger().submits[0].input as { images: string[] }).images.map((image) => bytes(image));

test('a PNG and a BMP go as JPEG, what is one or as small already goes byte for byte', async () => {
	workerDoes({ output: scored(4) });
	const binary = {
		a: binaryOf(bytes(png), 'a.png'),
		b: binaryOf(largeBmp(500, 400), 'b.bmp', 'image/bmp'),
		c: binaryOf(bytes(jpeg), 'c.jpg'),
		d: binaryOf(bytes(webp), 'd.webp'),
	};
	const setup = score({ inputField: 'a,b,c,d', options }, { items: [itemWith(binary)] });
	const { status, items } = await runNode(setup);
	expect(status).toBe('success');
	const [a, b, c, d] = sent();
	for (const one of [a, b]) expect(one.subarray(0, 3)).toEqual(Buffer.from([0xff, 0xd8, 0xff]));
	expect(b.length).toBeLessThan(100_000);
	expect([c, d]).toEqual([bytes(jpeg), bytes(webp)]);
	// The item has the files as they came, and tells of these.
	expect(items[0].json.files).toMatchObject([
		{ field: 'a', mimeType: 'image/png', bytes: bytes(png).length, width: 16, height: 8 },
		{ field: 'b', mimeType: 'image/bmp', bytes: 600_054, width: 500, height: 400 },
		{ field: 'c', mimeType: 'image/jpeg' },
		{ field: 'd', mimeType: 'image/webp' },
	]);
	expect(Object.keys(items[0].binary ?? {})).toEqual(Object.keys(binary));
});

test('the limit is for what is sent', async () => {
	const tight = { ...options, maxImageMb: 0.1 };
	const whole = await refused(
		{ data: binaryOf(bytes(png)), big: binaryOf(ofSize(200_000)) },
		{
			inputField: 'big',
			options: { maxImageMb: 0.1 },
		},
	);
	expect(whole.message).toBe('Image 1 is 0.2 MB; the limit is 0.1 MB');
	workerDoes({ output: scored(1) });
	const items = [itemWith({ data: binaryOf(largeBmp(300, 300)) })];
	expect((await runNode(score({ options: tight }, { items }))).status).toBe('success');
});

test.each([
	['inside', bytes(png).fill(0, 45, 60)],
	['at its end', bytes(png).subarray(0, 50)],
])('one that is damaged %s costs nothing and is told', async (_, damaged) => {
	const error = await refused({ data: binaryOf(damaged) }, { options });
	expect(error.message).toMatch(/^Image 1 cannot be re-encoded: /);
	expect(error.description).toContain('Nothing was submitted.');
});

test('a file beyond all limits is not read', async () => {
	const error = await refused({ data: binaryOf(ofSize(50_000_001)) }, { options });
	expect(error.message).toBe('Image 1 is 50.1 MB; the limit is 50 MB');
});
