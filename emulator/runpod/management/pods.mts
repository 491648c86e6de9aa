/** The management plane v2, so far only the list that credential tests read. */
import type { FastifyInstance } from 'fastify';
import { sleep } from '../../control/clock.mts';
import type { Emulator } from '../../emulator.mts';
import { send } from '../call.mts';
import type { Reply } from '../wire.mts';

/** Failures of this plane are problem+json. */
function problem(status: number, title: string, detail: string): Reply {
	return {
		status,
		body: { title, status, detail },
		headers: { 'content-type': 'application/problem+json' },
	};
}

/** Serves `GET /pods` under each base path of the plane. */
export function podRoutes(app: FastifyInstance, emulator: Emulator): void {
	app.get('/management/v2/pods', async (request, reply) => {
		const key = emulator.keys.find(request.headers.authorization);
		const seen = {
			at: emulator.clock.now(),
			method: request.method,
			path: request.url,
			operation: 'pods',
			headers: request.headers,
			key: typeof key === 'string' ? key : key.name,
			status: 200,
		};
		emulator.ledger.requests.push(seen);
		const fault = emulator.faults.take(['reply', 'slow'], {
			endpointId: 'management',
			operation: 'pods',
		});
		if (fault !== undefined) await sleep(emulator.clock, fault.delayMs);
		let answer: Reply = { status: 200, body: { pods: [] } };
		if (key === 'none') answer = problem(401, 'Unauthorized', 'missing bearer token');
		// Assumed: the detail for a wrong token; the one for a missing token is documented.
		else if (key === 'wrong') answer = problem(401, 'Unauthorized', 'invalid bearer token');
		else if (!key.management)
			answer = problem(403, 'Forbidden', 'the key has no permission for this operation');
		else if (fault?.kind === 'reply')
			answer = problem(fault.status, 'Error', `error code: ${fault.status}`);
		seen.status = answer.status;
		return send(reply, answer);
	});
}
