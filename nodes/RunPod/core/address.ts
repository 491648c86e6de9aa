import { settings } from '../contract/limits';
import { invalidInput } from './failure';
import { isRecord } from './state';

/** Addresses of endpoints and workers, and who may see the token. */

const ENDPOINT_ID = /^[A-Za-z0-9_-]+$/;
const ENDPOINT_URL = /^https?:\/\/[^/?#]+\/v2\/([A-Za-z0-9_-]+)(?:[/?#].*)?$/;

/**
 * The bare endpoint id of a resource locator `{mode, value}` or of a plain text. In the mode `url`
 * it is cut out of an address such as `https://api.runpod.ai/v2/{id}/run`.
 */
export function endpointIdOf(parameter: unknown): string {
	const mode = isRecord(parameter) ? parameter.mode : 'id';
	const value = isRecord(parameter) ? parameter.value : parameter;
	const text = typeof value === 'string' ? value : '';
	if (text.trim() === '') throw invalidInput("'Endpoint' must not be empty.");
	const cut = mode === 'url' ? ENDPOINT_URL.exec(text.trim())?.[1] : undefined;
	const id = cut ?? text;
	if (!ENDPOINT_ID.test(id)) {
		throw invalidInput('Endpoint ID must be the bare ID, without spaces or a URL.');
	}
	return id;
}

/** The ID becomes a part of an address: a slash or a question mark would ask for something else. */
export function jobIdOf(value: unknown): string {
	const jobId = String(value ?? '').trim();
	if (jobId === '') throw invalidInput("'Job ID' must not be empty.");
	if (!/^[A-Za-z0-9_-]+$/.test(jobId)) {
		throw invalidInput("'Job ID' must be the bare ID of a job, without spaces or a URL.");
	}
	return jobId;
}

function parse(text: string): URL | undefined {
	try {
		return new URL(text);
	} catch {
		return undefined;
	}
}

/** A base address without its last slash; `label` names the field in the message. */
export function baseUrlOf(value: unknown, label: string): string {
	const text = typeof value === 'string' ? value.trim() : '';
	const url = parse(text);
	if (url === undefined || !/^https?:$/.test(url.protocol)) {
		throw invalidInput(`'${label}' must be an address that begins with https:// or http://.`);
	}
	if (url.username !== '' || url.password !== '') {
		throw invalidInput(`'${label}' must not contain a user or a password; use the credential.`);
	}
	return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

/** RunPod's proxy before a port of a Pod. */
export const POD_PROXY_URL = 'https://{pod}-{port}.proxy.runpod.net';

/** The address of a Pod's port, by the pattern of the credential or RunPod's own. */
export function podUrlOf(pattern: unknown, podId: string, port: number): string {
	const text = typeof pattern === 'string' && pattern.trim() !== '' ? pattern : POD_PROXY_URL;
	const filled = text.replace('{pod}', podId).replace('{port}', String(port));
	return baseUrlOf(filled, 'Pod Proxy URL');
}

/** The bare ID of something of RunPod's: it becomes a part of an address. */
export function bareIdOf(parameter: unknown, label: string): string {
	const value = isRecord(parameter) ? parameter.value : parameter;
	const id = typeof value === 'string' ? value.trim() : '';
	if (id === '') throw invalidInput(`'${label}' must not be empty.`);
	if (!ENDPOINT_ID.test(id)) {
		throw invalidInput(`'${label}' must be the bare ID, without spaces or a URL.`);
	}
	return id;
}

/** A file of a worker by the path that it told; undefined where that leads away from it. */
export function fileUrlOf(baseUrl: string, path: string): string | undefined {
	const base = parse(`${baseUrl}/`);
	const inside = path.replace(/^[\\/]+/, '').replaceAll('\\', '/');
	// A point before it: what looks like a scheme is a part of the path, too.
	const url = base && parse(new URL(`./${inside}`, base).href);
	return url?.origin === base?.origin ? url?.href : undefined;
}

const PROXY_HOST = /^[a-z0-9]+-\d{1,5}\.proxy\.runpod\.net$/;

/**
 * Whether the credential's bearer token may go to `url`: only to the credential's own host and
 * port, never over a weaker protocol, or to a Pod behind RunPod's proxy.
 */
export function mayCarryToken(url: string, credentialUrl: string): boolean {
	const target = parse(url);
	if (target === undefined || parse(credentialUrl) === undefined) return false;
	if (target.protocol === 'https:' && PROXY_HOST.test(target.hostname)) return target.port === '';
	return isOwnHost(url, credentialUrl);
}

/** Whether `url` is on the credential's own scheme, host and port. */
export function isOwnHost(url: string, credentialUrl: string): boolean {
	const own = parse(credentialUrl);
	return own !== undefined && parse(url)?.origin === own.origin;
}

/** The proxy cuts at 100 s, without saying what became of the request. */
const PROXY_TIMEOUT_MS = 95_000;

/** The timeout of one request in ms. */
export function requestTimeoutMs(url: string, requestTimeoutS: number): number {
	const wanted = Math.max(settings.requestTimeoutS.minimum, requestTimeoutS) * 1000;
	const host = parse(url)?.hostname ?? '';
	return host.endsWith('.proxy.runpod.net') ? Math.min(PROXY_TIMEOUT_MS, wanted) : wanted;
}

const PRIVATE_V4 =
	/^(0\.|10\.|127\.|169\.254\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/;

/** Whether an address names this machine or a private network. Names are not looked up here. */
export function isPrivateHost(address: string): boolean {
	const host = (parse(address)?.hostname ?? '').replace(/^\[|\]$/g, '').replace(/\.$/, '');
	if (host === '' || host === 'localhost' || host.endsWith('.localhost')) return true;
	if (/\.(local|internal|lan)$/.test(host) || !/[.:]/.test(host)) return true;
	if (!host.includes(':')) return PRIVATE_V4.test(host);
	// IPv6: this machine, unique local, link local, and IPv4 in disguise, which is never needed.
	return /^(::1?$|f[cd]|fe[89ab]|::ffff:|64:ff9b:)/i.test(host);
}
