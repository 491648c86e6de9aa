import type { IBinaryData, IExecuteFunctions } from 'n8n-workflow';

import { JobFailure, failureOf } from '../core/failure';
import { linkRefusal } from '../core/links';
import type { OutputAs } from '../core/options';
import { HEAD_BYTES, isWhole, kindByName, readPicture } from '../core/picture';
import type { Picture } from '../core/picture';
import { describeReply } from '../core/reply';
import { formOf } from '../core/result';
import type { Source } from '../core/result';
import { download } from '../transport/http';
import type { Download, NoDownload } from '../transport/http';
import type { JobApi } from '../transport/jobs';
import type { Storage } from '../transport/storage';

/** Brings one picture of a result to where it is wanted: n8n's binary store, a bucket, or both. */

export interface Place {
	jobId: string;
	/** Whose job it is: a link to a private host is followed only from a private one. */
	api: JobApi;
	/** File name without extension. */
	name: string;
	/** Counts from 1, for messages. */
	number: number;
	timeoutMs: number;
	/** Hosts that the job's reply names in links: no redirect leads elsewhere. */
	namedHosts: ReadonlySet<string>;
	output: OutputAs;
	storage?: Storage;
}

export interface Stored {
	/** Missing where only a link was wanted. */
	binary?: IBinaryData;
	fileName: string;
	mimeType: string;
	width: number | null;
	height: number | null;
	bytes: number | null;
	url: string | null;
}

const DATA_URL = /^data:[^,]{0,200};base64,/i;

export async function storePicture(
	context: IExecuteFunctions,
	source: Source,
	place: Place,
): Promise<Stored> {
	const { data } = source;
	switch (formOf(data)) {
		case 'link':
			return await fromLink(context, data, place);
		case 'path':
			return await fromPath(context, data, place);
		case 'inline': {
			// By its prefix: a pattern over the whole text would overflow the stack with a large picture.
			const prefix = DATA_URL.exec(data.slice(0, 300))?.[0] ?? '';
			return await fromBytes(context, Buffer.from(data.slice(prefix.length), 'base64'), place);
		}
	}
}

const nameOf = (place: Place, picture: { extension: string }): string =>
	`${place.name}.${picture.extension}`;

async function fromBytes(context: IExecuteFunctions, bytes: Buffer, place: Place): Promise<Stored> {
	const picture = readPicture(bytes.subarray(0, HEAD_BYTES));
	if (picture === undefined)
		throw notAPicture(place, `it has ${bytes.length} bytes of another kind`);
	if (!isWhole(bytes, picture))
		throw notAPicture(place, `its end is missing, after ${bytes.length} bytes`);
	const fileName = nameOf(place, picture);
	const url = place.output === 'binary' ? null : await linkTo(bytes, picture, place);
	const binary =
		place.output === 'url'
			? undefined
			: await context.helpers.prepareBinaryData(bytes, fileName, picture.mimeType);
	return { ...described(fileName, picture), binary, bytes: bytes.length, url };
}

const described = (fileName: string, { mimeType, width, height }: Picture) => ({
	fileName,
	mimeType,
	width,
	height,
});

/** Puts a picture that came as bytes into the bucket. */
async function linkTo(bytes: Buffer, picture: Picture, place: Place): Promise<string | null> {
	const { storage, jobId, name } = place;
	if (storage === undefined) throw noStorage(place);
	try {
		const { extension, mimeType } = picture;
		return storage.linkOf(await storage.put({ folder: jobId, name, extension, mimeType, bytes }));
	} catch (thrown) {
		throw thrown instanceof JobFailure ? ofFinishedJob(thrown, place) : thrown;
	}
}

const MOST_REDIRECTS = 3;

async function fromLink(context: IExecuteFunctions, link: string, place: Place): Promise<Stored> {
	const { storage, output } = place;
	const key = storage?.keyIn(link);
	// The worker signs for as long as it likes; the credential says how long a link is good for.
	const url = storage && key !== undefined ? storage.linkOf(key) : link;
	if (output === 'url') return linkOnly(url, link, place);
	if (storage === undefined || key === undefined) {
		return await fromAddress(context, link, url, place);
	}
	return await fromOpened(context, await storage.open(key), url, place);
}

/** A link is handed on unopened: its name tells the kind, and nothing its size. */
function linkOnly(url: string | null, link: string, place: Place): Stored {
	const { mimeType, extension } = kindByName(link);
	const fileName = extension === '' ? place.name : nameOf(place, { extension });
	return { fileName, mimeType, width: null, height: null, bytes: null, url };
}

