import { jobLimits } from '../contract/job';
import { baseUrlOf, isPrivateHost } from './address';
import { invalidInput } from './failure';
import { encodeStrictly, presignedUrl } from './signature';
import type { SigningKeys } from './signature';

/** One bucket of an S3 server: its address, its names and its links. The worker reads it alike. */

export interface Bucket {
	/** Address of the server, without the bucket's name and without a last slash. */
	endpoint: string;
	name: string;
	region: string;
	/** What all names begin with; ends with a slash unless empty. */
	prefix: string;
	/** Address under which the files can be read without a key. */
	publicUrl?: string;
	linkExpiryS: number;
	accessKeyId: string;
	secretAccessKey: string;
}

/** The same as the worker's own. */
export const DEFAULT_PREFIX = 'runpod-studio/';
/** What S3 signs with where a server knows no regions; nearly all of them take it. */
const DEFAULT_REGION = 'us-east-1';

/** Addresses that begin with the bucket's name, and the part that is the server's own. */
const BUCKET_IN_HOST =
	/^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.(s3[.-][a-z0-9.-]*amazonaws\.com|s3\.[a-z0-9-]+\.backblazeb2\.com|[0-9a-f]{32}\.(?:eu\.)?r2\.cloudflarestorage\.com|[a-z0-9-]+\.digitaloceanspaces\.com)$/;
const REGION_IN_HOST = /^s3[.-]([a-z]{2}(?:-[a-z]+)+-\d+)\.(?:amazonaws|backblazeb2)\.com$/;
const VOLUME_HOST = /^s3api-([a-z0-9-]+)\.runpod\.io$/;

const hostOf = (endpoint: string): string => new URL(endpoint).hostname;

/** The region that an address tells; RunPod's volumes are in capitals, like their data centers. */
function regionOf(endpoint: string): string {
	const host = hostOf(endpoint);
	return (
		REGION_IN_HOST.exec(host)?.[1] ?? VOLUME_HOST.exec(host)?.[1]?.toUpperCase() ?? DEFAULT_REGION
	);
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value.trim() : '');

function needed(value: unknown, label: string): string {
	const text = textOf(value);
	if (text === '') throw invalidInput(`'${label}' of the storage credential must not be empty.`);
	return text;
}

