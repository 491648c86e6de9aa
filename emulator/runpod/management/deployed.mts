/** Serverless endpoints between the bodies of the management plane and the emulator's own settings. */
import type { Emulator } from '../../emulator.mts';
import type { EndpointOptions, EndpointSettings } from '../endpoint.mts';
import type { Reply } from '../wire.mts';
import { problem } from './plane.mts';

type Body = Record<string, unknown>;

interface Workers {
	min?: number;
	max?: number;
	idleTimeout?: number;
}

/** The settings of an endpoint with what a create or update sends; what is not sent stays. */
export function settingsFrom(
	body: Body,
	before: Pick<EndpointSettings, 'id'> & Partial<EndpointSettings>,
): EndpointOptions {
	const { name, gpu, workers = {}, timeout, templateId: _, ...rest } = body;
	const { min, max, idleTimeout } = workers as Workers;
	return {
		...before,
		...(name === undefined ? {} : { name: name as string }),
		...(gpu === undefined ? {} : { gpu: gpuFrom(gpu as Body, before.gpu) }),
		...(min === undefined ? {} : { workersMin: min }),
		...(max === undefined ? {} : { workersMax: max }),
		...(idleTimeout === undefined ? {} : { idleTimeoutS: idleTimeout }),
		...(timeout === undefined ? {} : { executionTimeoutMs: timeout as number }),
		deployed: { ...before.deployed, ...rest },
	};
}

function gpuFrom(gpu: Body, before: EndpointSettings['gpu'] | undefined): EndpointOptions['gpu'] {
	// Pools that are sent without exclusions clear the exclusions.
	const cleared = gpu.pools !== undefined ? { excludedTypes: [] } : {};
	const floor = gpu.minCudaVersion === '' ? { minCudaVersion: null } : {};
	return { ...before, ...cleared, ...gpu, ...floor };
}

/** The endpoint as the platform shows it. */
export function endpointBody(settings: EndpointSettings, url: string): Body {
	const { id, name, gpu, workersMin, workersMax, idleTimeoutS, executionTimeoutMs } = settings;
	const { cpu, type, ...rest } = settings.deployed;
	return {
		image: '',
		args: '',
		disk: 5,
		env: {},
		ports: [],
		registry: null,
		scaling: { type: 'QUEUE_DELAY', queueDelay: 4 },
		dataCenterIds: [],
		networkVolumes: [],
		flashboot: 'OFF',
		createdAt: '2026-01-01T00:00:00.000Z',
		...rest,
		id,
		name: name ?? id,
		type: type ?? 'QUEUE',
		requestUrls: type === 'LOAD_BALANCER' ? balancerUrls(id) : queueUrls(`${url}/v2/${id}`),
		// Assumed: what a CPU endpoint has shows the memory that its flavour gives.
		...(cpu === undefined
			? { gpu }
			: { cpu: (cpu as Body[]).map((each) => ({ ...each, memory: 2 * Number(each.vcpuCount) })) }),
		workers: { min: workersMin, max: workersMax, idleTimeout: idleTimeoutS },
		timeout: executionTimeoutMs,
	};
}

function queueUrls(base: string): Record<string, string> {
	return {
		run: `${base}/run`,
		runSync: `${base}/runsync`,
		status: `${base}/status/{job_id}`,
		stream: `${base}/stream/{job_id}`,
		cancel: `${base}/cancel/{job_id}`,
		retry: `${base}/retry/{job_id}`,
		purgeQueue: `${base}/purge-queue`,
		health: `${base}/health`,
	};
}

/** Load balancing itself is not emulated: nothing answers here. */
const balancerUrls = (id: string): Record<string, string> => ({
	base: `https://${id}.api.runpod.ai`,
	health: `https://${id}.api.runpod.ai/ping`,
});

/** Rules between fields, which no schema tells. Assumed: texts, and that a missing GPU is a 400. */
export function endpointRefusal(
	emulator: Emulator,
	body: Body,
	create: boolean,
): Reply | undefined {
	const gpu = body.gpu as Body | undefined;
	const scaling = body.scaling as Body | undefined;
	const workers = (body.workers ?? {}) as Workers;
	if (gpu !== undefined && body.cpu !== undefined)
		return problem(400, 'gpu and cpu are mutually exclusive');
	if (create && gpu === undefined && body.cpu === undefined)
		return problem(400, 'one of gpu or cpu is required');
	if (body.type === 'LOAD_BALANCER' && scaling?.type !== 'REQUEST_COUNT')
		return problem(422, 'Request validation failed.', [
			"$.scaling.type: value must be one of 'REQUEST_COUNT'",
		]);
	if (
		create &&
		body.type === 'QUEUE' &&
		scaling?.type === 'REQUEST_COUNT' &&
		'idleTimeout' in workers
	)
		return problem(400, 'workers.idleTimeout is not allowed with REQUEST_COUNT scaling');
	if (gpu !== undefined && bothCuda(gpu))
		return problem(400, 'minCudaVersion and allowedCudaVersions are mutually exclusive');
	const pools = new Set(emulator.account.gpus.map(({ pool }) => pool));
	const unknown = ((gpu?.pools ?? []) as string[]).find((pool) => !pools.has(pool));
	if (unknown !== undefined) return problem(400, `unknown GPU pool '${unknown}'`);
	return undefined;
}

export function bothCuda(gpu: Body): boolean {
	const allowed = (gpu.allowedCudaVersions ?? []) as string[];
	return allowed.length > 0 && typeof gpu.minCudaVersion === 'string' && gpu.minCudaVersion !== '';
}
