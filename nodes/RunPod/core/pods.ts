import { listOf, numberOf, recordOf, recordsOf, textOf } from './reading';
import { isRecord } from './state';

/** A Pod as RunPod tells it, its name and what its status means. */

export interface PodFacts {
	id: string;
	name: string;
	/** RunPod's word; an unknown one is no end. */
	status: string;
	/** USD per hour. */
	cost?: number;
	cloud?: string;
	dataCenter?: string;
	image?: string;
	gpu?: string;
	gpuCount?: number;
	locked: boolean;
	/** Size of the volume disk, which is lost with the Pod; absent for none. */
	volumeDiskGb?: number;
	/** RFC 3339. */
	createdAt?: string;
	/** Absent until the container runs. */
	runtime?: {
		uptimeS?: number;
		/** Percent of the busiest GPU; absent where the platform shows none. */
		gpuUtil?: number;
		gpuMemory?: number;
		gpus: Array<{ util?: number; memoryUtil?: number }>;
		cpu?: number;
		memory?: number;
	};
	/** Names of the variables alone: their values can be secrets. */
	hasToken: boolean;
}

const mostOf = (values: Array<number | undefined>): number | undefined => {
	const known = values.filter((value) => value !== undefined);
	return known.length === 0 ? undefined : Math.max(...known);
};

function readRuntime(value: unknown): PodFacts['runtime'] {
	if (!isRecord(value)) return undefined;
	const gpus = recordsOf(value.gpus).map((gpu) => ({
		util: numberOf(gpu.util),
		memoryUtil: numberOf(gpu.memoryUtil),
	}));
	const shareOf = (part: unknown) => numberOf(part) ?? numberOf(recordOf(part).util);
	return {
		uptimeS: numberOf(value.uptime),
		gpuUtil: mostOf(gpus.map(({ util }) => util)),
		gpuMemory: mostOf(gpus.map(({ memoryUtil }) => memoryUtil)),
		gpus,
		cpu: shareOf(value.cpu),
		memory: shareOf(value.memory),
	};
}

/** The body of `GET /pods/{id}`; undefined where it is no Pod. */
export function readPod(body: unknown): PodFacts | undefined {
	if (!isRecord(body) || typeof body.id !== 'string') return undefined;
	const gpu = recordOf(body.gpu);
	return {
		id: body.id,
		name: textOf(body.name) ?? body.id,
		status: textOf(body.status) ?? 'UNKNOWN',
		cost: numberOf(body.cost),
		cloud: textOf(body.cloud),
		dataCenter: textOf(body.dataCenterId),
		image: textOf(body.image),
		gpu: textOf(gpu.id),
		gpuCount: numberOf(gpu.count),
		locked: body.locked === true,
		volumeDiskGb: numberOf(recordOf(recordOf(body.mounts).persistent).size),
		createdAt: textOf(body.createdAt),
		runtime: readRuntime(body.runtime),
		hasToken: 'AUTH_TOKEN' in recordOf(body.env),
	};
}

/** The body of `GET /pods`. */
export const readPods = (body: unknown): PodFacts[] | undefined =>
	listOf(body, 'pods')?.flatMap((pod) => readPod(pod) ?? []);

const LONGEST_SLUG = 60;

/** Lower case; everything but a-z, 0-9, _ and - becomes -; at most 60 characters. */
export const slugOf = (text: string): string =>
	text
		.toLowerCase()
		.replace(/[^a-z0-9_-]/g, '-')
		.slice(0, LONGEST_SLUG);

/** The name that a Pod of this tag and owner always has. */
export const podNameOf = (tag: string, owner: string): string => `${slugOf(tag)}-${slugOf(owner)}`;

export const hasTag = ({ name }: Pick<PodFacts, 'name'>, tag: string): boolean =>
	tag.trim() !== '' && name.startsWith(`${slugOf(tag.trim())}-`);

/** A Pod that RunPod lists although nothing of it is left. */
export const isGone = ({ status }: Pick<PodFacts, 'status'>): boolean => status === 'TERMINATED';

const STATES: Readonly<Record<string, string>> = {
	PROVISIONING: 'creating',
	STARTING: 'starting',
	// The container runs; whether the application answers has to be proved.
	RUNNING: 'starting',
	EXITED: 'stopped',
	ERROR: 'failed',
	TERMINATED: 'terminated',
};

export const podStateOf = (status: string, isReady = false): string =>
	isReady && status === 'RUNNING' ? 'ready' : (STATES[status] ?? 'pending');

export interface Shown {
	url: string;
	isReady?: boolean;
}

/** The item of a Pod with Simplify on. */
export function podItem(pod: PodFacts, { url, isReady }: Shown): Record<string, unknown> {
	const { runtime } = pod;
	return {
		id: pod.id,
		name: pod.name,
		status: pod.status,
		state: podStateOf(pod.status, isReady),
		uptime_s: runtime?.uptimeS ?? null,
		url: pod.status === 'TERMINATED' ? null : url,
		gpu: pod.gpu ?? null,
		gpu_count: pod.gpuCount ?? null,
		gpu_util_percent: runtime?.gpuUtil ?? null,
		gpu_memory_percent: runtime?.gpuMemory ?? null,
		cost_per_hour: pod.cost ?? null,
		cloud: pod.cloud ?? null,
		data_center: pod.dataCenter ?? null,
		image: pod.image ?? null,
	};
}
