import { managementLimits, managementPresets } from '../contract/management';
import { invalidInput } from './failure';
import type { ManagedEndpoint } from './endpoints';
import { recordOf } from './reading';
import { checked } from './request';

/** What a user wants of an endpoint, with the preset's values, as request bodies. */

const limits = managementLimits.endpoint;

/** Values by the node's parameter names; absent ones were not set by hand. */
export type EndpointValues = Record<string, unknown>;

interface Wish {
	name: string;
	image: string;
	templateId: string;
	gpuPools: string[];
	gpuCount: number;
	activeWorkers: number;
	maxWorkers: number;
	idleTimeoutS: number;
	flashBoot: boolean;
	containerDiskGb: number;
	networkVolumes: string[];
	dataCenters: string[];
	executionTimeoutS: number;
	args: string;
	environment: Record<string, string>;
}

type LimitName = keyof typeof limits;

const isOwnLimit = (name: string): name is LimitName => Object.hasOwn(limits, name);

/** A preset's values by the node's parameter names. */
function presetOf(word: string): EndpointValues {
	const preset = managementPresets.endpoint?.[word];
	if (preset === undefined) {
		const words = Object.keys(managementPresets.endpoint ?? {}).join(', ');
		throw invalidInput(`'Preset' must be one of ${words}, not '${word}'.`);
	}
	return Object.fromEntries(
		Object.entries(preset).map(([name, value]) => [
			name.replace(/_([a-z])/g, (_whole, letter: string) => letter.toUpperCase()),
			value,
		]),
	);
}

/** Checks every value that stands in a field with limits. Throws INVALID_INPUT. */
function checkValues(values: EndpointValues): void {
	for (const [name, value] of Object.entries(values)) {
		if (isOwnLimit(name)) checked(limits[name], value);
	}
}

/**
 * The preset fills what was not set by hand; the rest has the contract's default. A template takes
 * the place of the default image, but not of one that was set.
 */
export function endpointWish(preset: string, given: EndpointValues): Wish {
	const fixed = presetOf(preset);
	const own = Object.entries(given).filter(([, value]) => {
		const isEmptyList = Array.isArray(value) && value.length === 0;
		return value !== undefined && value !== null && value !== '' && !isEmptyList;
	});
	const values: EndpointValues = { ...fixed, ...Object.fromEntries(own) };
	checkValues(values);
	const number = (
		name:
			| 'gpuCount'
			| 'activeWorkers'
			| 'maxWorkers'
			| 'idleTimeoutS'
			| 'containerDiskGb'
			| 'executionTimeoutS',
	) => Number(checked(limits[name], values[name]));
	const text = (name: string) => String(values[name] ?? '').trim();
	const list = (name: string) => (values[name] ?? []) as string[];
	const name = text('name');
	if (name === '') throw invalidInput("'Name' must not be empty, unless a preset has one.");
	const [image, templateId] = [text('image'), text('templateId')];
	if (image !== '' && templateId !== '' && image !== limits.image.default) {
		throw invalidInput("'Image' and 'Template ID' exclude each other; fill in only one.");
	}
	const [activeWorkers, maxWorkers] = [number('activeWorkers'), number('maxWorkers')];
	if (activeWorkers > maxWorkers) {
		throw invalidInput(
			`'Active Workers' (${activeWorkers}) must not be larger than 'Max Workers' (${maxWorkers}).`,
		);
	}
	return {
		name,
		image: templateId === '' ? image || limits.image.default : '',
		templateId,
		gpuPools: list('gpuPools'),
		gpuCount: number('gpuCount'),
		activeWorkers,
		maxWorkers,
		idleTimeoutS: number('idleTimeoutS'),
		flashBoot: Boolean(values.flashBoot ?? limits.flashBoot.default),
		containerDiskGb: number('containerDiskGb'),
		networkVolumes: list('networkVolumes'),
		dataCenters: list('dataCenters'),
		executionTimeoutS: number('executionTimeoutS'),
		args: text('args'),
		environment: {
			...(recordOf(fixed.environment) as Record<string, string>),
			...(recordOf(given.environment) as Record<string, string>),
		},
	};
}

