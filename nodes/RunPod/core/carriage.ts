import { jobLimits } from '../contract/job';
import { invalidInput } from './failure';
import type { JobOptions, OutputAs } from './options';

/** How files travel between n8n and the worker: inside the request and its reply, or by links. */

/** What is known of a bucket where a job is planned. */
export interface BucketFacts {
	hasTimedLinks: boolean;
	isPublic: boolean;
	/** Whether the worker of this job can be expected to reach it. */
	isReached: boolean;
}

export const base64Length = (bytes: number): number => Math.ceil(bytes / 3) * 4;

const isSync = ({ submitMode, waitForResult }: JobOptions): boolean =>
	submitMode === 'sync' && waitForResult === 'poll';

/** Bytes that one request may have. */
export const mostBodyBytes = (options: JobOptions): number =>
	isSync(options) ? jobLimits.runsyncBodyBytes : jobLimits.runBodyBytes;

/** Rounded up, like all sizes that are too large. */
const inMb = (bytes: number): string => (Math.ceil(bytes / 1e5) / 10).toFixed(1);

/** The three ways out of a request that is too large. */
function remedies(options: JobOptions): string {
	const ways = [
		"choose a bucket in 'Storage' of the job options",
		'send fewer or smaller images',
		...(isSync(options) ? [] : ["set 'Submit Mode' to Sync, which takes twice as much"]),
	];
	const last = ways.pop() ?? '';
	return `There ${ways.length === 1 ? 'are two ways' : 'are three ways'}: ${ways.join(', ')}, or ${last}.`;
}

/**
 * Whether the images of a job go as links. `bodyBytes` is the request without them. Throws
 * INVALID_INPUT where they can go neither way.
 */
export function goByLinks(
	bodyBytes: number,
	imageBytes: number[],
	options: JobOptions,
	bucket?: BucketFacts,
): boolean {
	const images = imageBytes.reduce((sum, bytes) => sum + base64Length(bytes) + 3, 0);
	const total = bodyBytes + images;
	if (imageBytes.length === 0) return false;
	if (bucket?.isReached && total > jobLimits.inlineResultMb * 1e6) return true;
	const most = mostBodyBytes(options);
	if (total <= most) return false;
	const size = `The images are ${inMb(images)} MB in base64; RunPod takes at most ${most / 1e6} MB in one request.`;
	if (bucket === undefined) throw invalidInput(`${size} ${remedies(options)}`);
	throw invalidInput(
		`${size} The storage stands in a private network, where the worker cannot fetch them: choose another one, or send fewer or smaller images.`,
	);
}

export interface Delivery {
	/** Whether the job brings the bucket along, for results that are too large for a reply. */
	sendsBucket: boolean;
	/** Whether the worker is asked for links always. */
	asksForLinks: boolean;
}

/**
 * How the pictures of a result come. Without a bucket of its own a worker can still have one: it is
 * asked for links, and says at once where it cannot make any. Throws INVALID_INPUT for links that
 * nobody could open.
 */
export function deliveryOf(output: OutputAs | undefined, bucket?: BucketFacts): Delivery {
	if (output === undefined) return { sendsBucket: false, asksForLinks: false };
	const wantsLinks = output !== 'binary';
	if (wantsLinks && bucket && !bucket.hasTimedLinks && !bucket.isPublic) {
		throw invalidInput(
			"'Output' cannot be a URL with this storage: a RunPod network volume has no links that open without a key. Choose another storage, fill in its 'Public Base URL', or set 'Output' to Binary.",
		);
	}
	const sendsBucket = bucket?.isReached === true;
	// What a worker cannot reach, the node fills itself.
	return { sendsBucket, asksForLinks: wantsLinks && (sendsBucket || bucket === undefined) };
}