function endpointOf(value: unknown, bucket: string): string {
	const text = needed(value, 'Endpoint URL');
	if (/[?#]/.test(text)) {
		throw invalidInput("'Endpoint URL' of the storage credential must not hold a query.");
	}
	const url = new URL(baseUrlOf(text, 'Endpoint URL'));
	const inHost = BUCKET_IN_HOST.exec(url.hostname);
	if (inHost?.[1] === bucket && inHost[2] !== undefined) return `${url.protocol}//${inHost[2]}`;
	const path = url.pathname.replace(/^\/+|\/+$/g, '');
	// An address is often copied with the bucket's name behind it.
	return path === '' || path === bucket ? url.origin : `${url.origin}/${path}`;
}

function prefixOf(value: unknown): string {
	const steps = String(value ?? DEFAULT_PREFIX)
		.replaceAll('\\', '/')
		.split('/')
		.map((step) => step.trim())
		.filter((step) => step !== '' && step !== '.');
	if (steps.includes('..')) {
		throw invalidInput("'Path Prefix' of the storage credential must not lead upwards.");
	}
	return steps.map((step) => `${step}/`).join('');
}

function expiryOf(value: unknown): number {
	const { linkExpiryS, linkExpiryMinS: least, linkExpiryMaxS: most } = jobLimits;
	const given = value === undefined || value === '' ? linkExpiryS : Number(value);
	if (Number.isInteger(given) && given >= least && given <= most) return given;
	throw invalidInput(
		`'Link Expiry (Seconds)' of the storage credential must be a whole number between ${least} and ${most}.`,
	);
}

/** Reads the credential. Throws INVALID_INPUT, which names the field and never its value. */
export function bucketOf(credential: Readonly<Record<string, unknown>>): Bucket {
	const name = needed(credential.bucket, 'Bucket');
	if (!/^[A-Za-z0-9._-]+$/.test(name)) {
		throw invalidInput(
			"'Bucket' of the storage credential must be the bare name, without an address.",
		);
	}
	const endpoint = endpointOf(credential.endpointUrl, name);
	const region = textOf(credential.region);
	const publicUrl = textOf(credential.publicBaseUrl);
	return {
		endpoint,
		name,
		region: region === '' || region === 'auto' ? regionOf(endpoint) : region,
		prefix: prefixOf(credential.pathPrefix),
		publicUrl: publicUrl === '' ? undefined : baseUrlOf(publicUrl, 'Public Base URL'),
		linkExpiryS: expiryOf(credential.linkExpiryS),
		accessKeyId: needed(credential.accessKeyId, 'Access Key ID'),
		secretAccessKey: needed(credential.secretAccessKey, 'Secret Access Key'),
	};
}

export const signingKeys = (bucket: Bucket): SigningKeys => ({ ...bucket, service: 's3' });

const encodePath = (key: string): string => key.split('/').map(encodeStrictly).join('/');

/** Where a file is put and read with the key. The name in the path works with every server. */
export const addressOf = ({ endpoint, name }: Bucket, key: string): string =>
	`${endpoint}/${name}/${encodePath(key)}`;

/** A link for a limited time, whatever the public address is. */
export const timedLink = (bucket: Bucket, key: string, seconds: number, now: number): string =>
	presignedUrl(
		{ method: 'GET', url: addressOf(bucket, key) },
		Math.max(jobLimits.linkExpiryMinS, Math.min(jobLimits.linkExpiryMaxS, Math.round(seconds))),
		now,
		signingKeys(bucket),
	);

/** The link that is handed on: public, or for as long as the credential says. */
export const linkOf = (bucket: Bucket, key: string, now: number): string =>
	bucket.publicUrl === undefined
		? timedLink(bucket, key, bucket.linkExpiryS, now)
		: `${bucket.publicUrl}/${encodePath(key)}`;

/** The name of a file of this bucket, below the prefix, that a link of anybody leads to. */
export function keyIn(bucket: Bucket, link: string): string | undefined {
	const path = link.split(/[?#]/)[0] ?? '';
	const bases = [addressOf(bucket, ''), bucket.publicUrl && `${bucket.publicUrl}/`];
	const base = bases.find((one) => one !== undefined && path.startsWith(one));
	if (base === undefined) return undefined;
	try {
		const key = path.slice(base.length).split('/').map(decodeURIComponent).join('/');
		const isBelow = key.startsWith(bucket.prefix) && !key.split('/').includes('..');
		return isBelow ? key : undefined;
	} catch {
		return undefined;
	}
}

/** RunPod's network volumes know no links without a key. */
export const hasTimedLinks = ({ endpoint }: Bucket): boolean => !VOLUME_HOST.test(hostOf(endpoint));

/** Whether something at `address` can be expected to reach the bucket's server. */
export const isReachedFrom = ({ endpoint }: Bucket, address: string): boolean =>
	!isPrivateHost(endpoint) || isPrivateHost(address);

/** Letters and digits of any script; the rest has a meaning somewhere. */
const plain = (name: string): string =>
	name
		.normalize('NFC')
		.replace(/[^\p{L}\p{M}\p{N}._-]+/gu, '-')
		.replace(/\.{2,}/g, '.')
		.replace(/^[-.]+|[-.]+$/g, '');

/** A name that no file has yet: `random` makes it so. */
export function newKey(
	{ prefix }: Bucket,
	folder: string,
	name: string,
	extension: string,
	random: string,
): string {
	const base = plain(name) || 'image';
	return `${prefix}${plain(folder) || 'files'}/${base}-${random}.${extension}`;
}

export interface S3Config {
	accessId: string;
	accessSecret: string;
	bucketName: string;
	endpointUrl: string;
	objectPath?: string;
	region?: string;
}

/**
 * The bucket as a job brings it along: the platform's four words, and the two others only where the
 * worker would take something else.
 */
export function s3ConfigOf(bucket: Bucket): S3Config {
	const { endpoint, name, region, prefix } = bucket;
	return {
		accessId: bucket.accessKeyId,
		accessSecret: bucket.secretAccessKey,
		bucketName: name,
		endpointUrl: endpoint,
		...(prefix === DEFAULT_PREFIX ? {} : { objectPath: prefix }),
		...(region === regionOf(endpoint) ? {} : { region }),
	};
}

const SAID = /<Code>([^<]{1,100})<\/Code>(?:[^]{0,2000}?<Message>([^<]{1,300})<\/Message>)?/;

/** A bucket's answer as words. The rest of it repeats the request, with the ID of the key. */
export function saidBy(body: unknown): string | undefined {
	const found = typeof body === 'string' ? SAID.exec(body.slice(0, 5000)) : null;
	if (found === null) return undefined;
	return [found[1], found[2]].filter((part) => part !== undefined).join(': ');
}
