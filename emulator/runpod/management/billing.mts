/** The bills: what the ledger's milliseconds cost, in buckets of time. USD, unrounded. */
import type { FastifyInstance } from 'fastify';
import type { Emulator } from '../../emulator.mts';
import { ok, type Reply } from '../wire.mts';
import { bucketAfter, bucketOf, SIZES, type BucketSize } from './buckets.mts';
import { managed, problem } from './plane.mts';

export type Product = 'serverless' | 'pods' | 'network-volumes';

/** One cost of one thing, spread evenly over its time (ms since 1970). */
export interface Cost {
	id: string;
	from: number;
	to: number;
	usd: number;
	/** The amount that holds it, where it is not the usual one of the product. */
	amount?: string;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Kind {
	product: Product;
	/** The filter in the query, which is also the name of the id in the records. */
	idKey: string;
	countKey: string;
	/** The amounts beside the total; a cost goes to the first one unless it names another. */
	amounts: string[];
	/** Before the amounts in the bill of everything. */
	prefix: string;
}

const KINDS: Kind[] = [
	{
		product: 'serverless',
		idKey: 'serverlessId',
		countKey: 'uniqueServerlessCount',
		// Disks and fees are not modelled.
		amounts: ['gpuAmount', 'cpuAmount', 'diskAmount', 'feeAmount'],
		prefix: 'serverless',
	},
	{
		product: 'pods',
		idKey: 'podId',
		countKey: 'uniquePodCount',
		amounts: ['gpuAmount', 'cpuAmount', 'diskAmount'],
		prefix: 'pod',
	},
	{
		product: 'network-volumes',
		idKey: 'networkVolumeId',
		countKey: 'uniqueNetworkVolumeCount',
		amounts: ['standardAmount', 'highPerformanceAmount'],
		prefix: 'storage',
	},
];

/** Amounts of the bill of everything that nothing here causes. */
const NEVER = ['endpointAmount', 'clusterGpuAmount', 'clusterDiskAmount', 'clusterNetworkingAmount'];

interface Window {
	start: number;
	end: number;
	size: BucketSize;
}

export function billingRoutes(app: FastifyInstance, emulator: Emulator): void {
	managed(app, emulator, 'GET /billing', 'billing', ({ query }) => {
		const window = windowOf(query, emulator.clock.now());
		return 'status' in window ? window : ok(billOfAll(emulator, window));
	});
	for (const kind of KINDS) {
		managed(app, emulator, `GET /billing/${kind.product}`, 'billing', ({ query }) => {
			const window = windowOf(query, emulator.clock.now());
			if ('status' in window) return window;
			return ok(bill(kind, costsOf(emulator, kind.product), window, query[kind.idKey]));
		});
	}
}

/** All costs of a product so far, those that a test has set included. */
export function costsOf(emulator: Emulator, product: Product): Cost[] {
	const set = emulator.account.costs.filter((cost) => cost.product === product);
	return [...made(emulator, product), ...set];
}

function made(emulator: Emulator, product: Product): Cost[] {
	if (product === 'pods') return emulator.fleet.costs();
	if (product === 'network-volumes') return emulator.volumes.costs(emulator.account.volumePrice);
	const now = emulator.clock.now();
	return emulator.ledger.attempts().map(({ endpointId, takenAt, endedAt = now }) => ({
		id: endpointId,
		from: takenAt,
		to: endedAt,
		// Assumed: the present price counts, and workers cost nothing between jobs.
		usd: ((endedAt - takenAt) / HOUR_MS) * emulator.serverlessPrice(endpointId),
	}));
}

/** The window asked for, snapped to whole buckets; or the refusal. */
function windowOf(query: Record<string, string>, now: number): Window | Reply {
	const size = SIZES.find((each) => each === (query.bucketSize ?? 'day'));
	if (size === undefined) return problem(422, `bucketSize must be one of ${SIZES.join(', ')}`);
	const nextAfter = (at: number) =>
		bucketOf(at, size) === at ? at : bucketAfter(bucketOf(at, size), size);
	if (query.lastN !== undefined) {
		const count = Number(query.lastN);
		if (!Number.isInteger(count) || count < 1) return problem(422, 'lastN must be at least 1');
		if (query.startTime !== undefined || query.endTime !== undefined)
			return problem(400, 'lastN and startTime/endTime are mutually exclusive');
		let start = bucketOf(now, size);
		for (let n = 1; n < count; n++) start = bucketOf(start - 1, size);
		return { start, end: bucketAfter(bucketOf(now, size), size), size };
	}
	const end = query.endTime === undefined ? now : Date.parse(query.endTime);
	const start = query.startTime === undefined ? now - 30 * DAY_MS : Date.parse(query.startTime);
	if (Number.isNaN(start) || Number.isNaN(end))
		return problem(422, 'startTime and endTime must be RFC 3339 times');
	if (start >= end) return problem(400, 'startTime must be before endTime');
	return { start: bucketOf(start, size), end: nextAfter(end), size };
}

/** Assumed: a bucket without cost has no record. */
function bill(kind: Kind, costs: Cost[], { start, end, size }: Window, only?: string) {
	const ids = [...new Set(costs.map(({ id }) => id))].filter(
		(id) => only === undefined || id === only,
	);
	const records: Array<Record<string, unknown>> = [];
	const totals = emptyAmounts(kind);
	for (let from = start; from < end; from = bucketAfter(from, size)) {
		const to = bucketAfter(from, size);
		for (const id of ids) {
			const amounts = emptyAmounts(kind);
			for (const cost of costs.filter((each) => each.id === id)) {
				const usd = share(cost, from, to);
				for (const sums of [amounts, totals]) {
					sums.totalAmount += usd;
					sums[cost.amount ?? kind.amounts[0]] += usd;
				}
			}
			if (amounts.totalAmount === 0) continue;
			records.push({ ...times(from, to), [kind.idKey]: id, ...amounts });
		}
	}
	return {
		records,
		metadata: {
			query: { ...times(start, end), bucketSize: size, [kind.idKey]: only ?? null },
			recordCount: records.length,
			[kind.countKey]: new Set(records.map((record) => record[kind.idKey])).size,
			totals,
		},
	};
}

/** One record for each bucket with a cost, whatever it was for. */
function billOfAll(emulator: Emulator, { start, end, size }: Window) {
	const none = (): Record<string, number> =>
		Object.fromEntries(
			['totalAmount', ...KINDS.flatMap(allAmounts), ...NEVER].map((name) => [name, 0]),
		);
	const totals = none();
	const records: Array<Record<string, unknown>> = [];
	for (let from = start; from < end; from = bucketAfter(from, size)) {
		const to = bucketAfter(from, size);
		const amounts = none();
		for (const kind of KINDS) {
			for (const cost of costsOf(emulator, kind.product)) {
				const usd = share(cost, from, to);
				const name = prefixed(kind, cost.amount ?? kind.amounts[0]);
				for (const sums of [amounts, totals]) {
					sums.totalAmount += usd;
					sums[name] += usd;
				}
			}
		}
		if (amounts.totalAmount > 0) records.push({ ...times(from, to), ...amounts });
	}
	const query = { ...times(start, end), bucketSize: size };
	return { records, metadata: { query, recordCount: records.length, totals } };
}

const prefixed = ({ prefix }: Kind, amount: string): string =>
	`${prefix}${amount[0].toUpperCase()}${amount.slice(1)}`;

const allAmounts = (kind: Kind): string[] => kind.amounts.map((amount) => prefixed(kind, amount));

const emptyAmounts = ({ amounts }: Kind): Record<string, number> =>
	Object.fromEntries(['totalAmount', ...amounts].map((name) => [name, 0]));

const times = (start: number, end: number) => ({
	startTime: new Date(start).toISOString(),
	endTime: new Date(end).toISOString(),
});

/** What of a cost falls between two times; a cost of one moment falls where the moment is. */
function share(cost: Cost, from: number, to: number): number {
	if (cost.to <= cost.from) return cost.from >= from && cost.from < to ? cost.usd : 0;
	const inside = Math.min(cost.to, to) - Math.max(cost.from, from);
	return inside <= 0 ? 0 : (cost.usd * inside) / (cost.to - cost.from);
}
