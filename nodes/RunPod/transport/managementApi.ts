import type { IExecuteFunctions } from 'n8n-workflow';

import { baseUrlOf, podUrlOf } from '../core/address';
import { textOf } from '../core/reading';
import type { Reply } from '../core/reply';
import { serverTypeOf } from '../core/serverType';
import { isRecord } from '../core/state';
import { readStream, send } from './http';
import type { Call, HttpContext } from './http';
import { shownAs } from './shownAs';

/** RunPod's management API v2, and the applications in Pods behind RunPod's proxy. */
export interface ManagementApi {
	/** `path` is below the base address, without a slash before it. */
	call(method: Call['method'], path: string, more?: CallMore): Promise<Reply>;
	/** Every page of a list: the reply's body is `{[key]: [...]}` of all pages together. */
	list(path: string, key: string, more?: CallMore): Promise<Reply>;
	/** What a stream without an end tells at first; undefined where nothing came. */
	stream(path: string): Promise<string | undefined>;
	/** Where the application of a Pod answers. */
	podUrl(podId: string, port: number): string;
}

export interface CallMore {
	body?: object;
	/** For a call whose answer names what costs money: it goes on when the execution is stopped. */
	outlivesStop?: boolean;
}

const TIMEOUT_MS = 30_000;
/** A list with more pages than this runs in a circle. */
const MOST_PAGES = 100;

/** The one opening of the API; `timeoutMs` is that of each request. */
export async function openManagementApi(
	context: HttpContext,
	timeoutMs = TIMEOUT_MS,
): Promise<ManagementApi> {
	const { managementBaseUrl, podProxyUrl } = await context.getCredentials('runPodApi');
	const base = baseUrlOf(managementBaseUrl, 'Management API Base URL');
	const call: ManagementApi['call'] = async (method, path, more = {}) =>
		await send(context, 'runPodApi', { method, url: `${base}/${path}`, timeoutMs, ...more });
	return {
		call,
		stream: async (path) => await readStream(context, 'runPodApi', `${base}/${path}`, timeoutMs),
		list: async (path, key, more) => await listPages(call, path, key, more),
		podUrl: (podId, port) => podUrlOf(podProxyUrl, podId, port),
	};
}

/** The document knows no pages, but cursors have been seen: they are followed where they come. */
async function listPages(
	call: ManagementApi['call'],
	path: string,
	key: string,
	more?: CallMore,
): Promise<Reply> {
	const all: unknown[] = [];
	let cursor: string | undefined;
	for (let page = 0; page < MOST_PAGES; page += 1) {
		const mark = path.includes('?') ? '&' : '?';
		const query = cursor === undefined ? '' : `${mark}cursor=${encodeURIComponent(cursor)}`;
		const reply = await call('GET', `${path}${query}`, more);
		if (reply.kind !== 'ok') return reply;
		const list = isRecord(reply.body) ? reply.body[key] : undefined;
		if (!Array.isArray(list)) return { kind: 'cut', detail: `the answer has no list '${key}'` };
		all.push(...(list as unknown[]));
		const next = isRecord(reply.body) ? textOf(reply.body.nextCursor) : undefined;
		if (next === undefined || next === cursor) break;
		cursor = next;
	}
	return { kind: 'ok', status: 200, body: { [key]: all } };
}

/** Whether the node has a RunPod Worker credential, whose token opens the worker in a Pod. */
const hasWorkerCredential = (context: IExecuteFunctions): boolean =>
	context.getNode().credentials?.runPodWorkerApi !== undefined;

/** The token that a Studio Worker in a new Pod shall ask for; undefined without its credential. */
export async function workerToken(context: IExecuteFunctions): Promise<string | undefined> {
	if (!hasWorkerCredential(context)) return undefined;
	const facing = shownAs(context, 'workerUrl');
	const { token, serverType } = await facing.getCredentials('runPodWorkerApi');
	// Other servers know no AUTH_TOKEN.
	return serverTypeOf(serverType) === 'studio' ? textOf(token) : undefined;
}

/** Asks the application of a Pod, with the worker's token where the node has one. */
export async function askPod(context: IExecuteFunctions, call: Call): Promise<Reply> {
	if (!hasWorkerCredential(context)) return await send(context, undefined, call);
	return await send(shownAs(context, 'workerUrl'), 'runPodWorkerApi', call);
}
