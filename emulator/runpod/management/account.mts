/**
 * What the management plane tells of the world around it: GPU types with price and stock, data
 * centers, templates, the workers that are shown, their logs, bills. All can be set; the numbers are invented.
 */
import { z } from 'zod';

const availability = z.enum(['NONE', 'LOW', 'MEDIUM', 'HIGH']);
const usd = z.number().min(0);

const gpu = z
	.object({
		id: z.string(),
		name: z.string().optional(),
		pool: z.string().nullable().default(null),
		manufacturer: z.enum(['NVIDIA', 'AMD', 'UNKNOWN']).default('NVIDIA'),
		memory: z.number().default(24),
		/** USD for one GPU and hour, one for all or by kind; absent: the catalog names none for workers. */
		price: z
			.union([usd, z.object({ secure: usd, community: usd, serverless: usd }).partial().strict()])
			.optional(),
		/** NONE: a Pod of this type is refused for lack of capacity. */
		availability: availability.default('HIGH'),
		/** By data center, where it differs. */
		stock: z.record(z.string(), availability).default({}),
		secure: z.boolean().default(true),
		community: z.boolean().default(true),
		cudaVersions: z.array(z.string()).default(['12.6', '12.8']),
	})
	.strict();

const dataCenter = z
	.object({
		id: z.string(),
		name: z.string().optional(),
		region: z.string().default('NORTH_AMERICA'),
		networkVolumeTypes: z
			.array(z.enum(['STANDARD', 'HIGH_PERFORMANCE']))
			.default(['STANDARD', 'HIGH_PERFORMANCE']),
	})
	.strict();

const shownWorker = z
	.object({
		id: z.string(),
		status: z
			.enum(['RUNNING', 'IDLE', 'INITIALIZING', 'THROTTLED', 'UNHEALTHY'])
			.default('RUNNING'),
		gpuTypeId: z.string().default('Emulated GPU 24'),
		gpuCount: z.number().int().min(0).default(1),
		dataCenterId: z.string().default('EM-1'),
	})
	.strict();

/** Body fields that a template fills in where a create sends none; `env` merges key by key. */
const template = z
	.object({
		image: z.string(),
		args: z.string().optional(),
		disk: z.number().int().optional(),
		env: z.record(z.string(), z.string()).optional(),
		ports: z.array(z.string()).optional(),
	})
	.strict();

const time = z.union([z.number(), z.string().datetime().transform(Date.parse)]);

/** A cost that is billed beside what really ran, e.g. of yesterday. Times: ms since 1970 or RFC 3339. */
const cost = z
	.object({
		product: z.enum(['serverless', 'pods', 'network-volumes']),
		id: z.string(),
		from: time,
		/** Absent: all at once. */
		to: time.optional(),
		usd: z.number(),
	})
	.strict()
	.transform((set) => ({ ...set, to: set.to ?? set.from }));

const change = z
	.object({
		/** Replaces the whole catalog. */
		gpus: z.array(gpu).optional(),
		/** Changes of single GPU types, by id: price and stock move. */
		gpu: z.record(z.string(), gpu.omit({ id: true }).partial()).optional(),
		dataCenters: z.array(dataCenter).optional(),
		templates: z.record(z.string(), template).optional(),
		/** Workers shown for an endpoint, by its id; else those that had a job. */
		workers: z.record(z.string(), z.array(shownWorker)).optional(),
		/** Log lines of a worker or Pod, by its id. */
		logs: z.record(z.string(), z.array(z.string())).optional(),
		/** Replaces all costs that were set. */
		costs: z.array(cost).optional(),
		/** USD; a Pod that costs more in an hour is refused with 402. It does not go down by itself. */
		balance: z.number().optional(),
		/** USD for one GB and month of a network volume. */
		volumePrice: usd.optional(),
	})
	.strict();

export type AccountChange = z.input<typeof change>;
export type Gpu = z.infer<typeof gpu>;
export type ShownWorker = z.infer<typeof shownWorker>;
type Availability = Gpu['availability'];

const FIRST: AccountChange = {
	gpus: [
		{ id: 'Emulated GPU 24', pool: 'ADA_24', memory: 24, price: 1 },
		{ id: 'Emulated GPU 48', pool: 'AMPERE_48', memory: 48, price: 2, availability: 'LOW' },
		{ id: 'Emulated GPU 80', pool: 'AMPERE_80', memory: 80, price: 4, availability: 'NONE' },
	],
	dataCenters: [{ id: 'EM-1' }, { id: 'EM-2', region: 'EUROPE' }],
};

export class Account {
	gpus: Gpu[] = [];
	dataCenters: Array<z.infer<typeof dataCenter>> = [];
	costs: Array<z.infer<typeof cost>> = [];
	volumePrice = 0.07;
	balance = 100;
	readonly templates = new Map<string, z.infer<typeof template>>();
	readonly workers = new Map<string, ShownWorker[]>();
	readonly logs = new Map<string, string[]>();

	constructor() {
		this.change(FIRST);
	}

	/** Throws a ZodError for what is not understood. */
	change(body: AccountChange): void {
		const set = change.parse(body);
		this.gpus = set.gpus ?? this.gpus;
		this.dataCenters = set.dataCenters ?? this.dataCenters;
		this.costs = set.costs ?? this.costs;
		this.balance = set.balance ?? this.balance;
		this.volumePrice = set.volumePrice ?? this.volumePrice;
		// The schema above fills in defaults; a change takes what was sent alone.
		for (const [id, part] of Object.entries(body.gpu ?? {})) {
			this.gpus = this.gpus.map((each) =>
				each.id === id ? gpu.parse({ ...each, ...part }) : each,
			);
		}
		for (const [id, given] of Object.entries(set.templates ?? {})) this.templates.set(id, given);
		for (const [id, shown] of Object.entries(set.workers ?? {})) this.workers.set(id, shown);
		for (const [id, lines] of Object.entries(set.logs ?? {})) this.logs.set(id, lines);
	}
}

/** Stock of a GPU type in one data center. */
export const stockIn = (type: Gpu, dataCenterId: string): Availability =>
	type.stock[dataCenterId] ?? type.availability;

export const defaultWorker = (id: string, busy: boolean, gpuCount: number): ShownWorker =>
	shownWorker.parse({ id, status: busy ? 'RUNNING' : 'IDLE', gpuCount });
