import type { IDataObject } from 'n8n-workflow';

import { packageVersion } from '../contract/management';
import { readLogEvents } from '../core/diagnosis';
import { healthStateOf, isPausedEndpoint, readHealth, taggedLog } from '../core/endpoints';
import type { Health, ManagedEndpoint } from '../core/endpoints';
import { JobFailure, failureIn } from '../core/failure';
import { recordOf, textsOf } from '../core/reading';
import { refusalOf } from '../core/refusal';
import { openManagement } from '../transport/management';
import { endpointJobs, runHealthJob } from './endpointJobs';
import type { Plane } from './plane';

const LOG_LINES = 50;

/** Looks at one endpoint; an unknown one fails, one that tells nothing is ERRORED. */
export async function endpointHealth(
	plane: Plane,
	endpoint: ManagedEndpoint,
	diagnosticsS: number | undefined,
): Promise<IDataObject> {
	const { id, name, maxWorkers } = endpoint;
	const jobs = await endpointJobs(plane.context, id);
	const { reply } = await plane.ask(async () => await jobs.health());
	if (reply.kind === 'http' && (reply.status === 404 || reply.status === 401)) {
		const subject = { what: 'Endpoint', id, to: 'read the health of the endpoint' };
		throw new JobFailure(refusalOf(reply, subject));
	}
	const health = reply.kind === 'ok' ? readHealth(reply.body) : undefined;
	const { state, message } = healthStateOf(maxWorkers, health);
	const diagnostics =
		diagnosticsS === undefined ? undefined : await diagnose(plane, endpoint, health, diagnosticsS);
	const models = textsOf(recordOf(diagnostics?.worker).models);
	return {
		endpoint_id: id,
		title: name,
		state,
		status: state,
		message,
		model_count: diagnostics === undefined || models.length === 0 ? null : models.length,
		auto_refresh: false,
		max_concurrent: maxWorkers ?? null,
		jobs: health?.jobs ?? {},
		workers: health?.workers ?? {},
		...(diagnostics === undefined ? {} : { diagnostics }),
	};
}

/** All that helps to find out why an endpoint does not work, in one JSON. */
async function diagnose(
	plane: Plane,
	endpoint: ManagedEndpoint,
	health: Health | undefined,
	timeoutS: number,
): Promise<IDataObject> {
	const { id } = endpoint;
	const base: IDataObject = {
		package_version: packageVersion,
		endpoint: {
			image: endpoint.image ?? null,
			gpu_pools: endpoint.pools,
			gpu_count: endpoint.gpuCount ?? null,
			workers_min: endpoint.minWorkers ?? null,
			workers_max: endpoint.maxWorkers ?? null,
		},
		timeouts: {
			idle_timeout_s: endpoint.idleTimeoutS ?? null,
			execution_timeout_s: endpoint.timeoutMs === undefined ? null : endpoint.timeoutMs / 1000,
			ready_timeout_s: timeoutS,
		},
		health: { ...health },
	};
	// Nobody would ever take the job.
	if (isPausedEndpoint(endpoint)) return { ...base, worker: null, log: [] };
	try {
		const input = { diagnostics: true };
		const { job, seconds } = await runHealthJob(plane.context, plane.stop, id, input, timeoutS);
		return {
			...base,
			worker: recordOf(job.output) as IDataObject,
			worker_id: job.workerId ?? null,
			answered_after_s: seconds,
			log: await logOf(plane, id, job.workerId),
		};
	} catch (thrown) {
		const { code, message, details } = failureIn(thrown);
		const workerId = typeof details.worker_id === 'string' ? details.worker_id : undefined;
		return {
			...base,
			worker: null,
			failure: { code, message },
			log: await logOf(plane, id, workerId),
		};
	}
}

async function logOf(plane: Plane, id: string, workerId: string | undefined): Promise<string[]> {
	const management = await openManagement(plane.context);
	const known = workerId ?? (await management.workers(id))?.[0]?.id;
	if (known === undefined) return [];
	const text = (await management.logs(id, known, LOG_LINES)) ?? '';
	return taggedLog(readLogEvents(text, LOG_LINES));
}
