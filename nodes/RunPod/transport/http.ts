import type { IExecuteFunctions, IHttpRequestOptions, ILoadOptionsFunctions } from 'n8n-workflow';
import { sleep } from 'n8n-workflow';

import type { Reply } from '../core/reply';
import { readRetryAfter } from '../core/retry';
import { isRecord } from '../core/state';

/** The only place that uses n8n's HTTP functions. No error text here can contain a key. */

export type HttpContext = IExecuteFunctions | ILoadOptionsFunctions;

export type CredentialName = 'runPodApi' | 'runPodStorageApi' | 'runPodWorkerApi';

export interface Call {
	method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
	url: string;
	/** A value that goes out as JSON, or the bytes of a file. */
	body?: object;
	headers?: Record<string, string>;
	timeoutMs: number;
	/**
	 * Whether the call goes on when the execution is stopped. A submit must: its answer names the
	 * job that has to be cancelled. A cancel must: n8n fails every other call after a stop.
	 */
	outlivesStop?: boolean;
}

const NEVER_SENT: ReadonlyMap<string, string> = new Map([
	['ECONNREFUSED', 'the connection was refused'],
	['ENOTFOUND', 'the host name is not known'],
	['EAI_AGAIN', 'the host name could not be looked up'],
	['EHOSTUNREACH', 'the host cannot be reached'],
	['ENETUNREACH', 'the network cannot be reached'],
	['EADDRNOTAVAIL', 'the address cannot be reached'],
	['ETIMEDOUT', 'the connection was not accepted in time'],
	['CERT_HAS_EXPIRED', 'the certificate of the server has expired'],
	['DEPTH_ZERO_SELF_SIGNED_CERT', 'the certificate of the server is self-signed'],
	['SELF_SIGNED_CERT_IN_CHAIN', 'the certificate of the server is self-signed'],
	['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'the certificate of the server cannot be verified'],
	['ERR_TLS_CERT_ALTNAME_INVALID', 'the certificate belongs to another host'],
]);

/** These can also come from a connection that had been made: then the request may have arrived. */
const WHILE_CONNECTING: ReadonlySet<string> = new Set([
	'EHOSTUNREACH',
	'ENETUNREACH',
	'EADDRNOTAVAIL',
	'ETIMEDOUT',
]);

/** Walks from n8n's error to the one that names the reason. */
function* causes(error: unknown): Generator<Record<string, unknown>> {
	let current = error;
	for (let depth = 0; depth < 5 && typeof current === 'object' && current !== null; depth += 1) {
		yield current as Record<string, unknown>;
		current = (current as { cause?: unknown }).cause;
	}
}

/** Whether no connection was made; of a host with several addresses, to none of them. */
function wasConnecting(chain: Array<Record<string, unknown>>): boolean {
	return chain.some(({ syscall, errors }) => {
		const tried = Array.isArray(errors) ? errors.filter(isRecord) : [];
		return (
			syscall === 'connect' || (tried.length > 0 && tried.every((one) => one.syscall === 'connect'))
		);
	});
}

/** Turns a thrown error into a word. What is not known for sure counts as `cut`: maybe it arrived. */
export function classify(error: unknown, timeoutMs: number): Reply {
	let wasHttp = false;
	const chain = [...causes(error)];
	const isConnecting = wasConnecting(chain);
	for (const cause of chain) {
		const code = typeof cause.code === 'string' ? cause.code : '';
		const text = typeof cause.message === 'string' ? cause.message : '';
		if (cause.isAxiosError === true) wasHttp = true;
		if (code === 'ERR_CANCELED') return { kind: 'aborted', detail: 'the execution was stopped' };
		const neverSent = NEVER_SENT.get(code);
		if (neverSent !== undefined && (isConnecting || !WHILE_CONNECTING.has(code)))
			return { kind: 'refused', detail: neverSent };
		if (code === 'ETIMEDOUT' || (code === 'ECONNABORTED' && text.startsWith('timeout'))) {
			return { kind: 'timeout', detail: `no answer within ${Math.round(timeoutMs / 1000)} s` };
		}
	}
	if (wasHttp) return { kind: 'cut', detail: 'the connection was cut' };
	// n8n refused before anything left it, e.g. a host that the credential does not allow.
	const text = error instanceof Error ? error.message : '';
	return { kind: 'local', detail: text === '' ? 'n8n could not send the request' : text };
}

interface FullResponse {
	statusCode: number;
	headers: Record<string, unknown>;
	body: unknown;
}

const isFullResponse = (value: unknown): value is FullResponse =>
	isRecord(value) && typeof value.statusCode === 'number';

/** Hides the execution's cancel signal, which n8n would put into every request. */
function quiet<C extends HttpContext>(context: C): C {
	return Object.create(context, { getExecutionCancelSignal: { value: () => undefined } }) as C;
}

/**
 * Sends one request with the credential's authentication, or without one. Never throws for what the
 * network does.
 */
export async function send(
	context: HttpContext,
	credential: CredentialName | undefined,
	call: Call,
): Promise<Reply> {
	// A fresh object each time: n8n writes its signal and the key into it.
	const options: IHttpRequestOptions = {
		method: call.method,
		url: call.url,
		timeout: call.timeoutMs,
		json: !Buffer.isBuffer(call.body),
		returnFullResponse: true,
		ignoreHttpStatusErrors: true,
		// A redirect would carry the key to an address that nobody checked.
		disableFollowRedirect: true,
	};
	if (call.body !== undefined) options.body = call.body;
	if (call.headers !== undefined) options.headers = { ...call.headers };
	const self = call.outlivesStop ? quiet(context) : context;
	try {
		const { httpRequest, httpRequestWithAuthentication } = context.helpers;
		const response: unknown =
			credential === undefined
				? await httpRequest(options)
				: await httpRequestWithAuthentication.call(self, credential, options);
		return toReply(response);
	} catch (error) {
		return classify(error, call.timeoutMs);
	}
}

function toReply(response: unknown): Reply {
	if (!isFullResponse(response)) return { kind: 'cut', detail: 'the answer could not be read' };
	const { statusCode: status, headers, body } = response;
	if (status >= 200 && status < 300) return { kind: 'ok', status, body };
	return {
		kind: 'http',
		status,
		body,
		retryAfterMs: readRetryAfter(headers['retry-after'], Date.now()),
	};
}

/** A file behind a link, as a stream that the caller has to use up or destroy. */
export interface Download {
	stream: NodeJS.ReadableStream & { destroy(): void; unshift(chunk: Buffer): void };
	/** Bytes, where the server says so. */
	length?: number;
}

/** What came instead of a file. */
export type NoDownload = { redirect: string } | Exclude<Reply, { kind: 'ok' }>;

/** Opens a file behind a link; a credential goes along only where the address is its own. */
export async function download(
	context: HttpContext,
	url: string,
	timeoutMs: number,
	credential?: CredentialName,
): Promise<Download | NoDownload> {
	const options: IHttpRequestOptions = {
		method: 'GET',
		url,
		timeout: timeoutMs,
		encoding: 'stream',
		returnFullResponse: true,
		ignoreHttpStatusErrors: true,
		// The caller looks at each address before it goes there.
		disableFollowRedirect: true,
		abortSignal:
			'getExecutionCancelSignal' in context ? context.getExecutionCancelSignal() : undefined,
	};
	try {
		const { httpRequest, httpRequestWithAuthentication } = context.helpers;
		const response: unknown =
			credential === undefined
				? await httpRequest(options)
				: await httpRequestWithAuthentication.call(context, credential, options);
		if (!isFullResponse(response)) return { kind: 'cut', detail: 'the answer could not be read' };
		const stream = response.body as Download['stream'];
		if (response.statusCode < 200 || response.statusCode > 299) {
			// An unread stream would keep its connection open.
			stream.destroy();
			const { location } = response.headers;
			if (response.statusCode < 400 && typeof location === 'string') {
				return { redirect: new URL(location, url).href };
			}
			return { kind: 'http', status: response.statusCode, body: undefined };
		}
		const length = Number(response.headers['content-length']);
		return { stream, length: Number.isFinite(length) ? length : undefined };
	} catch (error) {
		const reply = classify(error, timeoutMs);
		return reply.kind === 'ok' ? { kind: 'cut', detail: 'the answer could not be read' } : reply;
	}
}

/** A stream that was silent for so long has told what it had. */
const SILENCE_MS = 500;
const FIRST_WORD_MS = 2000;
const LONGEST_TEXT = 256 * 1024;

/**
 * What a stream without an end tells at first: server-sent events stay open for ever. Undefined
 * where nothing came.
 */
export async function readStream(
	context: HttpContext,
	credential: CredentialName,
	url: string,
	timeoutMs: number,
): Promise<string | undefined> {
	try {
		const response: unknown = await context.helpers.httpRequestWithAuthentication.call(
			context,
			credential,
			{
				method: 'GET',
				url,
				timeout: timeoutMs,
				headers: { accept: 'text/event-stream' },
				encoding: 'stream',
				returnFullResponse: true,
				ignoreHttpStatusErrors: true,
				disableFollowRedirect: true,
			},
		);
		if (!isFullResponse(response)) return undefined;
		const stream = response.body as Download['stream'];
		if (response.statusCode !== 200) {
			stream.destroy();
			return undefined;
		}
		return await collectText(stream, timeoutMs);
	} catch {
		return undefined;
	}
}

async function collectText(stream: Download['stream'], timeoutMs: number): Promise<string> {
	const chunks: Buffer[] = [];
	let bytes = 0;
	let isOver = false;
	const over = () => (isOver = true);
	stream.on('data', (chunk: Buffer) => {
		chunks.push(chunk);
		bytes += chunk.length;
	});
	stream.once('end', over);
	stream.on('error', over);
	const deadline = Date.now() + timeoutMs;
	let silentMs = 0;
	for (let seen = 0; !isOver && bytes < LONGEST_TEXT && Date.now() < deadline; ) {
		await sleep(50);
		silentMs = bytes === seen ? silentMs + 50 : 0;
		seen = bytes;
		if (silentMs >= (bytes > 0 ? SILENCE_MS : FIRST_WORD_MS)) break;
	}
	stream.destroy();
	return Buffer.concat(chunks).toString('utf8');
}
