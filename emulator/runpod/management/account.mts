/**
 * What the management plane tells beside the endpoints' own settings: GPU types with price and
 * stock, the workers that are shown, and their logs. All of it can be set; the numbers are invented.
 */
import { z } from 'zod';

const availability = z.enum(['NONE', 'LOW', 'MEDIUM', 'HIGH']);

const gpu = z
	.object({
		id: z.string(),
		name: z.string().optional(),
		pool: z.string().nullable().default(null),
		memory: z.number().default(24),
		/** USD for one GPU and hour; absent: the catalog names none. */
		price: z.number().min(0).optional(),
		availability: availability.default('HIGH'),
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

const change = z
	.object({
		/** Replaces the whole catalog. */
		gpus: z.array(gpu).optional(),
		/** Workers shown for an endpoint, by its id; else those that had a job. */
		workers: z.record(z.string(), z.array(shownWorker)).optional(),
		/** Log lines of a worker, by its id. */
		logs: z.record(z.string(), z.array(z.string())).optional(),
	})
	.strict();

export type AccountChange = z.input<typeof change>;
export type Gpu = z.infer<typeof gpu>;
export type ShownWorker = z.infer<typeof shownWorker>;

const FIRST_CATALOG: AccountChange['gpus'] = [
	{ id: 'Emulated GPU 24', pool: 'ADA_24', memory: 24, price: 1 },
	{ id: 'Emulated GPU 48', pool: 'AMPERE_48', memory: 48, price: 2, availability: 'LOW' },
	{ id: 'Emulated GPU 80', pool: 'AMPERE_80', memory: 80, price: 4, availability: 'NONE' },
];

export class Account {
	gpus: Gpu[] = [];
	readonly workers = new Map<string, ShownWorker[]>();
	readonly logs = new Map<string, string[]>();

	constructor() {
		this.change({ gpus: FIRST_CATALOG });
	}

	/** Throws a ZodError for what is not understood. */
	change(body: AccountChange): void {
		const { gpus, workers, logs } = change.parse(body);
		if (gpus !== undefined) this.gpus = gpus;
		for (const [id, shown] of Object.entries(workers ?? {})) this.workers.set(id, shown);
		for (const [id, lines] of Object.entries(logs ?? {})) this.logs.set(id, lines);
	}
}

export const defaultWorker = (id: string, busy: boolean, gpuCount: number): ShownWorker =>
	shownWorker.parse({ id, status: busy ? 'RUNNING' : 'IDLE', gpuCount });