/** A path on the server that made it; the credential opens it, and only there. */
async function fromPath(context: IExecuteFunctions, path: string, place: Place): Promise<Stored> {
	const { openFile } = place.api;
	if (openFile === undefined) {
		throw notAPicture(place, `it is the path '${path}' on the worker, which no endpoint serves`);
	}
	const opened = await openFile(path);
	if (place.output === 'binary') return await fromOpened(context, opened, null, place);
	if (!('stream' in opened)) throw lostLink(place, wordsFor(opened));
	const chunks: Buffer[] = [];
	for await (const chunk of opened.stream) chunks.push(Buffer.from(chunk));
	return await fromBytes(context, Buffer.concat(chunks), place);
}

const wordsFor = (opened: NoDownload): string =>
	'kind' in opened ? describeReply(opened) : 'the worker sends it on to another address';

async function fromAddress(
	context: IExecuteFunctions,
	link: string,
	url: string | null,
	place: Place,
): Promise<Stored> {
	let address = link;
	for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
		const refusal = linkRefusal({
			target: address,
			link,
			named: place.namedHosts,
			baseUrl: place.api.baseUrl,
		});
		if (refusal !== undefined) throw notAPicture(place, refusal);
		const opened = await download(context, address, place.timeoutMs);
		if (!('redirect' in opened)) return await fromOpened(context, opened, url, place);
		address = opened.redirect;
	}
	throw lostLink(place, `its link was redirected more than ${MOST_REDIRECTS} times`);
}

async function fromOpened(
	context: IExecuteFunctions,
	opened: Download | NoDownload,
	url: string | null,
	place: Place,
): Promise<Stored> {
	if (!('stream' in opened)) throw lostLink(place, wordsFor(opened));
	try {
		return await fromStream(context, opened, url, place);
	} finally {
		opened.stream.destroy();
	}
}

async function fromStream(
	context: IExecuteFunctions,
	opened: Download,
	url: string | null,
	place: Place,
): Promise<Stored> {
	const head = await firstBytes(opened.stream);
	const picture = readPicture(head);
	if (picture === undefined) throw notAPicture(place, 'its link leads to a file of another kind');
	const fileName = nameOf(place, picture);
	// The stream is not read into memory: n8n pipes it into its store.
	const binary = await context.helpers.prepareBinaryData(
		opened.stream as Parameters<typeof context.helpers.prepareBinaryData>[0],
		fileName,
		picture.mimeType,
	);
	const bytes = binary.bytes ?? opened.length ?? null;
	if (opened.length !== undefined && binary.bytes !== undefined && binary.bytes !== opened.length) {
		throw lostLink(place, `${binary.bytes} of ${opened.length} bytes came`);
	}
	return { ...described(fileName, picture), binary, bytes, url };
}

/** Looks at the first chunk and puts it back. */
async function firstBytes(stream: Download['stream']): Promise<Buffer> {
	const chunk = await new Promise<unknown>((resolve, reject) => {
		const look = () => {
			const read = stream.read();
			stream.removeListener('error', reject);
			stream.removeListener('end', look);
			resolve(read);
		};
		stream.once('readable', look);
		stream.once('end', look);
		stream.once('error', reject);
	});
	if (!Buffer.isBuffer(chunk)) return Buffer.alloc(0);
	stream.unshift(chunk);
	return chunk.subarray(0, HEAD_BYTES);
}

function notAPicture(place: Place, why: string): JobFailure {
	const details = { job_id: place.jobId };
	return new JobFailure(
		failureOf(
			'UNSUPPORTED_IMAGE',
			{ index: place.number },
			{
				message: `Picture ${place.number} of the result is not a supported image: ${why}`,
				remedy:
					"The job itself is finished and paid; look at the worker's log, or read the result with Job > Poll Status.",
				details,
			},
		),
	);
}

function lostLink(place: Place, why: string): JobFailure {
	const details = { job_id: place.jobId };
	const detail = `Picture ${place.number} of the result could not be fetched: ${why}`;
	return new JobFailure(
		failureOf(
			'NETWORK',
			{ detail },
			{
				remedy:
					'The job itself is finished and paid: fetch its result again with Job > Poll Status.',
				details,
			},
		),
	);
}

const FINISHED =
	"The job itself is finished and paid: Job > Poll Status with 'Output' Binary fetches its pictures.";

function noStorage(place: Place): JobFailure {
	return new JobFailure(
		failureOf(
			'UPLOAD_FAILED',
			{},
			{
				message: `Picture ${place.number} of the result came as a file, and no storage was chosen for a link to it`,
				remedy: `Choose a bucket in 'Storage' of the job options. ${FINISHED}`,
				details: { job_id: place.jobId },
			},
		),
	);
}

function ofFinishedJob({ failure }: JobFailure, { jobId }: Place): JobFailure {
	const { description, details } = failure;
	return new JobFailure({
		...failure,
		description: `${description} ${FINISHED}`,
		details: { ...details, job_id: jobId },
	});
}
