/** A server that answers what a test says, for hosts that are not the emulated platform. */
import type { IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Seen {
	method: string;
	path: string;
	headers: IncomingHttpHeaders;
}

export interface Stub {
	url: string;
	seen: Seen[];
	close: () => Promise<void>;
}

interface Answer {
	status?: number;
	/** JSON, or with `bytes` a file. */
	body?: unknown;
	bytes?: Buffer;
	headers?: Record<string, string>;
}

export async function startStub(answer: (seen: Seen) => Answer): Promise<Stub> {
	const seen: Seen[] = [];
	const server = createServer((request, response) => {
		const { method = '', url = '', headers } = request;
		const call = { method, path: url, headers };
		seen.push(call);
		request.resume();
		const { status = 200, body = {}, bytes, headers: more } = answer(call);
		const contentType = bytes ? 'application/octet-stream' : 'application/json';
		response.writeHead(status, { 'content-type': contentType, ...more });
		response.end(bytes ?? JSON.stringify(body));
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const { port } = server.address() as AddressInfo;
	const close = async () => {
		server.closeAllConnections();
		await new Promise((resolve) => server.close(resolve));
	};
	return { url: `http://127.0.0.1:${port}`, seen, close };
}
