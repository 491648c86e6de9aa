import { readEndpoint } from './platformFacts';
import type { EndpointFacts } from './platformFacts';
import { listOf, numberOf, recordOf, textOf, textsOf } from './reading';
import { isRecord } from './state';

/** An endpoint as RunPod tells it, and what its counts mean. */

export interface ManagedEndpoint extends Omit<EndpointFacts, 'gpuCount'> {
	id: string;
	name: string;
	/** QUEUE or LOAD_BALANCER. */
	type?: string;
	image?: string;
	gpuCount?: number;
	timeoutMs?: number;
	dataCenters: string[];
	networkVolumes: string[];
	flashboot?: string;
	env: Record<string, unknown>;
	requestUrls: Record<string, unknown>;
}

/** The body of `GET /serverless/{id}`; undefined where it is no endpoint. */
export function readManagedEndpoint(body: unknown): ManagedEndpoint | undefined {
	const facts = readEndpoint(body);
	if (facts === undefined || !isRecord(body) || typeof body.id !== 'string') return undefined;
	return {
		...facts,
		id: body.id,
		name: textOf(body.name) ?? body.id,
		type: textOf(body.type),
		image: textOf(body.image),
		// An endpoint of CPUs has none.
		gpuCount: numberOf(recordOf(body.gpu).count),
		timeoutMs: numberOf(body.timeout),
		dataCenters: textsOf(body.dataCenterIds),
		networkVolumes: textsOf(body.networkVolumes),
		flashboot: textOf(body.flashboot),
		env: recordOf(body.env),
		requestUrls: recordOf(body.requestUrls),
	};
}

export const readManagedEndpoints = (body: unknown): ManagedEndpoint[] | undefined =>
	listOf(body, 'endpoints')?.flatMap((one) => readManagedEndpoint(one) ?? []);

/** RunPod has marked endpoints with FlashBoot by an ending of their name. */
export const hasName = ({ name }: ManagedEndpoint, wanted: string): boolean =>
	name === wanted || name === `${wanted} -fb`;

export const isPausedEndpoint = ({ maxWorkers }: ManagedEndpoint): boolean => maxWorkers === 0;

/** The item of an endpoint with Simplify on. */
export function endpointItem(endpoint: ManagedEndpoint): Record<string, unknown> {
	const { timeoutMs } = endpoint;
	return {
		id: endpoint.id,
		name: endpoint.name,
		state: isPausedEndpoint(endpoint) ? 'PAUSED' : 'ACTIVE',
		type: endpoint.type ?? null,
		image: endpoint.image ?? null,
		gpu_pools: endpoint.pools,
		gpu_count: endpoint.gpuCount ?? null,
		workers_min: endpoint.minWorkers ?? null,
		workers_max: endpoint.maxWorkers ?? null,
		idle_timeout_s: endpoint.idleTimeoutS ?? null,
		execution_timeout_s: timeoutMs === undefined ? null : timeoutMs / 1000,
		data_centers: endpoint.dataCenters,
		network_volumes: endpoint.networkVolumes,
		flashboot: endpoint.flashboot ?? null,
		request_urls: endpoint.requestUrls,
	};
}

const JOB_WORDS = ['inQueue', 'inProgress', 'completed', 'failed', 'retried'];
const WORKER_WORDS = ['ready', 'idle', 'running', 'initializing', 'throttled', 'unhealthy'];

export interface Health {
	jobs: Record<string, number>;
	workers: Record<string, number>;
}

const countsOf = (value: unknown, words: string[]): Record<string, number> =>
	Object.fromEntries(words.map((word) => [word, numberOf(recordOf(value)[word]) ?? 0]));

/** The body of `GET /health` of the job API; undefined where it tells no counts. */
export function readHealth(body: unknown): Health | undefined {
	if (!isRecord(body) || !isRecord(body.workers)) return undefined;
	return { jobs: countsOf(body.jobs, JOB_WORDS), workers: countsOf(body.workers, WORKER_WORDS) };
}

export const openJobs = ({ jobs }: Health): number => (jobs.inQueue ?? 0) + (jobs.inProgress ?? 0);

export interface HealthState {
	state: string;
	message: string | null;
}

/** One word for an endpoint. `health` is undefined where it could not be read. */
export function healthStateOf(maxWorkers: number | undefined, health?: Health): HealthState {
	if (maxWorkers === 0) return { state: 'PAUSED', message: 'It is paused or scaled to zero.' };
	if (health === undefined) {
		return { state: 'ERRORED', message: 'Its health could not be read with this key.' };
	}
	const { workers, jobs } = health;
	const has = (word: string): boolean => (workers[word] ?? 0) > 0;
	const say = (state: string, message: string | null = null): HealthState => ({ state, message });
	if (has('running') || (jobs.inProgress ?? 0) > 0) return say('RUNNING');
	if (has('ready') || has('idle')) return say('READY');
	if (has('initializing')) return say('LOADING', 'A worker is starting.');
	if (has('throttled'))
		return say('THROTTLED', 'Workers wait: no GPU of the chosen types is free.');
	if (has('unhealthy')) {
		return say('UNHEALTHY', 'Its container probably fails while it starts. Read the log.');
	}
	if ((jobs.inQueue ?? 0) > 0) return say('LOADING', 'Jobs wait for a worker to start.');
	return say('IDLE');
}

/** `[CREATE]` and the like, before each line of a worker's log. */
export function taggedLog(lines: string[]): string[] {
	const TAGS: Array<[RegExp, string]> = [
		[/create container|image pull|pulling|start container|created/i, 'CREATE'],
		[/error|traceback|exception|failed/i, 'ERROR'],
		[/load(ing|ed)|model|weights/i, 'LOAD'],
		[/job|request|finished|started/i, 'JOB'],
	];
	return lines.map((line) => {
		if (/^\[[A-Z]+\]/.test(line)) return line;
		const tag = TAGS.find(([pattern]) => pattern.test(line))?.[1] ?? 'LOG';
		return `[${tag}] ${line}`;
	});
}
