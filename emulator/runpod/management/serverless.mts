/** Endpoints, their workers and logs, as the management plane v2 tells and changes them. */
import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { Emulator } from '../../emulator.mts';
import type { Endpoint } from '../endpoint.mts';
import { noContent, ok, type Reply } from '../wire.mts';
import { defaultWorker, type ShownWorker } from './account.mts';
import { endpointBody, endpointRefusal, settingsFrom } from './deployed.mts';
import { streamLogs } from './logs.mts';
import { managed, problem, type ManagedCall } from './plane.mts';

/** Lower case and digits, as the platform's ids are. */
export const newId = (): string => randomBytes(7).toString('hex');

export function serverlessRoutes(app: FastifyInstance, emulator: Emulator): void {
	/** Looked up at each call: a reset replaces the platform. */
	const named = (call: ManagedCall, give: (endpoint: Endpoint) => Reply | 'sent') => {
		const endpoint = emulator.platform.endpoints.get(call.params.endpoint ?? '');
		// Assumed: the detail of this 404.
		return endpoint === undefined ? problem(404, 'serverless endpoint not found') : give(endpoint);
	};
	const shown = ({ settings }: Endpoint) => endpointBody(settings, emulator.url);

	managed(app, emulator, 'GET /serverless', 'serverless-list', () =>
		ok({ endpoints: [...emulator.platform.endpoints.values()].map(shown) }),
	);
	managed(
		app,
		emulator,
		'POST /serverless',
		'serverless-create',
		({ body }) => create(emulator, body),
		'createEndpoint',
	);
	managed(app, emulator, 'GET /serverless/:endpoint', 'serverless-get', (call) =>
		named(call, (endpoint) => ok(shown(endpoint))),
	);
	managed(
		app,
		emulator,
		'PATCH /serverless/:endpoint',
		'serverless-update',
		(call) =>
			named(call, ({ settings }) => {
				const refusal = endpointRefusal(emulator, call.body, false);
				if (refusal !== undefined) return refusal;
				return ok(shown(emulator.setEndpoint(settingsFrom(call.body, settings))));
			}),
		'updateEndpoint',
	);
	managed(app, emulator, 'DELETE /serverless/:endpoint', 'serverless-delete', (call) =>
		named(call, ({ id }) => {
			// Assumed: its jobs go with it, running ones too.
			emulator.removeEndpoint(id);
			return noContent;
		}),
	);
	managed(app, emulator, 'GET /serverless/:endpoint/workers', 'serverless-workers', (call) =>
		named(call, (endpoint) => ok(workersBody(workersOf(emulator, endpoint)))),
	);
	managed(app, emulator, 'GET /serverless/:endpoint/workers/:worker/logs', 'worker-logs', (call) =>
		named(call, () => {
			const lines = emulator.account.logs.get(call.params.worker ?? '');
			return streamLogs(emulator, call, lines, 'worker not found');
		}),
	);
}

function create(emulator: Emulator, sent: Record<string, unknown>): Reply {
	const template = emulator.account.templates.get(String(sent.templateId ?? ''));
	if (sent.templateId !== undefined && template === undefined)
		return problem(404, 'template not found');
	const env = { ...template?.env, ...(sent.env as object | undefined) };
	const body = { ...template, ...sent, env };
	const refusal = endpointRefusal(emulator, body, true);
	if (refusal !== undefined) return refusal;
	const endpoint = emulator.setEndpoint(
		settingsFrom(
			{
				// The documented default is 300000; 0 came back where it was left out.
				timeout: 0,
				...body,
				workers: { idleTimeout: 10, ...(sent.workers as object | undefined) },
				createdAt: new Date(emulator.clock.now()).toISOString(),
			},
			{ id: newId() },
		),
	);
	return { status: 201, body: endpointBody(endpoint.settings, emulator.url) };
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
