/** One call of the management plane v2: ledger, key, limit, faults, body; then the operation itself. */
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import { sleep } from '../../control/clock.mts';
import type { Fault, FaultOf, Operation } from '../../control/faults.mts';
import type { SeenRequest } from '../../control/ledger.mts';
import type { Emulator } from '../../emulator.mts';
import { send } from '../call.mts';
import type { Key } from '../keys.mts';
import type { Reply } from '../wire.mts';
import type { BodyName } from './schemas.mts';
import { failuresOf } from './validate.mts';

export const BASE = '/management/v2';

export interface ManagedCall {
	params: Record<string, string>;
	query: Record<string, string>;
	/** The body as its schema allows it; empty for calls without one. */
	body: Record<string, unknown>;
	key: Key;
	reply: FastifyReply;
}

/** 'sent': the operation has answered by itself. */
type Handle = (call: ManagedCall) => Reply | 'sent' | Promise<Reply | 'sent'>;

const PROBLEM = { 'content-type': 'application/problem+json' };

const TITLES: Record<number, string> = {
	400: 'Bad Request',
	401: 'Unauthorized',
	402: 'Payment Required',
	403: 'Forbidden',
	404: 'Not Found',
	409: 'Conflict',
	422: 'Unprocessable Entity',
	429: 'Too Many Requests',
};

export const NO_CAPACITY =
	'There are no longer any instances available with the requested specifications. Please refresh and try again.';

/** Details of faults that name none. Assumed, except those for 400 and 429. */
const DETAILS: Record<number, string> = {
	400: NO_CAPACITY,
	402: 'insufficient balance',
	403: 'access denied',
	404: 'resource not found',
	409: 'action not valid for current status',
	422: 'Request validation failed.',
	429: 'rate limit exceeded for the minute window',
};

/** Failures of this plane are problem+json. */
export function problem(status: number, detail: string, errors?: string[]): Reply {
	const body = { title: TITLES[status] ?? 'Error', status, detail };
	return { status, body: errors === undefined ? body : { ...body, errors }, headers: PROBLEM };
}

/**
 * Serves one operation, e.g. `POST /pods`, below the base path of the plane; `accepts` names the
 * schema of its body. Unknown query parameters are ignored, unknown body fields refused.
 */
export function managed(
	app: FastifyInstance,
	emulator: Emulator,
	route: `${'GET' | 'POST' | 'PATCH' | 'DELETE'} /${string}`,
	operation: Operation,
	handle: Handle,
	accepts?: BodyName,
): void {
	const [method, path] = route.split(' ') as [HTTPMethods, string];
	const handler = async (request: FastifyRequest, reply: FastifyReply) => {
		const params = request.params as Record<string, string>;
		const body = parse(request.body);
		const seen: SeenRequest = {
			at: emulator.clock.now(),
			method: request.method,
			path: request.url,
			operation,
			endpointId: params.endpoint,
			headers: request.headers,
			key: 'none',
			...(body === undefined ? {} : { body }),
		};
		emulator.ledger.requests.push(seen);
		const answer = await answerCall(emulator, operation, handle, accepts, {
			request,
			reply,
			body,
			seen,
		});
		if (answer === 'sent') return reply;
		if (answer === 'cut') {
			seen.status = 0;
			reply.hijack();
			request.raw.socket.destroy();
			return reply;
		}
		seen.status = answer.status;
		return send(reply, answer);
	};
	app.route({ method, url: `${BASE}${path}`, handler });
}

interface Incoming {
	request: FastifyRequest;
	reply: FastifyReply;
	body: unknown;
	seen: SeenRequest;
}

async function answerCall(
	emulator: Emulator,
	operation: Operation,
	handle: Handle,
	accepts: BodyName | undefined,
	{ request, reply, body, seen }: Incoming,
): Promise<Reply | 'sent' | 'cut'> {
	const key = emulator.keys.find(request.headers.authorization);
	seen.key = typeof key === 'string' ? key : key.name;
	if (key === 'none') return problem(401, 'missing bearer token');
	// Assumed: the detail for a wrong token; the one for a missing token is documented.
	if (key === 'wrong') return problem(401, 'invalid bearer token');
	const fault = emulator.faults.take(['reply', 'slow', 'cut'], {
		endpointId: 'management',
		operation,
		input: body,
	});
	if (fault !== undefined && fault.delayMs > 0) await sleep(emulator.clock, fault.delayMs);
	if (fault?.kind === 'cut' && !fault.accepted) return 'cut';
	if (fault?.kind === 'reply' && !fault.accepted) return spoiled(fault);
	const params = request.params as Record<string, string>;
	if (!mayManage(key, operation, params)) return problem(403, 'access denied');
	const refusal = accepts === undefined ? undefined : refuseBody(accepts, body);
	if (refusal !== undefined) return refusal;
	const answer = await handle({
		params,
		query: request.query as Record<string, string>,
		body: (accepts === undefined ? {} : body) as Record<string, unknown>,
		key,
		reply,
	});
	return spoil(answer, fault);
}

/** A restricted key has no rights here; the key that a Pod receives reaches that Pod alone. */
function mayManage(key: Key, operation: Operation, params: Record<string, string>): boolean {
	if (key.pod !== undefined) return operation.startsWith('pod-') && params.pod === key.pod;
	return key.management;
}

function refuseBody(accepts: BodyName, body: unknown): Reply | undefined {
	// Assumed: what is no JSON object at all is a 400.
	if (typeof body !== 'object' || body === null || Array.isArray(body))
		return problem(400, 'request body must be a JSON object');
	const failures = failuresOf(accepts, body);
	return failures.length === 0 ? undefined : problem(422, 'Request validation failed.', failures);
}

function spoil(answer: Reply | 'sent', fault: Fault | undefined): Reply | 'sent' | 'cut' {
	if (answer === 'sent') return answer;
	if (fault?.kind === 'cut') return 'cut';
	return fault?.kind === 'reply' ? spoiled(fault) : answer;
}

function spoiled(fault: FaultOf<'reply'>): Reply {
	const { status, body, contentType, retryAfter } = fault;
	const answer = problem(status, DETAILS[status] ?? `error code: ${status}`);
	return {
		status,
		body: body ?? answer.body,
		headers: {
			'content-type': contentType ?? PROBLEM['content-type'],
			...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
		},
	};
}

/** Undefined: nothing was sent, or it is no JSON. */
function parse(body: unknown): unknown {
	try {
		return Buffer.isBuffer(body) ? JSON.parse(body.toString('utf8')) : undefined;
	} catch {
		return undefined;
	}
}
