/** API keys: who may see which endpoint. */
import { timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

export const keySettings = z
	.object({
		/** What the client sends; RunPod's keys start with rpa_. */
		key: z.string().min(8),
		/** How the ledger calls it, which never shows a key outside the headers. */
		name: z.string().default('key'),
		/** Endpoints the key may see. Absent: all. */
		endpoints: z.array(z.string()).optional(),
		/** False: 403 on every call of the job plane. */
		serverless: z.boolean().default(true),
		/** False: 403 on the management plane, as with a restricted key. */
		management: z.boolean().default(true),
		/** The key that a Pod receives: on the management plane it reaches that Pod alone. */
		pod: z.string().optional(),
	})
	.strict();
export type KeyOptions = z.input<typeof keySettings>;
export type Key = z.infer<typeof keySettings>;

export class Keys {
	private keys: Key[] = [];
	/** Sent raw by workers, without "Bearer". */
	readonly workerKey = 'worker-key-of-the-emulator';

	add(key: KeyOptions): void {
		const parsed = keySettings.parse(key);
		this.keys = this.keys.filter((other) => other.key !== parsed.key).concat(parsed);
	}

	/** Revokes the keys of this name. Assumed: a revoked key is answered like a wrong one. */
	remove(name: string): void {
		this.keys = this.keys.filter((key) => key.name !== name);
	}

	all(): Key[] {
		return this.keys;
	}

	clear(): void {
		this.keys = [];
	}

	/** The key of an Authorization header; 'none' without one, 'wrong' for anything else. */
	find(header: string | undefined): Key | 'none' | 'wrong' {
		if (header === undefined || header === '') return 'none';
		// Assumed: "Bearer" is required. Some public samples leave it out; the documentation does not.
		const sent = /^Bearer (.+)$/.exec(header)?.[1];
		return this.keys.find((key) => sent !== undefined && same(key.key, sent)) ?? 'wrong';
	}

	isWorker(header: string | undefined): boolean {
		return header !== undefined && same(header, this.workerKey);
	}
}

function same(a: string, b: string): boolean {
	return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
