/** The shapes of a Pod's replies: from its data to JSON, nothing else. */
import { actionsOf, isBilled, portsOf, usdOf, type Pod } from './pod.mts';

type Body = Record<string, unknown>;

const time = (ms: number | undefined): string | null =>
	ms === undefined ? null : new Date(ms).toISOString();

export function podBody(pod: Pod, now: number): Body {
	const { body } = pod;
	const gpu = body.gpu as Body | undefined;
	const cpu = body.cpu as Body | undefined;
	return {
		id: pod.id,
		name: body.name,
		status: pod.status,
		actions: actionsOf(pod),
		image: body.image ?? '',
		args: body.args ?? '',
		// Assumed: the size of a container disk that was not asked for.
		disk: body.disk ?? 20,
		mounts: body.mounts ?? {},
		ports: body.ports ?? [],
		env: body.env ?? {},
		registry: body.registry ?? null,
		cloud: body.cloud ?? 'SECURE',
		dataCenterId: pod.dataCenterId,
		cudaVersion: gpu === undefined || pod.startedAt === undefined ? null : '12.8',
		...(gpu === undefined ? {} : { gpu: { id: gpu.id, count: gpu.count ?? 1 } }),
		...(cpu === undefined ? {} : { cpu: { ...cpu, memory: 2 * Number(cpu.vcpuCount) } }),
		ssh: { proxy: null, direct: null },
		template: null,
		cost: isBilled(pod) ? pod.usdPerHour : 0,
		locked: pod.locked,
		runtime: runtime(pod, now),
		createdAt: time(pod.createdAt),
		startedAt: time(pod.startedAt),
		globalNetworking: { enabled: body.globalNetworking === true },
	};
}

/** Null until the container runs, and for as long after as the script says. */
function runtime(pod: Pod, now: number): Body | null {
	if (pod.status !== 'RUNNING' || pod.runningAt === undefined) return null;
	if (now < pod.runningAt + pod.script.runtimeMs) return null;
	const count = Number((pod.body.gpu as Body | undefined)?.count ?? (pod.body.gpu ? 1 : 0));
	const { gpuUtil: util, gpuMemoryUtil: memoryUtil } = pod.telemetry;
	return {
		uptime: Math.floor((now - pod.runningAt) / 1000),
		gpus: Array.from({ length: count }, () => ({
			util: Math.round(util),
			memoryUtil: Math.round(memoryUtil),
		})),
		cpu: { util: 5 },
		memory: { util: 20 },
		ports: [
			...portsOf(pod, 'http').map((port) => ({
				private: port,
				public: null,
				type: 'http',
				ip: null,
			})),
			...portsOf(pod, 'tcp').map((port) => ({
				private: port,
				public: 20_000 + port,
				type: 'tcp',
				ip: '192.0.2.1',
			})),
		],
	};
}

/** A Pod in the ledger. Times in ms, money in USD. */
export function podEntry(pod: Pod, now: number) {
	const gpu = pod.body.gpu as { id: string; count?: number } | undefined;
	return {
		id: pod.id,
		name: String(pod.body.name),
		status: pod.status,
		gpu: gpu?.id,
		gpuCount: gpu === undefined ? 0 : (gpu.count ?? 1),
		cloud: pod.body.cloud ?? 'SECURE',
		createdAt: pod.createdAt,
		startedAt: pod.startedAt,
		endedAt: pod.endedAt,
		createdBy: pod.createdBy,
		actions: pod.actions,
		usd: usdOf(pod, now),
	};
}
