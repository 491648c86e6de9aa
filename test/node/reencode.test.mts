/**
 * Re-encoded pictures as Pillow sees them, which is what the worker reads images with: a picture
 * that Pillow wrote, our JPEG of it, and how far the two are apart.
 */
import { spawnSync } from 'node:child_process';
import { asJpeg } from '../../nodes/RunPod/run/reencode.ts';

/** Draws a picture of a kind to its output: soft colours, a hard edge and a little noise. */
const DRAW = `
import io, sys
import numpy as np
from PIL import Image
kind, width, height = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
y, x = np.mgrid[0:height, 0:width]
rgb = np.stack([x * 255 // max(1, width - 1), y * 255 // max(1, height - 1), np.where(x > y, 200, 40)], -1)
rgb = np.clip(rgb + np.random.default_rng(1).integers(-4, 5, rgb.shape), 0, 255).astype(np.uint8)
image = Image.fromarray(rgb)
if kind in ("1", "L", "P"): image = image.convert(kind)
if kind == "LA": image = image.convert("LA")
if kind == "RGBA":
    image.putalpha(Image.fromarray((x * 255 // max(1, width - 1)).astype(np.uint8)))
out = io.BytesIO()
image.save(out, "BMP" if kind == "BMP" else "PNG")
sys.stdout.buffer.write(out.getvalue())
`;

/** How far the JPEG at the end of its input is from the picture before it, and how far Pillow's own is. */
const COMPARE = `
import io, json, sys
import numpy as np
from PIL import Image
data = sys.stdin.buffer.read()
first = int(sys.argv[1])
picture, jpeg = Image.open(io.BytesIO(data[:first])), Image.open(io.BytesIO(data[first:]))
picture = picture.convert("RGBA")
white = Image.new("RGBA", picture.size, "white")
white.alpha_composite(picture)
own = io.BytesIO()
white.convert("RGB").save(own, "JPEG", quality=95, subsampling=0)
def apart(one): return np.abs(np.asarray(white.convert("RGB"), int) - np.asarray(one.convert("RGB"), int))
ours, pillows = apart(jpeg), apart(Image.open(own))
print(json.dumps({"format": jpeg.format, "size": jpeg.size, "mean": ours.mean() - pillows.mean(),
                  "most": int(ours.max()) - int(pillows.max()), "bytes": (len(data) - first) / len(own.getvalue())}))
`;

function python(script: string, args: string[], input?: Buffer): Buffer {
	const interpreter = process.env.STUDIO_PYTHON;
	if (!interpreter) throw new Error('STUDIO_PYTHON has to name the Python of the worker; npm test sets it.');
	const run = spawnSync(interpreter, ['-c', script, ...args], { input, maxBuffer: 1 << 28 });
	if (run.status !== 0) throw new Error(run.stderr.toString());
	return run.stdout;
}

test.each([
	['RGB', 640, 480],
	['RGB', 1, 1],
	['RGB', 13, 7],
	['RGBA', 200, 100],
	['L', 99, 50],
	['LA', 64, 64],
	['P', 120, 80],
	['1', 33, 20],
	['BMP', 100, 61],
])('a %s picture of %d x %d looks the same as a JPEG', async (kind, width, height) => {
	const picture = python(DRAW, [kind, String(width), String(height)]);
	const jpeg = await asJpeg(picture);
	if (!Buffer.isBuffer(jpeg)) throw new Error(jpeg.keptBecause);
	const seen = JSON.parse(python(COMPARE, [String(picture.length)], Buffer.concat([picture, jpeg])).toString()) as {
		mean: number;
		most: number;
		bytes: number;
	};
	expect(seen).toMatchObject({ format: 'JPEG', size: [width, height] });
	// As close to the picture as Pillow's JPEG of the same quality, and about as small.
	expect(seen.mean).toBeLessThan(0.1);
	expect(seen.most).toBeLessThan(4);
	expect(seen.bytes).toBeLessThan(1.15);
});

test('other kinds go as they are, a broken one is told', async () => {
	const jpeg = await asJpeg(python(DRAW, ['BMP', '9', '9']));
	expect(await asJpeg(jpeg as Buffer)).toEqual({ keptBecause: 'only PNG and BMP are re-encoded' });
	const png = python(DRAW, ['RGB', '300', '200']);
	const middle = png.length >> 1;
	png.fill(0, middle, middle + 40);
	await expect(asJpeg(png)).rejects.toThrow();
});
