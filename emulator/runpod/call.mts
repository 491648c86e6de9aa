/** One call of the job or worker plane: ledger, key, endpoint, limits, faults; then the operation itself. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { sleep } from '../control/clock.mts';
import type { Operation, ReplyFault } from '../control/faults.mts';
import type { SeenRequest } from '../control/ledger.mts';
import type { Emulator } from '../emulator.mts';
import type { Endpoint } from './endpoint.mts';
import type { Job } from './job.mts';
import { firstProblem, noQuery, queries } from './requests.mts';
import {
	badRequest,
	endpointNotFound,
	jobNotFound,
	notPermitted,
	noToken,
	tooManyRequests,
	wrongKey,
	type Reply,
} from './wire.mts';

export interface Call {
	endpoint: Endpoint;
	/** The job named in the path; never missing where the path names one. */
	job?: Job;
	workerId: string;
	jobId: string;
	text: string;
	/** The parsed body; undefined when it is no JSON. */
	json: unknown;
	query: { wait?: number; ttl?: number };
	rawQuery: Record<string, string>;
	/** A fault that lets the call have its effect and then spoils the reply: nobody has to wait for it. */
	spoiled: boolean;
	/** Calls `run` when the client has gone, or the reply was sent. */
	whenClosed: (run: () => void) => void;
}

export type Handle = (emulator: Emulator, call: Call) => Reply | Promise<Reply>;
type Params = Partial<Record<'endpoint' | 'job' | 'worker', string>>;

/** The Fastify handler of an operation. `plane` tells which kind of key it wants. */
export function operation(
	emulator: Emulator,
	name: Operation,
	plane: 'jobs' | 'workers',
	handle: Handle,
) {
	return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
		const params = request.params as Params;
		const seen: SeenRequest = {
			at: emulator.clock.now(),
			method: request.method,
			path: request.url,
			operation: name,
			endpointId: params.endpoint,
			jobId: params.job,
			headers: request.headers,
			key: 'none',
		};
		emulator.ledger.requests.push(seen);
		const answer = await answerCall(emulator, name, plane, handle, request, reply, seen);
		seen.status = answer === 'cut' ? 0 : answer.status;
		recordRead(emulator, name, params.job, answer);
		if (answer === 'cut') {
			reply.hijack();
			request.raw.socket.destroy();
			return;
		}
		if (answer.truncateAt === undefined) void send(reply, answer);
		else truncate(reply, answer, answer.truncateAt);
	};
}

export function send(reply: FastifyReply, answer: Reply): FastifyReply {
	void reply.code(answer.status).headers(answer.headers ?? {});
	if (answer.body === undefined) return reply.send();
	if (typeof answer.body !== 'string') return reply.send(answer.body);
	if (answer.headers?.['content-type'] === undefined)
		void reply.header('content-type', 'text/plain');
	return reply.send(answer.body);
}

/** Announces the whole body, sends its first bytes, and cuts the connection. */
function truncate(reply: FastifyReply, answer: Reply, bytes: number): void {
	const body = Buffer.from(JSON.stringify(answer.body ?? ''));
	reply.hijack();
	reply.raw.writeHead(answer.status, {
		'content-type': 'application/json; charset=utf-8',
		'content-length': body.length,
	});
	reply.raw.write(body.subarray(0, bytes), () => reply.raw.destroy());
}

