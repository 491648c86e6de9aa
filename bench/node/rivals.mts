/**
 * The two usual ways, re-created as strategies: what is sent and when, without the editor around it.
 * `pause` is their fixed 5 seconds, on the bench's time scale.
 */
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { setTimeout as pause } from 'node:timers/promises';
import type { Platform } from './engine.mts';

const FINAL = new Set(['COMPLETED', 'FAILED', 'CANCELLED', 'TIMED_OUT']);

type Job = { id: string; status: string; output?: { image?: string } };

function api({ url, key, endpoint }: Platform) {
	const call = async (path: string, init: RequestInit = {}): Promise<Job> => {
		const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
		const response = await fetch(`${url}/v2/${endpoint}/${path}`, { ...init, headers });
		return (await response.json()) as Job;
	};
	return {
		submit: async (input: unknown) =>
			await call('run', { method: 'POST', body: JSON.stringify({ input }) }),
		read: async (id: string) => await call(`status/${id}`),
	};
}

/** HTTP Request submits all items, Wait waits, HTTP Request reads all that are not finished, If loops. */
export async function httpRequestWait(platform: Platform, inputs: unknown[], waitMs: number) {
	const { submit, read } = api(platform);
	let open = await Promise.all(inputs.map(submit));
	const done: Job[] = [];
	while (open.length > 0) {
		await pause(waitMs);
		const seen = await Promise.all(open.map(async ({ id }) => await read(id)));
		done.push(...seen.filter(({ status }) => FINAL.has(status)));
		open = seen.filter(({ status }) => !FINAL.has(status));
	}
	return done;
}

/** One item after the other: submit, then look every few seconds. */
export async function sequential(platform: Platform, inputs: unknown[], waitMs: number) {
	const { submit, read } = api(platform);
	const done: Job[] = [];
	for (const input of inputs) {
		let job = await submit(input);
		while (!FINAL.has(job.status)) {
			await pause(waitMs);
			job = await read(job.id);
		}
		done.push(job);
	}
	return done;
}

/** The HTTP Request node writes a file to n8n's store while it comes. */
export async function fetchStreamed(link: string): Promise<void> {
	const file = join(tmpdir(), `runpod-studio-bench-${process.pid}`);
	const { body } = await fetch(link);
	await pipeline(Readable.fromWeb(body as ReadableStream), createWriteStream(file));
	await rm(file);
}

/** Other packages take the whole file into memory and hand it on. */
export async function fetchWhole(link: string): Promise<number> {
	const bytes = Buffer.from(await (await fetch(link)).arrayBuffer());
	return bytes.length;
}
