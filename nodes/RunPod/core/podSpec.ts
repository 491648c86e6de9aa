import { invalidInput } from './failure';
import type { PodWish } from './podWish';
import { recordsOf, textsOf, wordsOf } from './reading';
import { isRecord } from './state';

/**
 * Reads a Pod Spec: RunPod's names of API v2 and v1, and those of the gateway's
 * `runpod.config.json`. What it names wins over the fields of the form.
 */

/** What a spec says about the wait and the limits, beside the Pod itself. */
export interface SpecSettings {
	port?: number;
	readyTimeoutS?: number;
	pollS?: number;
	failureBackoffS?: number;
	maxPods?: number;
}

export interface PodSpec {
	wish: Partial<PodWish>;
	settings: SpecSettings;
	/** Keys that other operations read, e.g. the idle clocks. */
	elsewhere: string[];
}

const LABEL = 'Pod Spec (JSON)';

const wrong = (key: string, wanted: string, value: unknown) =>
	invalidInput(`'${LABEL}': '${key}' must be ${wanted}, not ${JSON.stringify(value)}.`);

function text(key: string, value: unknown): string {
	if (typeof value !== 'string') throw wrong(key, 'text', value);
	return value;
}

function number(key: string, value: unknown): number {
	const taken = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
	if (typeof taken !== 'number' || !Number.isFinite(taken)) throw wrong(key, 'a number', value);
	return taken;
}

function flag(key: string, value: unknown): boolean {
	if (typeof value !== 'boolean') throw wrong(key, 'true or false', value);
	return value;
}

/** `{A: "1"}` or, as in v1 and GraphQL, `[{key: "A", value: "1"}]`. */
function variables(key: string, value: unknown): Record<string, string> {
	if (Array.isArray(value)) {
		return Object.fromEntries(recordsOf(value).map((one) => [String(one.key), String(one.value)]));
	}
	if (!isRecord(value)) throw wrong(key, 'an object', value);
	return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, String(one)]));
}

/** The platform takes one line: an argument with a space needs quotes. */
const commandLine = (value: unknown): string =>
	Array.isArray(value)
		? textsOf(value)
				.map((word) => (/\s/.test(word) ? `"${word.replaceAll('"', '\\"')}"` : word))
				.join(' ')
		: String(value ?? '');

function gpuOf(key: string, value: unknown): Partial<PodWish> {
	if (!isRecord(value)) throw wrong(key, 'an object with id and count', value);
	const { id, count, minCudaVersion, allowedCudaVersions, ...rest } = value;
	const other = Object.keys(rest)[0];
	if (other !== undefined) throw invalidInput(`'${LABEL}': '${key}.${other}' is not known.`);
	return {
		...(id === undefined ? {} : { gpuTypes: [text(`${key}.id`, id)] }),
		...(count === undefined ? {} : { gpuCount: number(`${key}.count`, count) }),
		...(minCudaVersion === undefined ? {} : { minCudaVersion: String(minCudaVersion) }),
		...(allowedCudaVersions === undefined ? {} : { cudaVersions: wordsOf(allowedCudaVersions) }),
	};
}

function mountsOf(key: string, value: unknown): Partial<PodWish> {
	const network = isRecord(value) ? recordsOf(value.network)[0] : undefined;
	const persistent = isRecord(value) ? value.persistent : undefined;
	if (network !== undefined) {
		return {
			networkVolume: text(`${key}.network.volumeId`, network.volumeId),
			mountPath: text(`${key}.network.path`, network.path),
		};
	}
	if (!isRecord(persistent)) throw wrong(key, 'an object with persistent or network', value);
	return {
		networkVolume: '',
		volumeDiskGb: number(`${key}.persistent.size`, persistent.size),
		mountPath: text(`${key}.persistent.path`, persistent.path),
	};
}

const cloudOf = (key: string, value: unknown): Partial<PodWish> => {
	const word = text(key, value).toUpperCase();
	return { cloud: word === 'ALL' ? 'ANY' : word };
};

type Reader = (key: string, value: unknown) => Partial<PodWish>;

const one =
	<T>(name: keyof PodWish, read: (key: string, value: unknown) => T): Reader =>
	(key, value) => ({ [name]: read(key, value) });