/** The body of `POST /serverless`. The timeout is always told: left out it became 0. */
export function endpointBody(wish: Wish): Record<string, unknown> {
	const list = (name: string, values: string[]) => (values.length > 0 ? { [name]: values } : {});
	return {
		name: wish.name,
		type: 'QUEUE',
		...(wish.templateId === '' ? { image: wish.image } : { templateId: wish.templateId }),
		gpu: { pools: wish.gpuPools, count: wish.gpuCount },
		workers: { min: wish.activeWorkers, max: wish.maxWorkers, idleTimeout: wish.idleTimeoutS },
		scaling: { type: 'QUEUE_DELAY', queueDelay: 4 },
		flashboot: wish.flashBoot ? 'FLASHBOOT' : 'OFF',
		disk: wish.containerDiskGb,
		timeout: wish.executionTimeoutS * 1000,
		...list('networkVolumes', wish.networkVolumes),
		...list('dataCenterIds', wish.dataCenters),
		...(Object.keys(wish.environment).length > 0 ? { env: wish.environment } : {}),
		...(wish.args === '' ? {} : { args: wish.args }),
	};
}

/**
 * The body of `PATCH /serverless/{id}` with what was set alone. Variables replace all that are set,
 * and pools clear the exclusions, so what is there goes along. Throws INVALID_INPUT for no change.
 */
export function endpointChange(
	given: EndpointValues,
	now: ManagedEndpoint,
	replaceEnvironment: boolean,
): Record<string, unknown> {
	checkValues(given);
	const body: Record<string, unknown> = {};
	const workers: Record<string, unknown> = {};
	const gpu: Record<string, unknown> = {};
	const set = (target: Record<string, unknown>, name: string, value: unknown) => {
		if (value !== undefined && value !== '') target[name] = value;
	};
	set(body, 'name', given.name);
	set(body, 'image', given.image);
	set(body, 'templateId', given.templateId);
	set(body, 'disk', given.containerDiskGb);
	set(body, 'args', given.args);
	set(body, 'dataCenterIds', given.dataCenters);
	set(body, 'networkVolumes', given.networkVolumes);
	set(workers, 'min', given.activeWorkers);
	set(workers, 'max', given.maxWorkers);
	set(workers, 'idleTimeout', given.idleTimeoutS);
	set(gpu, 'pools', given.gpuPools);
	set(gpu, 'count', given.gpuCount);
	if (body.image !== undefined && body.templateId !== undefined) {
		throw invalidInput("'Image' and 'Template ID' exclude each other; fill in only one.");
	}
	if (given.flashBoot !== undefined)
		body.flashboot = given.flashBoot === true ? 'FLASHBOOT' : 'OFF';
	if (given.executionTimeoutS !== undefined) body.timeout = Number(given.executionTimeoutS) * 1000;
	if (given.environment !== undefined) {
		body.env = { ...(replaceEnvironment ? {} : now.env), ...recordOf(given.environment) };
	}
	if (gpu.pools !== undefined && now.excludedTypes.length > 0)
		gpu.excludedTypes = now.excludedTypes;
	const least = Number(workers.min ?? now.minWorkers ?? 0);
	const most = Number(workers.max ?? now.maxWorkers ?? Infinity);
	if (Object.keys(workers).length > 0 && least > most) {
		throw invalidInput(
			`'Active Workers' (${least}) must not be larger than 'Max Workers' (${most}).`,
		);
	}
	if (Object.keys(workers).length > 0) body.workers = workers;
	if (Object.keys(gpu).length > 0) body.gpu = gpu;
	if (Object.keys(body).length === 0) {
		throw invalidInput("Nothing to change: add at least one field under 'Fields'.");
	}
	return body;
}

/** Nobody takes jobs any more; those that run are finished by their workers. */
export const pauseBody = { workers: { min: 0, max: 0 } };

export const resumeBody = (maxWorkers: number): Record<string, unknown> => ({
	workers: { max: maxWorkers },
});
