import { invalidInput } from './failure';
import { listOf, numberOf, recordOf, recordsOf, textOf } from './reading';

/** GPU types as RunPod's catalog shows them now: memory, price and stock. */

export interface CatalogGpu {
	id: string;
	name: string;
	pool?: string;
	/** GB. */
	memory?: number;
	/** USD for one GPU and hour; a price of 0 means that it is not offered there. */
	price: { secure?: number; community?: number; serverless?: number };
	/** NONE, LOW, MEDIUM or HIGH: a hint, not a reservation. */
	availability?: string;
	dataCenters: Array<{ id: string; availability?: string }>;
	/** Where it is offered at all; unknown counts as yes. */
	secure: boolean;
	community: boolean;
}

const priceOf = (value: unknown): number | undefined => numberOf(value) || undefined;

/** The body of `GET /catalog/gpus`. */
export function readCatalog(body: unknown): CatalogGpu[] | undefined {
	return listOf(body, 'gpus')?.map((gpu) => {
		const price = recordOf(gpu.price);
		return {
			id: String(gpu.id),
			name: textOf(gpu.name) ?? String(gpu.id),
			pool: textOf(gpu.pool),
			memory: numberOf(gpu.memory),
			price: {
				secure: priceOf(price.secure),
				community: priceOf(price.community),
				serverless: priceOf(price.serverless),
			},
			availability: textOf(gpu.availability),
			dataCenters: recordsOf(gpu.dataCenters).map(({ id, availability }) => ({
				id: String(id),
				availability: textOf(availability),
			})),
			secure: gpu.secure !== false,
			community: gpu.community !== false,
		};
	});
}

export type Product = 'SERVERLESS' | 'POD';

/** Where the catalog stands. Each of the two parameters is refused without the other. */
export const catalogPath = (product: Product): string =>
	`catalog/gpus?include=AVAILABILITY&product=${product}`;

/** USD per hour of the cheapest way to get it as a Pod. */
export const podPriceOf = ({ price }: CatalogGpu): number | undefined => {
	const known = [price.secure, price.community].filter((one) => one !== undefined);
	return known.length === 0 ? undefined : Math.min(...known);
};

const usd = (price: number | undefined): string =>
	price === undefined ? 'price unknown' : `$${price.toFixed(2)}/h`;

/** `RTX 4090 - 24 GB - $1.10/h - stock HIGH`. */
export function gpuLabel(gpu: CatalogGpu, product: Product): string {
	const price = product === 'SERVERLESS' ? gpu.price.serverless : podPriceOf(gpu);
	const memory = gpu.memory === undefined ? '? GB' : `${gpu.memory} GB`;
	return `${gpu.name} - ${memory} - ${usd(price)} - stock ${gpu.availability ?? 'unknown'}`;
}

const STOCK = ['NONE', 'LOW', 'MEDIUM', 'HIGH'];

/** 0 for none to 3 for much; what is not known counts as little. */
export const stockOf = ({ availability }: Pick<CatalogGpu, 'availability'>): number => {
	const rank = STOCK.indexOf(availability ?? 'LOW');
	return rank < 0 ? 1 : rank;
};

export interface Pool {
	id: string;
	label: string;
}

/** The pools that endpoints take, largest stock and then lowest price first. */
export function poolsOf(gpus: CatalogGpu[]): Pool[] {
	const pools = new Map<string, CatalogGpu[]>();
	for (const gpu of gpus) {
		if (gpu.pool !== undefined) pools.set(gpu.pool, [...(pools.get(gpu.pool) ?? []), gpu]);
	}
	return [...pools].map(([id, members]) => {
		const best = members.reduce((one, other) => (stockOf(other) > stockOf(one) ? other : one));
		const prices = members.flatMap(({ price }) => price.serverless ?? []);
		const memory = Math.max(...members.map((gpu) => gpu.memory ?? 0));
		const price = usd(prices.length === 0 ? undefined : Math.max(...prices));
		const names = members.map(({ name }) => name).join(', ');
		const stock = best.availability ?? 'unknown';
		return { id, label: `${id} - ${memory} GB - ${price} - stock ${stock} (${names})` };
	});
}

/**
 * Pools for an endpoint. Those of a preset were written down once: what the catalog does not have
 * any more is left out. Throws INVALID_INPUT for an unknown one that was chosen by hand.
 */
export function knownPools(wanted: string[], gpus: CatalogGpu[], byHand: boolean): string[] {
	const known = new Set(gpus.flatMap(({ pool }) => pool ?? []));
	const there = wanted.filter((pool) => known.has(pool));
	const unknown = wanted.find((pool) => !known.has(pool));
	if (unknown === undefined || (!byHand && there.length > 0)) return there;
	throw invalidInput(
		`'GPU Pools' has '${unknown}', which RunPod does not know. It knows ${[...known].join(', ')}.`,
	);
}

/** Which models fit the memory: classes, since a model's size depends on how it is stored. */
export function fitsOf(memory: number | undefined): string {
	if (memory === undefined) return 'unknown';
	if (memory >= 80) return 'SD 1.5, SDXL, FLUX and larger models';
	if (memory >= 40) return 'SD 1.5, SDXL, FLUX';
	if (memory >= 24) return 'SD 1.5, SDXL, FLUX quantised';
	return memory >= 16 ? 'SD 1.5 and SDXL for trials' : 'SD 1.5 in small sizes';
}

export interface GpuFilter {
	minMemory: number;
	/** Empty for all. */
	dataCenter: string;
	onlyInStock: boolean;
}

export function filterGpus(gpus: CatalogGpu[], filter: GpuFilter): CatalogGpu[] {
	const place = filter.dataCenter.toUpperCase();
	return gpus.filter((gpu) => {
		if ((gpu.memory ?? 0) < filter.minMemory) return false;
		const there = gpu.dataCenters.find(({ id }) => id.toUpperCase() === place);
		if (place !== '' && there === undefined) return false;
		return !filter.onlyInStock || stockOf(there ?? gpu) > 0;
	});
}

const squeezed = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '');

/**
 * The catalog's IDs of what a user named by ID or name. Throws INVALID_INPUT for a type that the
 * catalog does not have; `label` names the field.
 */
export function knownGpus(wanted: string[], gpus: CatalogGpu[], label: string): CatalogGpu[] {
	return wanted.map((word) => {
		const found =
			gpus.find(({ id }) => id === word) ??
			gpus.find(({ id, name }) => [id, name].some((own) => squeezed(own) === squeezed(word)));
		if (found !== undefined) return found;
		const near = gpus.filter(({ id }) => squeezed(id).includes(squeezed(word)));
		const shown = (near.length > 0 ? near : gpus).slice(0, 8).map(({ id }) => id);
		throw invalidInput(
			`'${label}' has '${word}', which RunPod does not know. It knows ${shown.join(', ')}.`,
		);
	});
}
