/** Pictures behind links, fetched by the node inside n8n's own engine from a real server. */
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { bytesOf, runNode } from '../node/harness.mts';
import { generate, ledger, usePlatform, workerDoes } from '../node/platform.mts';

usePlatform();

const png = Buffer.from(
	'iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAIAAAA2iEnWAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg==',
	'base64',
);
let server: Server;
let base: string;
const seen: Array<{ url: string; authorization?: string }> = [];

beforeAll(async () => {
	server = createServer((request, response) => {
		seen.push({ url: request.url ?? '', authorization: request.headers.authorization });
		if (request.url === '/picture') {
			// A type and a name that are both wrong: the bytes decide.
			response.writeHead(200, { 'content-type': 'text/plain', 'content-length': png.length });
			response.end(png);
		} else if (request.url === '/moved') response.writeHead(302, { location: '/picture' }).end();
		else if (request.url === '/round') response.writeHead(302, { location: '/round' }).end();
		else if (request.url === '/file')
			response.writeHead(302, { location: 'file:///etc/passwd' }).end();
		else if (request.url === '/elsewhere')
			response.writeHead(302, { location: 'http://localhost:1/picture' }).end();
		else if (request.url === '/page') response.end('<html>expired</html>');
		else if (request.url === '/empty') response.end();
		else if (request.url === '/cut') {
			response.writeHead(200, { 'content-length': 5000 });
			response.write(png, () => request.socket.destroy());
		} else response.writeHead(403).end('expired');
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

const runWithLink = async (path: string) => {
	workerDoes({ output: { route: 'create', image: `${base}${path}`, metadata: {}, meta: {} } });
	return await runNode(generate());
};

test.each(['/picture', '/moved'])(
	'the picture at %s arrives whole, without the key',
	async (path) => {
		const { status, items } = await runWithLink(path);
		expect(status).toBe('success');
		expect(items[0].json.files).toEqual([
			{
				field: 'data',
				fileName: 'a red fox in the snow.png',
				mimeType: 'image/png',
				bytes: png.length,
				width: 2,
				height: 3,
				url: `${base}${path}`,
			},
		]);
		expect(await bytesOf(items[0].binary!.data)).toEqual(png);
		expect(seen.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
	},
);

test.each([
	['/round', 'redirected more than 3 times'],
	['/file', 'no address of the web'],
	['/elsewhere', "a host that the job's reply does not name"],
	['/page', 'a file of another kind'],
	['/empty', 'a file of another kind'],
	['/gone', 'HTTP 403'],
	['/cut', 'could not be stored'],
])('the link %s is a failure that names the job', async (path, text) => {
	const { status, error } = await runWithLink(path);
	expect(status).toBe('error');
	expect(error!.message).toContain(text);
	expect(`${error!.message} ${error!.description}`).toContain(ledger().submits[0].jobId);
});
