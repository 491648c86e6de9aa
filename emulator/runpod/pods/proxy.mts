/**
 * RunPod's proxy before the ports of Pods, with its traps: 404 for what is not there, 502 until the
 * application listens, a placeholder page that looks ready, 524 after 100 s. Reached as
 * `{url}/_pods/{pod}-{port}/...`, or by the host name `{pod}-{port}.proxy.runpod.net`.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sleep } from '../../control/clock.mts';
import type { Emulator } from '../../emulator.mts';
import { answerOf } from './app.mts';
import { portsOf, type Pod } from './pod.mts';

const HOST = /^([a-z0-9]+-\d{1,5})\.proxy\.runpod\.net(:\d+)?$/;
const PROXY_LIMIT_MS = 100_000;
const PLACEHOLDER = '<!doctype html><title>Starting</title><p>Your Pod is starting.</p>';

/** The path of a request that came by the name of a Pod. */
export function podPath(host: string | undefined, url: string): string {
	const target = HOST.exec(host ?? '')?.[1];
	return target === undefined ? url : `/_pods/${target}${url}`;
}

export function proxyRoutes(app: FastifyInstance, emulator: Emulator): void {
	const handler = async (request: FastifyRequest, reply: FastifyReply) => {
		const { target, '*': rest = '' } = request.params as { target: string; '*'?: string };
		const [id, port] = target.split('-');
		const { pathname, search } = new URL(`http://pod/${rest}`);
		const call = {
			at: emulator.clock.now(),
			pod: id,
			port: Number(port),
			method: request.method,
			path: pathname,
			headers: request.headers,
			status: 0,
		};
		emulator.ledger.podCalls.push(call);
		reply.raw.once('finish', () => (call.status = reply.raw.statusCode));
		const pod = emulator.fleet.find(id);
		if (pod === undefined || !portsOf(pod, 'http').includes(call.port))
			return reply.code(404).type('text/plain').send('404 page not found');
		const query = request.url.includes('?') ? request.url.slice(request.url.indexOf('?')) : search;
		if (pod.script.process !== undefined)
			return forward(emulator, pod, call.port, request, reply, `${pathname}${query}`);
		return await play(emulator, pod, request, reply, pathname);
	};
	app.all('/_pods/:target', handler);
	app.all('/_pods/:target/*', handler);
}

const badGateway = (reply: FastifyReply) =>
	reply.code(502).type('text/html').send('<html><body>502 Bad Gateway</body></html>');

async function play(
	emulator: Emulator,
	pod: Pod,
	request: FastifyRequest,
	reply: FastifyReply,
	path: string,
): Promise<FastifyReply> {
	const { readyMs, placeholderMs } = pod.script.app;
	const now = emulator.clock.now();
	if (pod.status !== 'RUNNING' || pod.runningAt === undefined) return badGateway(reply);
	const age = now - pod.runningAt;
	if (age < readyMs) return badGateway(reply);
	if (age < readyMs + placeholderMs) return reply.type('text/html').send(PLACEHOLDER);
	const answer = answerOf(pod, path, request.headers.authorization, now);
	if (answer.delayMs > 0) await sleep(emulator.clock, Math.min(answer.delayMs, PROXY_LIMIT_MS));
	if (answer.delayMs > PROXY_LIMIT_MS)
		return reply.code(524).type('text/plain').send('error code: 524');
	void reply.code(answer.status).headers(answer.headers ?? { 'content-type': 'application/json' });
	return reply.send(
		typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? {}),
	);
}

/** To the process of the Pod; only its first HTTP port is there. The reply is sent when it comes. */
function forward(
	emulator: Emulator,
	pod: Pod,
	port: number,
	request: FastifyRequest,
	reply: FastifyReply,
	path: string,
): FastifyReply {
	const local = emulator.fleet.portOf(pod);
	if (pod.status !== 'RUNNING' || local === undefined || port !== portsOf(pod, 'http')[0])
		return badGateway(reply);
	const { host: _, connection: __, ...headers } = request.headers;
	const outgoing = httpRequest(
		{ host: '127.0.0.1', port: local, method: request.method, path, headers },
		(incoming: IncomingMessage) => {
			clearTimeout(limit);
			const { connection: ___, 'transfer-encoding': ____, ...received } = incoming.headers;
			void reply
				.code(incoming.statusCode ?? 502)
				.headers(received)
				.send(incoming);
		},
	);
	const limit = setTimeout(() => {
		void reply.code(524).type('text/plain').send('error code: 524');
		outgoing.destroy();
	}, PROXY_LIMIT_MS);
	limit.unref();
	outgoing.once('error', () => {
		clearTimeout(limit);
		if (!reply.sent) badGateway(reply);
	});
	reply.raw.once('close', () => outgoing.destroy());
	outgoing.end(Buffer.isBuffer(request.body) ? request.body : undefined);
	return reply;
}
