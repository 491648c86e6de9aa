/**
 * The request bodies of the management plane, written down for this emulator in JSON Schema.
 * Closed objects: a key that is not named here is refused with 422, as the platform does.
 */
type Schema = Record<string, unknown>;

const text: Schema = { type: 'string' };
const filled: Schema = { type: 'string', minLength: 1 };
const whole = (minimum: number, maximum?: number): Schema => ({
	type: 'integer',
	minimum,
	...(maximum === undefined ? {} : { maximum }),
});
const list = (items: Schema, more: Schema = {}): Schema => ({ type: 'array', items, ...more });
const object = (properties: Record<string, Schema>, required: string[] = []): Schema => ({
	type: 'object',
	properties,
	required,
	additionalProperties: false,
});

/** Fields of everything that runs a container. */
const container = {
	image: text,
	args: text,
	disk: whole(1),
	env: { type: 'object', additionalProperties: text },
	ports: list(text),
	registry: { type: ['string', 'null'] },
};

const cudaVersion: Schema = { type: 'string', pattern: '^\\d+\\.\\d+$' };
const cuda = { allowedCudaVersions: list(cudaVersion), minCudaVersion: cudaVersion };
const cpu = object({ id: filled, vcpuCount: whole(2) }, ['id', 'vcpuCount']);
const mounts = object({
	persistent: object({ size: whole(10), path: text }, ['size', 'path']),
	network: list(object({ volumeId: text, path: text }, ['volumeId', 'path']), { maxItems: 1 }),
});

const endpointGpu = {
	pools: list(text, { minItems: 1 }),
	excludedTypes: list({ type: 'string', pattern: '^\\s*[^-\\s]' }, { uniqueItems: true }),
	count: whole(1),
};
const queueDelay = object(
	{ type: { type: 'string', enum: ['QUEUE_DELAY'] }, queueDelay: { type: 'number', minimum: 0.5 } },
	['type', 'queueDelay'],
);
const requestCount = object(
	{ type: { type: 'string', enum: ['REQUEST_COUNT'] }, requestCount: whole(1) },
	['type', 'requestCount'],
);
const endpoint = {
	...container,
	name: filled,
	cpu: list(cpu, { minItems: 1, uniqueItems: true }),
	dataCenterIds: list(text),
	flashboot: { type: 'string', enum: ['OFF', 'FLASHBOOT', 'PRIORITY_FLASHBOOT'] },
	networkVolumes: list(text),
	scaling: { oneOf: [queueDelay, requestCount] },
	timeout: { type: 'integer' },
	workers: object({ min: whole(0), max: whole(0), idleTimeout: whole(1, 3600) }),
};
const volume = { name: filled, size: whole(10, 4096) };

export const BODIES = {
	createPod: {
		...object(
			{
				...container,
				name: filled,
				cloud: { type: 'string', enum: ['SECURE', 'COMMUNITY'] },
				cpu,
				gpu: object({ id: text, count: whole(1), ...cuda }, ['id']),
				dataCenterIds: list(text),
				globalNetworking: { type: 'boolean' },
				mounts,
				startJupyter: { type: 'boolean' },
				startSsh: { type: 'boolean' },
				templateId: filled,
			},
			['name'],
		),
		if: { not: { required: ['templateId'] } },
		then: { required: ['image'] },
	},
	updatePod: object({
		...container,
		name: filled,
		globalNetworking: { type: 'boolean' },
		locked: { type: 'boolean' },
		mounts,
		templateId: text,
	}),
	podAction: object(
		{ action: { type: 'string', enum: ['start', 'stop', 'restart', 'terminate'] } },
		['action'],
	),
	createEndpoint: {
		...object(
			{
				...endpoint,
				type: { type: 'string', enum: ['QUEUE', 'LOAD_BALANCER'] },
				gpu: object({ ...endpointGpu, ...cuda }, ['pools']),
				templateId: filled,
			},
			['name', 'type', 'scaling'],
		),
		if: { not: { required: ['templateId'] } },
		then: { required: ['image'] },
	},
	updateEndpoint: object({
		...endpoint,
		gpu: {
			...object({
				...endpointGpu,
				allowedCudaVersions: list(cudaVersion),
				// Empty: the floor is taken away.
				minCudaVersion: { type: 'string', pattern: '^$|^\\d+\\.\\d+$' },
			}),
			dependentRequired: { excludedTypes: ['pools'] },
		},
		templateId: text,
	}),
	createVolume: object(
		{
			...volume,
			dataCenter: filled,
			type: { type: 'string', enum: ['STANDARD', 'HIGH_PERFORMANCE'] },
		},
		['name', 'size', 'dataCenter'],
	),
	updateVolume: { ...object(volume), minProperties: 1 },
} satisfies Record<string, Schema>;

export type BodyName = keyof typeof BODIES;
