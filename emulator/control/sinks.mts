/** Sinks: addresses that take any call, answer as told, and write down what they were sent. */
import { z } from 'zod';

export const sinkSettings = z
	.object({
		name: z.string().regex(/^[A-Za-z0-9._-]+$/),
		status: z.number().int().min(200).max(599).default(200),
		contentType: z.string().default('application/json'),
		/** The body as text, or as base64 for bytes. */
		body: z.string().default('{}'),
		bodyBase64: z.string().optional(),
		headers: z.record(z.string(), z.string()).default({}),
		/** Failures (500) before the answer above. */
		failFirst: z.number().int().min(0).default(0),
	})
	.strict();
export type SinkOptions = z.input<typeof sinkSettings>;

export class Sinks {
	private sinks = new Map<string, z.infer<typeof sinkSettings>>();

	set(options: SinkOptions): void {
		const sink = sinkSettings.parse(options);
		this.sinks.set(sink.name, sink);
	}

	clear(): void {
		this.sinks.clear();
	}

	/** The answer to one call; sinks that nobody described answer 200 with {}. */
	answer(name: string): { status: number; headers: Record<string, string>; body: Buffer } {
		const sink = this.sinks.get(name) ?? sinkSettings.parse({ name });
		if (sink.failFirst > 0) {
			sink.failFirst -= 1;
			return {
				status: 500,
				headers: { 'content-type': 'text/plain' },
				body: Buffer.from('told to fail'),
			};
		}
		return {
			status: sink.status,
			headers: { 'content-type': sink.contentType, ...sink.headers },
			body:
				sink.bodyBase64 === undefined
					? Buffer.from(sink.body)
					: Buffer.from(sink.bodyBase64, 'base64'),
		};
	}
}