const image: Reader = (key, value) => ({ image: text(key, value), templateId: '' });
const template: Reader = (key, value) => ({ templateId: text(key, value), image: '' });
const gpuTypes: Reader = (_key, value) => ({ gpuTypes: wordsOf(value) });
const words = (_key: string, value: unknown): string[] => wordsOf(value);
const command = (_key: string, value: unknown): string => commandLine(value);

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
	// API v2
	['name', one('name', text)],
	['image', image],
	['templateId', template],
	['gpu', gpuOf],
	['cloud', cloudOf],
	['dataCenterIds', one('dataCenters', words)],
	['disk', one('containerDiskGb', number)],
	['ports', one('ports', words)],
	['env', one('env', variables)],
	['args', one('args', command)],
	['registry', one('registry', (_key, value) => String(value ?? ''))],
	['mounts', mountsOf],
	['globalNetworking', one('globalNetworking', flag)],
	['startSsh', one('startSsh', flag)],
	['startJupyter', one('startJupyter', flag)],
	// API v1
	['imageName', image],
	['gpuTypeIds', gpuTypes],
	['gpuTypeId', gpuTypes],
	['gpuCount', one('gpuCount', number)],
	['cloudType', cloudOf],
	['dataCenterId', one('dataCenters', words)],
	['containerDiskInGb', one('containerDiskGb', number)],
	['volumeInGb', one('volumeDiskGb', number)],
	['volumeMountPath', one('mountPath', text)],
	['networkVolumeId', one('networkVolume', text)],
	['dockerStartCmd', one('args', command)],
	['dockerArgs', one('args', command)],
	['containerRegistryAuthId', one('registry', text)],
	['allowedCudaVersions', one('cudaVersions', words)],
	// The gateway
	['pod_name_tag', one('tag', text)],
	['template_id', template],
	['image_name', image],
	['gpu_type_id', gpuTypes],
	['gpu_count', one('gpuCount', number)],
	['volume_gb', one('volumeDiskGb', number)],
	['cloud_type', cloudOf],
]);

const SETTINGS: ReadonlyMap<string, keyof SpecSettings> = new Map([
	['proxy_port', 'port'],
	['startup_timeout_s', 'readyTimeoutS'],
	['startup_poll_s', 'pollS'],
	['failure_backoff_s', 'failureBackoffS'],
	['max_active_sessions', 'maxPods'],
]);

/** Read by Terminate Idle and Get Metrics, which have fields for them. */
const ELSEWHERE = /^(idle_timeout_s|telemetry|telemetry_(port|path|poll_s|idle_s|gpu_threshold))$/;
/** Gone from the platform, or without a meaning for a Pod of one's own. */
const GONE: ReadonlyMap<string, string> = new Map([
	['interruptible', 'spot Pods are gone from the platform; use the Community Cloud'],
	['cpu', 'CPU Pods are not offered'],
	['dockerEntrypoint', "the entry point cannot be replaced any more; use 'args'"],
	['supportPublicIp', 'the platform has no such setting any more'],
	['countryCodes', "use 'dataCenterIds'"],
]);

/** Throws INVALID_INPUT for what is no object or names something that nobody would read. */
export function readPodSpec(given: unknown): PodSpec {
	const spec: PodSpec = { wish: {}, settings: {}, elsewhere: [] };
	let value = given;
	if (typeof given === 'string') {
		if (given.trim() === '') return spec;
		try {
			value = JSON.parse(given);
		} catch (error) {
			const why = error instanceof Error ? error.message : String(error);
			throw invalidInput(`'${LABEL}' is not valid JSON: ${why}`);
		}
	}
	if (value === undefined || value === null) return spec;
	if (!isRecord(value)) throw invalidInput(`'${LABEL}' must be a JSON object.`);
	addKeys(spec, value);
	return spec;
}

function addKeys(spec: PodSpec, from: Record<string, unknown>): void {
	for (const [key, value] of Object.entries(from)) {
		const read = READERS.get(key);
		const setting = SETTINGS.get(key);
		// The gateway's extra payload has v1 names and comes last, as it did there.
		if (key === 'extra_payload' || value === null || value === undefined) continue;
		if (read !== undefined) Object.assign(spec.wish, read(key, value));
		else if (setting !== undefined) spec.settings[setting] = number(key, value);
		else if (ELSEWHERE.test(key)) spec.elsewhere.push(key);
		else {
			const why = GONE.get(key) ?? 'is not known';
			throw invalidInput(`'${LABEL}': '${key}' - ${why}.`);
		}
	}
	if (isRecord(from.extra_payload)) addKeys(spec, from.extra_payload);
}