async function answerCall(
	emulator: Emulator,
	name: Operation,
	plane: 'jobs' | 'workers',
	handle: Handle,
	request: FastifyRequest,
	reply: FastifyReply,
	seen: SeenRequest,
): Promise<Reply | 'cut'> {
	const params = request.params as Params;
	const endpoint = emulator.platform.endpoints.get(params.endpoint ?? '');
	const refusal = checkKey(emulator, plane, endpoint, request.headers.authorization, seen);
	if (refusal !== undefined) return refusal;
	if (endpoint === undefined) return endpointNotFound;

	const left = plane === 'jobs' ? emulator.limits.enter(endpoint.id, name) : () => undefined;
	if (typeof left === 'number') {
		return tooManyRequests(endpoint.settings.retryAfter ? Math.ceil(left / 1000) : undefined);
	}
	try {
		const text = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '';
		const json = parse(text);
		const job = endpoint.jobs.get(params.job ?? '');
		const fault = findFault(emulator, name, endpoint, job, json);
		if (fault !== undefined && 'delayMs' in fault && fault.delayMs > 0)
			await sleep(emulator.clock, fault.delayMs);
		if (fault?.kind === 'cut' && !fault.accepted) return 'cut';
		if (fault?.kind === 'reply' && !fault.accepted) return spoiledReply(fault);

		if (plane === 'jobs' && params.job !== undefined && !endpoint.jobs.has(params.job))
			return jobNotFound;
		// Assumed: unknown query parameters are refused on the job plane; workers' are not looked at.
		const query =
			plane === 'jobs' ? (queries[name] ?? noQuery).safeParse(request.query) : undefined;
		if (query?.success === false) return badRequest(firstProblem(query.error));
		const answer = await handle(emulator, {
			endpoint,
			job,
			workerId: params.worker ?? '',
			jobId: params.job ?? '',
			text,
			json,
			query: query?.data ?? {},
			rawQuery: request.query as Record<string, string>,
			spoiled: fault?.kind === 'cut' || fault?.kind === 'reply',
			whenClosed: (run) => void reply.raw.once('close', run),
		});
		if (fault?.kind === 'cut') return 'cut';
		if (fault?.kind === 'reply') return spoiledReply(fault);
		if (fault?.kind === 'stateWord' && answer.status === 200) {
			return { ...answer, body: { ...(answer.body as object), status: fault.word } };
		}
		if (fault?.kind === 'truncate') return { ...answer, truncateAt: fault.bytes };
		return answer;
	} finally {
		left();
	}
}

/** The refusal of a missing, wrong or too narrow key. The ledger learns which key it was. */
function checkKey(
	emulator: Emulator,
	plane: 'jobs' | 'workers',
	endpoint: Endpoint | undefined,
	header: string | undefined,
	seen: SeenRequest,
): Reply | undefined {
	if (plane === 'workers') {
		seen.key = emulator.keys.isWorker(header) ? 'worker' : 'wrong';
		// A worker without RUNPOD_AI_API_KEY still takes jobs in the SDK. Assumed: the platform refuses it.
		return seen.key === 'worker' ? undefined : wrongKey;
	}
	const key = emulator.keys.find(header);
	seen.key = typeof key === 'string' ? key : key.name;
	if (key === 'none') return noToken;
	if (key === 'wrong') return wrongKey;
	if (!key.serverless) return notPermitted;
	const visible =
		endpoint !== undefined && (key.endpoints === undefined || key.endpoints.includes(endpoint.id));
	return visible ? undefined : endpointNotFound;
}

function findFault(
	emulator: Emulator,
	name: Operation,
	endpoint: Endpoint,
	job: Job | undefined,
	json: unknown,
): ReplyFault | undefined {
	const kinds: Array<ReplyFault['kind']> = ['reply', 'cut', 'slow', 'truncate'];
	if (name === 'status' || name === 'stream') kinds.push('stateWord');
	const submits = name === 'run' || name === 'runsync';
	return emulator.faults.take(kinds, {
		...(job === undefined ? { endpointId: endpoint.id } : emulator.platform.subject(job)),
		...(submits
			? { order: endpoint.submits + 1, input: (json as { input?: unknown } | undefined)?.input }
			: {}),
		operation: name,
	});
}

function spoiledReply(fault: Extract<ReplyFault, { kind: 'reply' }>): Reply {
	const headers: Record<string, string> = {};
	if (fault.contentType !== undefined) headers['content-type'] = fault.contentType;
	if (fault.retryAfter !== undefined) headers['retry-after'] = String(fault.retryAfter);
	const known: Record<number, unknown> = {
		401: wrongKey.body,
		404: jobNotFound.body,
		429: tooManyRequests().body,
	};
	// Assumed: 5xx come from the edge as plain text.
	const body = fault.body ?? known[fault.status] ?? `error code: ${fault.status}`;
	return { status: fault.status, body, headers };
}

function recordRead(
	emulator: Emulator,
	name: Operation,
	jobId: string | undefined,
	answer: Reply | 'cut',
): void {
	const body =
		answer === 'cut' ? undefined : (answer.body as { id?: string; status?: unknown } | undefined);
	const id = name === 'runsync' ? body?.id : jobId;
	if (id === undefined || (name !== 'status' && name !== 'stream' && name !== 'runsync')) return;
	emulator.ledger.read(id, {
		operation: name,
		status: answer === 'cut' ? 0 : answer.status,
		...(typeof body?.status === 'string' ? { state: body.status } : {}),
	});
}

function parse(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
