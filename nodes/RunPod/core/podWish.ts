import { managementLimits } from '../contract/management';
import type { CatalogGpu } from './catalog';
import { stockOf } from './catalog';
import { invalidInput } from './failure';
import { podNameOf } from './pods';
import { checked } from './request';

/** What a user wants of a new Pod, checked; and the request bodies that can get it. */

export type Cloud = 'SECURE' | 'COMMUNITY';

export interface PodWish {
	tag: string;
	ownerKey: string;
	name: string;
	image: string;
	templateId: string;
	gpuTypes: string[];
	gpuOrder: string;
	gpuCount: number;
	cloud: string;
	containerDiskGb: number;
	/** 0 for none. */
	volumeDiskGb: number;
	networkVolume: string;
	/** Where the volume disk or the network volume appears. */
	mountPath: string;
	dataCenters: string[];
	ports: string[];
	env: Record<string, string>;
	args: string;
	cudaVersions: string[];
	minCudaVersion: string;
	registry: string;
	globalNetworking: boolean;
	startSsh: boolean;
	startJupyter: boolean;
}

const limits = managementLimits.pod;
/** The least size of a volume disk that is not 0. */
const LEAST_VOLUME_GB = 20;
const PORT = /^(\d{1,5})\/(http|tcp|udp)$/;
const VERSION = /^\d+\.\d+$/;

function checkPorts(ports: string[]): void {
	const label = limits.ports.label;
	for (const port of ports) {
		const number = Number(PORT.exec(port)?.[1]);
		if (!(number >= 1 && number <= 65535)) {
			throw invalidInput(`'${label}' has '${port}'; a port looks like 8000/http or 22/tcp.`);
		}
	}
	const web = ports.filter((port) => port.endsWith('/http')).length;
	if (web > 10) throw invalidInput(`'${label}' has ${web} HTTP ports; the limit is 10.`);
}

/** Throws INVALID_INPUT with field, value and limit for what RunPod or good sense would refuse. */
export function checkWish(wish: PodWish): void {
	if (wish.name.trim() === '' && wish.ownerKey.trim() === '') {
		throw invalidInput("'Name' must not be empty, unless 'Owner Key' names the owner.");
	}
	if (wish.image === '' && wish.templateId === '') {
		throw invalidInput("'Image' or 'Template ID' is required; both are empty.");
	}
	if (wish.image !== '' && wish.templateId !== '') {
		throw invalidInput("'Image' and 'Template ID' exclude each other; fill in only one.");
	}
	if (wish.gpuTypes.length === 0) throw invalidInput("'GPU Types' must not be empty.");
	const numbers = [
		[limits.gpuCount, wish.gpuCount],
		[limits.containerDiskGb, wish.containerDiskGb],
		[limits.volumeDiskGb, wish.volumeDiskGb],
	] as const;
	for (const [limit, value] of numbers) checked(limit, value);
	if (wish.volumeDiskGb > 0 && wish.volumeDiskGb < LEAST_VOLUME_GB) {
		throw invalidInput(
			`'${limits.volumeDiskGb.label}' must be 0 for none, or between ${LEAST_VOLUME_GB} and ${limits.volumeDiskGb.maximum}, not ${wish.volumeDiskGb}.`,
		);
	}
	if (!['SECURE', 'COMMUNITY', 'ANY'].includes(wish.cloud)) {
		throw invalidInput(`'Cloud' must be one of SECURE, COMMUNITY, ANY, not '${wish.cloud}'.`);
	}
	checkPorts(wish.ports);
	for (const version of [...wish.cudaVersions, wish.minCudaVersion]) {
		if (version !== '' && !VERSION.test(version)) {
			throw invalidInput(`'CUDA Versions' has '${version}'; a version looks like 12.8.`);
		}
	}
	if (wish.cudaVersions.length > 0 && wish.minCudaVersion !== '') {
		throw invalidInput("'CUDA Versions' and a least version exclude each other.");
	}
}

