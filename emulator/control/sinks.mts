/** Sinks: addresses that take any call, answer as told, and write down what they were sent. */
import { Readable } from 'node:stream';
import { z } from 'zod';

export const sinkSettings = z
	.object({
		name: z.string().regex(/^[A-Za-z0-9._-]+$/),
		status: z.number().int().min(200).max(599).default(200),
		contentType: z.string().default('application/json'),
		/** The body as text, or as base64 for bytes. */
		body: z.string().default('{}'),
		bodyBase64: z.string().optional(),
		/** Bytes in all: the body is filled up with zeros while it is sent, for very large results. */
		sizeBytes: z.number().int().min(0).optional(),
		/** The connection breaks after so many bytes. */
		cutAfterBytes: z.number().int().min(0).optional(),
		/** False: no Content-Length. */
		tellLength: z.boolean().default(true),
		/** E.g. `location` for a redirect. */
		headers: z.record(z.string(), z.string()).default({}),
		delayMs: z.number().int().min(0).default(0),
		/** Failures (500) before the answer above. */
		failFirst: z.number().int().min(0).default(0),
	})
	.strict();
export type SinkOptions = z.input<typeof sinkSettings>;
type Sink = z.infer<typeof sinkSettings>;

export interface SinkAnswer {
	status: number;
	headers: Record<string, string>;
	body: Readable;
	delayMs: number;
}

const BLOCK = Buffer.alloc(64 * 1024);

export class Sinks {
	private sinks = new Map<string, Sink>();

	set(options: SinkOptions): void {
		const sink = sinkSettings.parse(options);
		this.sinks.set(sink.name, sink);
	}

	clear(): void {
		this.sinks.clear();
	}

	/** The answer to one call; sinks that nobody described answer 200 with {}. */
	answer(name: string): SinkAnswer {
		const sink = this.sinks.get(name) ?? sinkSettings.parse({ name });
		const { status, delayMs } = sink;
		if (sink.failFirst > 0) {
			sink.failFirst -= 1;
			const headers = { 'content-type': 'text/plain' };
			return { status: 500, headers, body: Readable.from(['told to fail']), delayMs };
		}
		const start = Buffer.from(
			sink.bodyBase64 ?? sink.body,
			sink.bodyBase64 === undefined ? 'utf8' : 'base64',
		);
		const length = sink.sizeBytes ?? start.length;
		const headers: Record<string, string> = { 'content-type': sink.contentType, ...sink.headers };
		if (sink.tellLength) headers['content-length'] = String(length);
		return {
			status,
			headers,
			body: Readable.from(bytes(start, length, sink.cutAfterBytes)),
			delayMs,
		};
	}
}

/** The body in blocks; throws in its middle when it is to be cut, which breaks the connection. */
function* bytes(start: Buffer, length: number, cutAfter = Infinity): Generator<Buffer> {
	const end = Math.min(length, cutAfter);
	let sent = 0;
	while (sent < end) {
		const rest = sent < start.length ? start.subarray(sent) : BLOCK;
		const block = rest.subarray(0, Math.min(rest.length, end - sent));
		sent += block.length;
		yield block;
	}
	if (cutAfter < length) throw new Error('told to break off');
}
