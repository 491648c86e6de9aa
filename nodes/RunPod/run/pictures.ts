import type { IBinaryData, IExecuteFunctions } from 'n8n-workflow';

import { isPrivateHost } from '../core/address';
import { JobFailure, failureOf } from '../core/failure';
import { HEAD_BYTES, isWhole, readPicture } from '../core/picture';
import type { Picture } from '../core/picture';
import { describeReply } from '../core/reply';
import type { Source } from '../core/result';
import { download } from '../transport/http';
import type { Download } from '../transport/http';

/** Brings one picture of a result into n8n's binary store. */

export interface Place {
	jobId: string;
	/** Address of the job API: a link to a private host is followed only from a private one. */
	baseUrl: string;
	/** File name without extension. */
	name: string;
	/** Counts from 1, for messages. */
	number: number;
	timeoutMs: number;
}

export interface Stored {
	binary: IBinaryData;
	picture: Picture;
	bytes: number | null;
	url: string | null;
}

const LINK = /^https?:\/\//i;
const DATA_URL = /^data:[^,]{0,200};base64,/i;

export async function storePicture(
	context: IExecuteFunctions,
	source: Source,
	place: Place,
): Promise<Stored> {
	if (LINK.test(source.data.slice(0, 10))) return await fromLink(context, source.data, place);
	// By its prefix: a pattern over the whole text would overflow the stack with a large picture.
	const prefix = DATA_URL.exec(source.data.slice(0, 300))?.[0] ?? '';
	const bytes = Buffer.from(source.data.slice(prefix.length), 'base64');
	const picture = readPicture(bytes.subarray(0, HEAD_BYTES));
	if (picture === undefined)
		throw notAPicture(place, `it has ${bytes.length} bytes of another kind`);
	if (!isWhole(bytes, picture))
		throw notAPicture(place, `its end is missing, after ${bytes.length} bytes`);
	const binary = await context.helpers.prepareBinaryData(
		bytes,
		nameOf(place, picture),
		picture.mimeType,
	);
	return { binary, picture, bytes: bytes.length, url: null };
}

const nameOf = (place: Place, picture: Picture): string => `${place.name}.${picture.extension}`;

const MOST_REDIRECTS = 3;

async function fromLink(context: IExecuteFunctions, link: string, place: Place): Promise<Stored> {
	let url = link;
	for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
		const isAllowed = LINK.test(url) && (!isPrivateHost(url) || isPrivateHost(place.baseUrl));
		if (!isAllowed) throw notAPicture(place, 'its link leads into a private network');
		const opened = await download(context, url, place.timeoutMs);
		if ('kind' in opened) throw lostLink(place, describeReply(opened));
		if ('redirect' in opened) {
			url = opened.redirect;
			continue;
		}
		try {
			return await fromStream(context, opened, link, place);
		} finally {
			opened.stream.destroy();
		}
	}
	throw lostLink(place, `its link was redirected more than ${MOST_REDIRECTS} times`);
}

async function fromStream(
	context: IExecuteFunctions,
	opened: Download,
	url: string,
	place: Place,
): Promise<Stored> {
	const head = await firstBytes(opened.stream);
	const picture = readPicture(head);
	if (picture === undefined) throw notAPicture(place, 'its link leads to a file of another kind');
	// The stream is not read into memory: n8n pipes it into its store.
	const binary = await context.helpers.prepareBinaryData(
		opened.stream as Parameters<typeof context.helpers.prepareBinaryData>[0],
		nameOf(place, picture),
		picture.mimeType,
	);
	const stored = binary.bytes ?? opened.length ?? null;
	if (opened.length !== undefined && binary.bytes !== undefined && binary.bytes !== opened.length) {
		throw lostLink(place, `${binary.bytes} of ${opened.length} bytes came`);
	}
	return { binary, picture, bytes: stored, url };
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
