import { randomBytes } from 'node:crypto';

import { sleep } from 'n8n-workflow';
import type { IExecuteFunctions } from 'n8n-workflow';

import {
	addressOf,
	bucketOf,
	hasTimedLinks,
	isReachedFrom,
	keyIn,
	linkOf,
	newKey,
	s3ConfigOf,
	saidBy,
	timedLink,
} from '../core/bucket';
import type { S3Config } from '../core/bucket';
import { JobFailure, failureOf } from '../core/failure';
import { describeReply, isPassing } from '../core/reply';
import type { Reply } from '../core/reply';
import { pauseBefore } from '../core/retry';
import { download, send } from './http';
import type { Download, NoDownload } from './http';

/** The bucket of the storage credential. Its secret does not leave this file but in `s3Config`. */
export interface Storage {
	/** For the job: the worker then puts large results there itself. */
	readonly s3Config: S3Config;
	/** Whether links without a key exist; a RunPod network volume knows none. */
	readonly hasTimedLinks: boolean;
	/** Whether files have an address that everybody can read. */
	readonly isPublic: boolean;
	/** Whether what runs at an address can reach the bucket. */
	isReachedFrom(address: string): boolean;
	/** Stores a file under a new name, which it returns. Throws UPLOAD_FAILED. */
	put(file: NewFile): Promise<string>;
	/** The link that is handed on; null where none opens without a key. */
	linkOf(key: string): string | null;
	/** What the worker fetches a file by: a link for so many seconds, or an address for its key. */
	workerLink(key: string, seconds: number): string;
	/** The name of a file of this bucket that a link leads to. */
	keyIn(link: string): string | undefined;
	/** Opens a file with the key. */
	open(key: string): Promise<Download | NoDownload>;
	/** Removes a file, as well as it can: what stays costs a little space. */
	remove(key: string): Promise<void>;
}

export interface NewFile {
	folder: string;
	/** Without its extension. */
	name: string;
	extension: string;
	mimeType: string;
	bytes: Buffer;
}

const ATTEMPTS = 4;
/** A stopped execution waits for the tidying up a short time only. */
const REMOVE_TIMEOUT_MS = 5000;

/** Reads the credential. Throws INVALID_INPUT, which names the field. */
export async function openStorage(context: IExecuteFunctions, timeoutMs: number): Promise<Storage> {
	const bucket = bucketOf(await context.getCredentials('runPodStorageApi'));
	return {
		s3Config: s3ConfigOf(bucket),
		hasTimedLinks: hasTimedLinks(bucket),
		isPublic: bucket.publicUrl !== undefined,
		isReachedFrom: (address) => isReachedFrom(bucket, address),
		linkOf: (key) =>
			bucket.publicUrl === undefined && !hasTimedLinks(bucket)
				? null
				: linkOf(bucket, key, Date.now()),
		workerLink: (key, seconds) =>
			hasTimedLinks(bucket)
				? timedLink(bucket, key, seconds, Date.now())
				: addressOf(bucket, key),
		keyIn: (link) => keyIn(bucket, link),
		put: async ({ folder, name, extension, mimeType, bytes }) => {
			const key = newKey(bucket, folder, name, extension, randomBytes(6).toString('hex'));
			await put(context, addressOf(bucket, key), bytes, mimeType, timeoutMs);
			return key;
		},
		open: async (key) =>
			await download(context, addressOf(bucket, key), timeoutMs, 'runPodStorageApi'),
		remove: async (key) => {
			await send(context, 'runPodStorageApi', {
				method: 'DELETE',
				url: addressOf(bucket, key),
				timeoutMs: REMOVE_TIMEOUT_MS,
				outlivesStop: true,
			});
		},
	};
}

/** The name is new, so a repeated request can overwrite nothing but itself. */
async function put(
	context: IExecuteFunctions,
	url: string,
	body: Buffer,
	mimeType: string,
	timeoutMs: number,
): Promise<void> {
	for (let attempt = 1; ; attempt += 1) {
		const headers = { 'content-type': mimeType };
		const reply = await send(context, 'runPodStorageApi', {
			method: 'PUT',
			url,
			body,
			headers,
			timeoutMs,
		});
		if (reply.kind === 'ok') return;
		if (attempt === ATTEMPTS || reply.kind === 'aborted' || !isPassing(reply)) throw refused(reply);
		const asked = reply.kind === 'http' ? reply.retryAfterMs : undefined;
		await sleep(pauseBefore(attempt, Math.random(), asked), context.getExecutionCancelSignal());
	}
}

function refused(reply: Exclude<Reply, { kind: 'ok' }>): JobFailure {
	const said = reply.kind === 'http' ? saidBy(reply.body) : undefined;
	const detail = said ?? describeReply(reply);
	const http_status = reply.kind === 'http' ? reply.status : undefined;
	return new JobFailure(failureOf('UPLOAD_FAILED', { detail }, { details: { http_status } }));
}
