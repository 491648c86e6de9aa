/** What no schema tells about a new Pod: rules between fields, capacity, balance. Assumed: most texts. */
import type { Emulator } from '../../emulator.mts';
import type { Reply } from '../wire.mts';
import { stockIn, type Gpu } from './account.mts';
import { cloudKey, prices } from './catalog.mts';
import { bothCuda } from './deployed.mts';
import { NO_CAPACITY, problem } from './plane.mts';

type Body = Record<string, unknown>;

export interface Place {
	dataCenterId: string;
	/** All GPUs of the Pod together. */
	usdPerHour: number;
}

/** Invented: USD for one vCPU and hour. */
const VCPU_PRICE = 0.03;
const MOST_HTTP_PORTS = 10;
const MOST_GPUS = { secure: 8, community: 4 };

const refuse = (detail: string): Reply => problem(400, detail);

/** Where the Pod goes and what it costs, or the refusal. */
export function place(emulator: Emulator, body: Body): Place | Reply {
	const refusal = contradiction(body);
	if (refusal !== undefined) return refusal;
	const { account } = emulator;
	const mounts = (body.mounts ?? {}) as { network?: Array<{ volumeId: string }> };
	const volumeId = mounts.network?.[0]?.volumeId;
	const volume = volumeId === undefined ? undefined : emulator.volumes.get(volumeId);
	if (volumeId !== undefined && volume === undefined)
		return refuse(`network volume '${volumeId}' not found`);
	const wanted = (body.dataCenterIds ?? []) as string[];
	// The list is enforced although it is called a preference; a volume binds the Pod to its own place.
	const open = account.dataCenters
		.map(({ id }) => id)
		.filter((id) => wanted.length === 0 || wanted.includes(id))
		.filter((id) => volume === undefined || volume.dataCenter === id);
	const found =
		body.gpu === undefined ? cpuPlace(body.cpu as Body, open) : gpuPlace(account.gpus, body, open);
	if ('status' in found) return found;
	// At least one hour of credit is needed to deploy.
	if (account.balance < found.usdPerHour) return problem(402, 'insufficient balance');
	return found;
}

function contradiction(body: Body): Reply | undefined {
	const mounts = (body.mounts ?? {}) as { network?: unknown[]; persistent?: unknown };
	const ports = (body.ports ?? []) as string[];
	if (body.gpu !== undefined && body.cpu !== undefined)
		return refuse('gpu and cpu are mutually exclusive');
	if (body.gpu === undefined && body.cpu === undefined)
		return refuse('one of gpu or cpu is required');
	if (mounts.persistent !== undefined && (mounts.network ?? []).length > 0)
		return refuse('mounts.persistent and mounts.network are mutually exclusive');
	if (mounts.persistent !== undefined && body.cpu !== undefined)
		return refuse('mounts.persistent is not allowed on CPU pods');
	if (bothCuda((body.gpu ?? {}) as Body))
		return refuse('minCudaVersion and allowedCudaVersions are mutually exclusive');
	const wrong = ports.find((port) => !/^\d{1,5}\/(http|tcp|udp)$/.test(port));
	if (wrong !== undefined) return refuse(`port '${wrong}' must be port/protocol`);
	if (ports.filter((port) => port.endsWith('/http')).length > MOST_HTTP_PORTS)
		return refuse(`at most ${MOST_HTTP_PORTS} HTTP ports are allowed`);
	// The emulated account has no SSH keys.
	if (body.startSsh === true) return refuse('startSsh requires a registered SSH key');
	return undefined;
}

function gpuPlace(catalog: Gpu[], body: Body, open: string[]): Place | Reply {
	const gpu = body.gpu as { id: string; count?: number } & Body;
	const type = catalog.find(({ id }) => id === gpu.id);
	if (type === undefined) return refuse(`unknown GPU type '${gpu.id}'`);
	const cloud = cloudKey(body.cloud);
	// A count that is left out was seen to find nothing.
	const fits = gpu.count !== undefined && gpu.count <= MOST_GPUS[cloud] && type[cloud];
	const dataCenterId = open.find((id) => stockIn(type, id) !== 'NONE');
	if (!fits || dataCenterId === undefined || !cudaFits(type.cudaVersions, gpu))
		return refuse(NO_CAPACITY);
	return { dataCenterId, usdPerHour: prices(type)[cloud] * (gpu.count ?? 1) };
}

function cpuPlace(cpu: Body, [dataCenterId]: string[]): Place | Reply {
	const count = Number(cpu.vcpuCount);
	if ((count & (count - 1)) !== 0) return refuse('vcpuCount must be a power of two');
	if (dataCenterId === undefined) return refuse(NO_CAPACITY);
	return { dataCenterId, usdPerHour: count * VCPU_PRICE };
}

/** Versions are compared by their two numbers: 12.11 is above 12.2. */
function cudaFits(offered: string[], gpu: Body): boolean {
	const exact = (gpu.allowedCudaVersions ?? []) as string[];
	if (exact.length > 0) return offered.some((version) => exact.includes(version));
	if (typeof gpu.minCudaVersion !== 'string') return true;
	const number = (version: string) => {
		const [major, minor] = version.split('.').map(Number);
		return major * 1000 + minor;
	};
	const floor = number(gpu.minCudaVersion);
	return offered.some((version) => number(version) >= floor);
}
