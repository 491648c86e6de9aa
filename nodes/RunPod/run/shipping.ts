import type { IExecuteFunctions } from 'n8n-workflow';

import { deliveryOf, goByLinks } from '../core/carriage';
import type { BucketFacts } from '../core/carriage';
import type { Failure } from '../core/failure';
import type { JobOptions, OutputAs } from '../core/options';
import { buildBody, sizeOf } from '../core/request';
import type { RunBody } from '../core/request';
import { isNewRun } from '../core/run';
import type { FinalAction } from '../core/run';
import { isFinal } from '../core/state';
import type { JobApi } from '../transport/jobs';
import { openStorage } from '../transport/storage';
import type { Storage } from '../transport/storage';
import { fingerprintOf } from './identify';
import type { SourceImage } from './inputs';
import type { PlannedJob } from './planned';
import type { PreparedJob } from './prepared';

/** What goes out with a job: its images and its bucket. Decided early, read late. */

type Shipping = Required<Pick<PlannedJob, 'body' | 'fingerprint' | 'uploads'>> &
	Pick<PlannedJob, 'storage'>;

/** Opens the bucket that the options name, if they name one. Throws INVALID_INPUT. */
export const storageOf = async (
	context: IExecuteFunctions,
	{ hasStorage, requestTimeoutS }: JobOptions,
): Promise<Storage | undefined> =>
	hasStorage ? await openStorage(context, requestTimeoutS * 1000) : undefined;

function factsOf(storage: Storage | undefined, { baseUrl }: JobApi): BucketFacts | undefined {
	if (storage === undefined) return undefined;
	const { hasTimedLinks, isPublic } = storage;
	return { hasTimedLinks, isPublic, isReached: storage.isReachedFrom(baseUrl) };
}

/** The bucket for the result of a job that exists. Throws INVALID_INPUT where its links open nothing. */
export async function storageFor(
	context: IExecuteFunctions,
	output: OutputAs | undefined,
	options: JobOptions,
	api: JobApi,
): Promise<Storage | undefined> {
	const storage = await storageOf(context, options);
	deliveryOf(output, factsOf(storage, api));
	return storage;
}

/**
 * The request of a job on one target. All that can be wrong with it is found here; its images are
 * read, or put into the bucket, when it is made. Throws INVALID_INPUT.
 */
export function shippingOf(
	{ input, images = [], binary, mayAskForLinks }: PreparedJob,
	options: JobOptions,
	api: JobApi,
	storage?: Storage,
): Shipping {
	const bucket = factsOf(storage, api);
	const { sendsBucket, asksForLinks } = deliveryOf(binary.output, bucket);
	const asked = asksForLinks && mayAskForLinks ? { ...input, output: 'url' } : input;
	const body: RunBody = buildBody(asked, options);
	if (sendsBucket) body.s3Config = storage?.s3Config;
	const sizes = images.map(({ bytes }) => bytes);
	const byLinks = goByLinks(sizeOf(body), sizes, options, bucket);
	// A network volume opens its files with the key alone.
	if (byLinks && !storage?.hasTimedLinks) body.s3Config = storage?.s3Config;
	const uploads: string[] = [];
	const make = async (): Promise<RunBody> => {
		if (images.length === 0) return body;
		const carried =
			byLinks && storage ? await upload(images, options, storage, uploads) : await encoded(images);
		return { ...body, input: { ...asked, images: carried } };
	};
	const digests = images.map(({ digest }) => digest);
	return { body: make, fingerprint: fingerprintOf(api.baseUrl, asked, digests), uploads, storage };
}

/** One after the other, so that no more than one is there twice. */
async function encoded(images: SourceImage[]): Promise<string[]> {
	const texts: string[] = [];
	for (const image of images) texts.push((await image.read()).toString('base64'));
	return texts;
}

/** Links that live as long as the job can: RunPod deletes it after its TTL. */
async function upload(
	images: SourceImage[],
	{ ttlS }: JobOptions,
	storage: Storage,
	uploads: string[],
): Promise<string[]> {
	const links: string[] = [];
	try {
		for (const { read, extension, mimeType } of images) {
			const bytes = await read();
			const name = `image-${links.length + 1}`;
			const key = await storage.put({ folder: 'inputs', name, extension, mimeType, bytes });
			uploads.push(key);
			links.push(storage.workerLink(key, ttlS));
		}
	} finally {
		// Without all of them there is no job that could want some.
		if (links.length < images.length) await removeUploads({ storage, uploads });
	}
	return links;
}

/**
 * The request of a job that is to be submitted now. Before the submit is noted: a file that cannot be
 * read any more is no lost submit.
 */
export const bodyOf = async ({ body, first }: PlannedJob): Promise<RunBody | undefined> =>
	isNewRun(first) ? await body?.() : undefined;

/** Takes the images of a finished job out of the bucket, as well as that can be done. */
export async function tidyUp(job: PlannedJob, end: FinalAction): Promise<void> {
	if (end.type === 'succeed' || (end.type === 'fail' && hasEnded(end.failure))) {
		await removeUploads(job);
	}
}

async function removeUploads({
	storage,
	uploads = [],
}: Pick<PlannedJob, 'storage' | 'uploads'>): Promise<void> {
	await Promise.all(uploads.splice(0).map(async (key) => await storage?.remove(key)));
}

/** Whether nothing can read the images any more: what may still run keeps them. */
function hasEnded({ details }: Failure): boolean {
	if (details.outcome === 'unknown') return false;
	const { job_id: jobId, remote_job: remote, status } = details;
	return jobId === null || isFinal(String(status)) || remote === 'done' || remote === 'gone';
}
