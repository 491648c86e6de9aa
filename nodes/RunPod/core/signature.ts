import { createHash, createHmac } from 'node:crypto';

/** AWS Signature Version 4, which every S3 server asks for: in a header, or in a link that expires. */

export interface SigningKeys {
	accessKeyId: string;
	secretAccessKey: string;
	region: string;
	service: string;
}

export interface Signable {
	method: string;
	/** Complete, with its path encoded. */
	url: string;
	headers?: Readonly<Record<string, string>>;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

/** For links: whoever opens one sends nothing along. */
const UNSIGNED = 'UNSIGNED-PAYLOAD';

export const sha256 = (data: Buffer | string): string =>
	createHash('sha256').update(data).digest('hex');

const hmac = (key: Buffer | string, text: string): Buffer =>
	createHmac('sha256', key).update(text).digest();

/** Percent signs for everything but letters, digits and -._~, as the rules of the signature want it. */
export const encodeStrictly = (text: string): string =>
	encodeURIComponent(text).replace(
		/[!'()*]/g,
		(sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
	);

/** `20130524T000000Z`, the one form of a time that a signature knows. */
const stamp = (now: number): string => new Date(now).toISOString().replace(/[-:]|\.\d{3}/g, '');

function decoded(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

const canonicalPath = ({ pathname }: URL): string =>
	pathname
		.split('/')
		.map((step) => encodeStrictly(decoded(step)))
		.join('/');

type Pair = [name: string, value: string];

const compare = (one: string, other: string): number => (one === other ? 0 : one < other ? -1 : 1);

/** By the name alone first: an equals sign stands behind some signs that a name may hold. */
const byName = ([name, value]: Pair, [otherName, otherValue]: Pair): number =>
	compare(name, otherName) || compare(value, otherValue);

const canonicalQuery = ({ searchParams }: URL): string =>
	[...searchParams]
		.map(([name, value]): Pair => [encodeStrictly(name), encodeStrictly(value)])
		.sort(byName)
		.map((pair) => pair.join('='))
		.join('&');

/** Names in small letters, sorted; values without the spaces around them. */
const canonicalHeaders = (headers: Readonly<Record<string, string>>): Pair[] =>
	Object.entries(headers)
		.map(([name, value]): Pair => [name.toLowerCase(), value.trim().replace(/ +/g, ' ')])
		.sort(byName);

interface Scope {
	now: number;
	keys: SigningKeys;
}

const scopeOf = ({ now, keys }: Scope): string =>
	[stamp(now).slice(0, 8), keys.region, keys.service, 'aws4_request'].join('/');

function signatureOf(
	{ method, url }: Signable,
	headers: Pair[],
	payload: string,
	scope: Scope,
): string {
	const target = new URL(url);
	const request = [
		method,
		canonicalPath(target),
		canonicalQuery(target),
		...headers.map((pair) => pair.join(':')),
		'',
		headers.map(([name]) => name).join(';'),
		payload,
	].join('\n');
	const text = [ALGORITHM, stamp(scope.now), scopeOf(scope), sha256(request)].join('\n');
	const { region, service, secretAccessKey } = scope.keys;
	const key = [stamp(scope.now).slice(0, 8), region, service, 'aws4_request'].reduce<
		Buffer | string
	>((last, part) => hmac(last, part), `AWS4${secretAccessKey}`);
	return hmac(key, text).toString('hex');
}

/**
 * The headers of a request with those that sign it. `payload` is the hash of the body; for S3 it
 * goes along as a header of its own, which the caller adds.
 */
export function signedHeaders(
	request: Signable,
	payload: string,
	now: number,
	keys: SigningKeys,
): Record<string, string> {
	const own = { ...request.headers, 'x-amz-date': stamp(now) };
	const headers = canonicalHeaders({ ...own, host: new URL(request.url).host });
	const signature = signatureOf(request, headers, payload, { now, keys });
	const names = headers.map(([name]) => name).join(';');
	return {
		...own,
		authorization: `${ALGORITHM} Credential=${keys.accessKeyId}/${scopeOf({ now, keys })}, SignedHeaders=${names}, Signature=${signature}`,
	};
}

/** A link that opens one file for so many seconds, without any key. */
export function presignedUrl(
	{ method, url }: Signable,
	expiresS: number,
	now: number,
	keys: SigningKeys,
): string {
	const target = new URL(url);
	const query = {
		'X-Amz-Algorithm': ALGORITHM,
		'X-Amz-Credential': `${keys.accessKeyId}/${scopeOf({ now, keys })}`,
		'X-Amz-Date': stamp(now),
		'X-Amz-Expires': String(expiresS),
		'X-Amz-SignedHeaders': 'host',
	};
	for (const [name, value] of Object.entries(query)) target.searchParams.set(name, value);
	const headers: Pair[] = [['host', target.host]];
	const signature = signatureOf({ method, url: target.href }, headers, UNSIGNED, { now, keys });
	// Written by the same rules as it was signed: a server may read a plus sign as it likes.
	return `${target.origin}${canonicalPath(target)}?${canonicalQuery(target)}&X-Amz-Signature=${signature}`;
}
