/** One call of the management plane v2: ledger, key, faults; then the operation itself. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sleep } from '../../control/clock.mts';
import type { Operation } from '../../control/faults.mts';
import type { Emulator } from '../../emulator.mts';
import { send } from '../call.mts';
import type { Reply } from '../wire.mts';

export const BASE = '/management/v2';

export interface ManagedCall {
	params: Record<string, string>;
	query: Record<string, string>;
	reply: FastifyReply;
}

/** 'sent': the operation has answered by itself. */
type Handle = (call: ManagedCall) => Reply | 'sent';

/** Failures of this plane are problem+json. */
export function problem(status: number, title: string, detail: string): Reply {
	return {
		status,
		body: { title, status, detail },
		headers: { 'content-type': 'application/problem+json' },
	};
}

/** Serves `GET {path}` below the base path of the plane. Unknown query parameters are ignored. */
export function managed(
	app: FastifyInstance,
	emulator: Emulator,
	path: string,
	operation: Operation,
	handle: Handle,
): void {
	app.get(`${BASE}${path}`, async (request: FastifyRequest, reply) => {
		const key = emulator.keys.find(request.headers.authorization);
		const params = request.params as Record<string, string>;
		const seen = {
			at: emulator.clock.now(),
			method: request.method,
			path: request.url,
			operation,
			endpointId: params.endpoint,
			headers: request.headers,
			key: typeof key === 'string' ? key : key.name,
			status: 200,
		};
		emulator.ledger.requests.push(seen);
		const fault = emulator.faults.take(['reply', 'slow'], { endpointId: 'management', operation });
		if (fault !== undefined) await sleep(emulator.clock, fault.delayMs);
		let answer: Reply | 'sent';
		if (key === 'none') answer = problem(401, 'Unauthorized', 'missing bearer token');
		// Assumed: the detail for a wrong token; the one for a missing token is documented.
		else if (key === 'wrong') answer = problem(401, 'Unauthorized', 'invalid bearer token');
		else if (!key.management)
			answer = problem(403, 'Forbidden', 'the key has no permission for this operation');
		else if (fault?.kind === 'reply')
			answer = problem(fault.status, 'Error', `error code: ${fault.status}`);
		else answer = handle({ params, query: request.query as Record<string, string>, reply });
		if (answer === 'sent') return reply;
		seen.status = answer.status;
		return send(reply, answer);
	});
}
