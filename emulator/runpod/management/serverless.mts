/** Endpoints, their workers and logs, and the catalog of GPUs, as the management plane v2 tells them. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Emulator } from '../../emulator.mts';
import type { Endpoint } from '../endpoint.mts';
import { ok, type Reply } from '../wire.mts';
import { defaultWorker, type ShownWorker } from './account.mts';
import { managed, problem, type ManagedCall } from './plane.mts';

export function serverlessRoutes(app: FastifyInstance, emulator: Emulator): void {
	/** Looked up at each call: a reset replaces the platform. */
	const named = (call: ManagedCall, give: (endpoint: Endpoint) => Reply | 'sent') => {
		const endpoint = emulator.platform.endpoints.get(call.params.endpoint ?? '');
		// Assumed: the detail of this 404.
		return endpoint === undefined
			? problem(404, 'Not Found', 'serverless endpoint not found')
			: give(endpoint);
	};
	managed(app, emulator, '/serverless', 'serverless-list', () =>
		ok({ endpoints: [...emulator.platform.endpoints.values()].map(endpointBody) }),
	);
	managed(app, emulator, '/serverless/:endpoint', 'serverless-get', (call) =>
		named(call, (endpoint) => ok(endpointBody(endpoint))),
	);
	managed(app, emulator, '/serverless/:endpoint/workers', 'serverless-workers', (call) =>
		named(call, (endpoint) => ok(workersBody(workersOf(emulator, endpoint)))),
	);
	managed(app, emulator, '/serverless/:endpoint/workers/:worker/logs', 'worker-logs', (call) =>
		named(call, () => logs(emulator, call)),
	);
	managed(app, emulator, '/catalog/gpus', 'catalog-gpus', ({ query }) => catalog(emulator, query));
}

function endpointBody({ settings }: Endpoint): Record<string, unknown> {
	const { id, name, gpu, workersMax, idleTimeoutS, executionTimeoutMs } = settings;
	return {
		id,
		name: name ?? id,
		type: 'QUEUE',
		gpu,
		workers: { min: 0, max: workersMax, idleTimeout: idleTimeoutS },
		scaling: { type: 'QUEUE_DELAY', queueDelay: 4 },
		timeout: executionTimeoutMs,
	};
}

/** What a test has set, else every worker that had a job. */
function workersOf(emulator: Emulator, endpoint: Endpoint): ShownWorker[] {
	const set = emulator.account.workers.get(endpoint.id);
	if (set !== undefined) return set;
	const busy = endpoint.busyWorkers();
	const ids = new Set(endpoint.workers.keys());
	for (const job of endpoint.jobs.values()) {
		for (const { workerId } of job.attempts) ids.add(workerId);
	}
	return [...ids].map((id) => defaultWorker(id, busy.has(id), endpoint.settings.gpu.count));
}

function workersBody(workers: ShownWorker[]): Record<string, unknown> {
	const count = (status: ShownWorker['status']) =>
		workers.filter((worker) => worker.status === status).length;
	return {
		workers: workers.map((worker) => ({ ...worker, isStale: false, version: 1 })),
		summary: {
			running: count('RUNNING'),
			idle: count('IDLE'),
			initializing: count('INITIALIZING'),
			throttled: count('THROTTLED'),
			unhealthy: count('UNHEALTHY'),
			total: workers.length,
		},
		endpointVersion: 1,
	};
}

const PRODUCTS = ['POD', 'SERVERLESS', 'CLUSTER'];

function catalog(emulator: Emulator, query: Record<string, string>): Reply {
	const wanted = query.include === 'AVAILABILITY';
	// Each of the two needs the other. Assumed: the detail.
	if (wanted !== PRODUCTS.includes(query.product ?? '')) {
		return problem(400, 'Bad Request', 'include=AVAILABILITY and product need each other');
	}
	const gpus = emulator.account.gpus.map(({ price, availability, name, ...gpu }) => ({
		...gpu,
		name: name ?? gpu.id,
		// Invented like the price itself; only that there is such a key is the platform's.
		price: {
			secure: price ?? 0,
			community: price ?? 0,
			...(price === undefined ? {} : { serverless: price }),
		},
		...(wanted ? { availability, dataCenters: [{ id: 'EM-1', availability }] } : {}),
	}));
	return ok({ gpus });
}

/** Server-sent events that never end by themselves. */
function logs(emulator: Emulator, { params, query, reply }: ManagedCall): Reply | 'sent' {
	const tail = Number(query.tail ?? 100);
	if (!Number.isInteger(tail) || tail < 0 || tail > 5000)
		return problem(400, 'Bad Request', 'tail must be between 0 and 5000');
	const lines = emulator.account.logs.get(params.worker ?? '');
	if (lines === undefined) return problem(404, 'Not Found', 'worker not found');
	stream(reply, tail === 0 ? [] : lines.slice(-tail), emulator.clock.now());
	return 'sent';
}

function stream(reply: FastifyReply, lines: string[], now: number): void {
	const ts = new Date(now).toISOString();
	reply.hijack();
	reply.raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
	reply.raw.flushHeaders();
	for (const line of lines) {
		const data = JSON.stringify({ source: 'container', line, ts });
		reply.raw.write(`id: ${ts}\ndata: ${data}\n\n`);
	}
}