export const wishedName = ({ tag, ownerKey, name }: PodWish): string =>
	podNameOf(tag.trim(), ownerKey.trim() === '' ? name.trim() : ownerKey.trim());

/** One GPU type on one cloud: a request can ask for no more. */
export interface Candidate {
	gpu: string;
	cloud: Cloud;
}

const priceOn = (cloud: Cloud, { price }: CatalogGpu): number | undefined =>
	cloud === 'SECURE' ? price.secure : price.community;

/** The GPU types in the order in which they are tried; those without stock come last. */
function ordered(wish: PodWish, cloud: Cloud, known: CatalogGpu[] | undefined): string[] {
	if (known === undefined) return wish.gpuTypes;
	const byId = new Map(known.map((gpu) => [gpu.id, gpu]));
	const gpus = wish.gpuTypes.flatMap((id) => byId.get(id) ?? []);
	const rank = (gpu: CatalogGpu): number => {
		if (wish.gpuOrder === 'stock') return -stockOf(gpu);
		if (wish.gpuOrder === 'price') return priceOn(cloud, gpu) ?? Infinity;
		return 0;
	};
	// Sorting keeps the order of equals, so the user's order decides between them.
	return [...gpus]
		.sort((one, other) => {
			const empty = Number(stockOf(one) === 0) - Number(stockOf(other) === 0);
			if (empty !== 0) return empty;
			const [left, right] = [rank(one), rank(other)];
			return left === right ? 0 : left - right;
		})
		.map(({ id }) => id);
}

/** All that is tried, one by one: every GPU type on the Secure Cloud, then on the Community Cloud. */
export function candidatesOf(wish: PodWish, known?: CatalogGpu[]): Candidate[] {
	const clouds: Cloud[] =
		wish.cloud === 'ANY'
			? ['SECURE', 'COMMUNITY']
			: [wish.cloud === 'COMMUNITY' ? 'COMMUNITY' : 'SECURE'];
	const offered = (id: string, cloud: Cloud): boolean => {
		const gpu = known?.find((one) => one.id === id);
		return gpu === undefined || (cloud === 'SECURE' ? gpu.secure : gpu.community);
	};
	const all = clouds.flatMap((cloud) => ordered(wish, cloud, known).map((gpu) => ({ gpu, cloud })));
	const some = all.filter(({ gpu, cloud }) => offered(gpu, cloud));
	// The platform decides where the catalog says no to everything.
	return some.length > 0 ? some : all;
}

function mountsOf(wish: PodWish): Record<string, unknown> | undefined {
	const path = wish.mountPath;
	if (wish.networkVolume !== '') return { network: [{ volumeId: wish.networkVolume, path }] };
	if (wish.volumeDiskGb === 0) return undefined;
	return { persistent: { size: wish.volumeDiskGb, path } };
}

/** The body of `POST /pods`. The count is always told: without it RunPod found no machine. */
export function podBody(wish: PodWish, { gpu, cloud }: Candidate): Record<string, unknown> {
	const isTemplate = wish.templateId !== '';
	const cuda =
		wish.minCudaVersion !== ''
			? { minCudaVersion: wish.minCudaVersion }
			: wish.cudaVersions.length > 0
				? { allowedCudaVersions: wish.cudaVersions }
				: {};
	const mounts = mountsOf(wish);
	return {
		name: wishedName(wish),
		...(isTemplate ? { templateId: wish.templateId } : { image: wish.image }),
		gpu: { id: gpu, count: wish.gpuCount, ...cuda },
		cloud,
		...(wish.dataCenters.length > 0 ? { dataCenterIds: wish.dataCenters } : {}),
		disk: wish.containerDiskGb,
		ports: wish.ports,
		env: wish.env,
		...(wish.args === '' ? {} : { args: wish.args }),
		...(wish.registry === '' ? {} : { registry: wish.registry }),
		...(mounts === undefined ? {} : { mounts }),
		...(wish.globalNetworking ? { globalNetworking: true } : {}),
		startSsh: wish.startSsh,
		startJupyter: wish.startJupyter,
	};
}
