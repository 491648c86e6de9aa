/** Source images: where they come from, and what is refused before anything is submitted. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runNode } from './harness.mts';
import { jpeg, png, webp } from './pictures.mts';
import { ledger, usePlatform, workerDoes } from './platform.mts';
import { binaryOf, bytes, itemWith, ofSize, refused, score, scored, upscale } from './sources.mts';

usePlatform();

const tiff = Buffer.concat([Buffer.from('II*\0'), Buffer.alloc(60)]);
const bmp = Buffer.alloc(60, 'BM');
const gif = Buffer.from('R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==', 'base64');

describe('binary fields', () => {
	test.each([
		['jpg', bytes(jpeg)],
		['png', bytes(png)],
		['webp', bytes(webp)],
		['gif', gif],
		['bmp', bmp],
		['tiff', tiff],
	])('%s goes out byte for byte, whatever its name says', async (_, data) => {
		workerDoes({ output: scored(1) });
		const items = [itemWith({ data: binaryOf(data, 'photo.txt', 'text/plain') })];
		const { status } = await runNode(score({}, { items }));
		expect(status).toBe('success');
		expect(ledger().submits[0].input).toEqual({
			route: 'score',
			images: [data.toString('base64')],
		});
	});

	test('several names, and * for all of the item', async () => {
		workerDoes({ output: scored(2) });
		const binary = { b: binaryOf(bytes(png)), a: binaryOf(bytes(jpeg)), c: binaryOf(bytes(webp)) };
		await runNode(score({ inputField: 'a, b' }, { items: [itemWith(binary)] }));
		await runNode(score({ inputField: '*' }, { items: [itemWith(binary)] }));
		const [named, all] = ledger().submits.map(
			({ input }) => (input as { images: string[] }).images,
		);
		expect(named).toEqual([jpeg, png]);
		expect(all).toHaveLength(3);
		expect(new Set(all)).toEqual(new Set([jpeg, png, webp]));
	});

	test('5 MB are taken, one byte more is not', async () => {
		workerDoes({ output: scored(1) });
		const most = itemWith({ data: binaryOf(ofSize(5_000_000)) });
		const { status } = await runNode(score({}, { items: [most] }));
		expect([status, ledger().submits.length]).toEqual(['success', 1]);
	});

	test('an image above the limit is named with its size', async () => {
		const binary = { data: binaryOf(bytes(png)), big: binaryOf(ofSize(6_100_000)) };
		const { message } = await refused(binary, { inputField: 'data,big' });
		expect(message).toBe('Image 2 is 6.1 MB; the limit is 5 MB');
	});

	test('one byte too many never reads as the limit itself', async () => {
		const { message } = await refused({ data: binaryOf(ofSize(5_000_001)) });
		expect(message).toBe('Image 1 is 5.1 MB; the limit is 5 MB');
	});

	test('five images are too many', async () => {
		const binary = Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`f${n}`, binaryOf(bytes(png))]));
		const { message } = await refused(binary, { inputField: '*' });
		expect(message).toBe('5 images; the limit is 4');
	});

	test('a text with the name of a picture is no picture', async () => {
		const binary = { data: binaryOf(Buffer.from('just a text'), 'photo.png', 'image/png') };
		const error = await refused(binary);
		expect(error.message).toBe('Image 1 is not a supported image');
		expect(error.description).toContain('jpg, jpeg, png, gif, bmp, tiff, webp');
	});

	test('a missing field is told with those that are there', async () => {
		const error = await refused({ photo: binaryOf(bytes(png)) });
		expect(error.message).toBe('Source images required');
		expect(error.description).toContain("no binary field 'data'; its binary fields are photo");
	});

	test('all items are checked before the first one is submitted', async () => {
		workerDoes({ output: scored(1) });
		const items = [itemWith({ data: binaryOf(bytes(png)) }), { json: {} }];
		const { status, error } = await runNode(score({}, { items }));
		expect([status, error?.message]).toEqual(['error', 'Source images required']);
		expect(ledger().submits).toEqual([]);
	});

	test('with the error output the other items go on', async () => {
		workerDoes({ output: scored(1) });
		const items = [{ json: {} }, itemWith({ data: binaryOf(bytes(png)) })];
		const settings = { onError: 'continueErrorOutput' as const };
		const outcome = await runNode(score({}, { items, settings }));
		expect(outcome.items).toHaveLength(1);
		expect(outcome.errorItems[0].json.error).toContain('Source images required');
		expect(outcome.errorItems[0].json.details).toMatchObject({ code: 'SOURCE_REQUIRED' });
		expect(ledger().submits).toHaveLength(1);
	});

	test('a request that the platform would refuse is refused here', async () => {
		const binary = { a: binaryOf(ofSize(4_000_000)), b: binaryOf(ofSize(4_000_000)) };
		const { message } = await refused(binary, { inputField: '*' });
		expect(message).toContain('The images are 10.7 MB in base64; RunPod takes at most 10 MB');
	});
});

describe('base64', () => {
	test.each([
		['plain', png],
		['a data URI', `data:image/png;base64,${png}`],
		['with line breaks', png.replace(/(.{40})/g, '$1\n')],
	])('%s', async (_, imageBase64) => {
		workerDoes({ output: scored(1) });
		await runNode(score({ imageSource: 'base64', imageBase64 }));
		expect(ledger().submits[0].input).toEqual({ route: 'score', images: [png] });
	});

	test('an expression can give a list', async () => {
		workerDoes({ output: scored(2) });
		const items = [{ json: { pictures: [png, jpeg] } }];
		await runNode(
			score({ imageSource: 'base64', imageBase64: '={{ $json.pictures }}' }, { items }),
		);
		expect(ledger().submits[0].input).toEqual({ route: 'score', images: [png, jpeg] });
	});

	test.each([
		['={{ $json.nothing }}', 'Source images required'],
		['no base64 at all', 'Image 1 is not a supported image'],
	])('"%s" is refused', async (imageBase64, message) => {
		workerDoes({ output: scored(1) });
		const { error } = await runNode(score({ imageSource: 'base64', imageBase64 }));
		expect(error?.message).toBe(message);
		expect(ledger().submits).toEqual([]);
	});
});

describe('URLs', () => {
	const server = createServer((request, response) => {
		const path = request.url ?? '';
		if (path === '/moved') response.writeHead(302, { location: '/photo.png' }).end();
		else if (path === '/photo.png') response.end(bytes(png));
		else if (path === '/loop') response.writeHead(302, { location: '/loop' }).end();
		else if (path === '/away') response.writeHead(302, { location: 'file:///etc/passwd' }).end();
		else if (path === '/endless') {
			// Says nothing of its length, so the end has to come from the reader.
			response.write(bytes(png));
			const more = () => {
				while (!response.destroyed && response.write(Buffer.alloc(65_536)));
			};
			response.on('drain', more);
			more();
		} else response.writeHead(404).end('nothing here');
	});
	const at = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;

	beforeAll(async () => await new Promise<void>((done) => server.listen(0, '127.0.0.1', done)));
	afterAll(() => {
		server.closeAllConnections();
		server.close();
	});

	async function ask(imageUrls: string) {
		workerDoes({ output: scored(1) });
		return await runNode(score({ imageSource: 'url', imageUrls }));
	}

	test.each(['/photo.png', '/moved'])('%s is fetched', async (path) => {
		const { status } = await ask(at(path));
		expect(status).toBe('success');
		expect(ledger().submits[0].input).toEqual({ route: 'score', images: [png] });
	});

	test('one per line', async () => {
		await ask(`${at('/photo.png')}\n${at('/moved')}\n`);
		expect(ledger().submits[0].input).toEqual({ route: 'score', images: [png, png] });
	});

	test.each([
		['/gone', 'Image 1 could not be fetched from its URL'],
		['/loop', 'it was redirected more than 3 times'],
		['/away', 'must begin with https:// or http://'],
		['/endless', 'the limit is 5 MB'],
	])('%s is refused', async (path, message) => {
		const { status, error } = await ask(at(path));
		expect(status).toBe('error');
		expect(error?.message).toContain(message);
		expect(ledger().submits).toEqual([]);
	});
});

test('upscale checks its sources the same way', async () => {
	workerDoes({ output: {} });
	const { error } = await runNode(upscale({}, { items: [{ json: {} }] }));
	expect(error?.message).toBe('Source images required');
	expect(ledger().submits).toEqual([]);
});

describe('other limits', () => {
	const options = { maxImages: 5, maxImageMb: 5.5 };

	test('more and larger images are taken where the options say so', async () => {
		workerDoes({ output: scored(5) });
		const binary = Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`f${n}`, binaryOf(bytes(png))]));
		const five = await runNode(score({ inputField: '*', options }, { items: [itemWith(binary)] }));
		expect(five.status).toBe('success');
		const large = [itemWith({ data: binaryOf(ofSize(5_500_000)) })];
		expect((await runNode(score({ options }, { items: large }))).status).toBe('success');
		expect(ledger().submits).toHaveLength(2);
	});

	test('beyond them the same words are told', async () => {
		const { message } = await refused({ data: binaryOf(ofSize(5_500_001)) }, { options });
		expect(message).toBe('Image 1 is 5.6 MB; the limit is 5.5 MB');
	});

	test.each([
		[{ maxImages: 17 }, "'Max Images' must be between 1 and 16, not 17."],
		[{ maxImageMb: 51 }, "'Max Image Size (MB)' must be between 0.1 and 50, not 51."],
	])('%j is more than any worker takes', async (wrong, text) => {
		const { message } = await refused({ data: binaryOf(bytes(png)) }, { options: wrong });
		expect(message).toBe(text);
	});
});
