/** Network volumes: they grow, they never shrink, and they cost from their creation on. */
import type { FastifyInstance } from 'fastify';
import type { Emulator } from '../../emulator.mts';
import { noContent, ok, type Reply } from '../wire.mts';
import type { Cost } from './billing.mts';
import { managed, problem, type ManagedCall } from './plane.mts';
import { newId } from './serverless.mts';

export interface Volume {
	id: string;
	name: string;
	/** GB. */
	size: number;
	dataCenter: string;
	type: 'STANDARD' | 'HIGH_PERFORMANCE';
}

const HOURS_PER_MONTH = 730;
const HOUR_MS = 3_600_000;

export class Volumes {
	private readonly volumes = new Map<string, Volume>();
	private readonly costsSoFar: Array<Omit<Cost, 'to' | 'usd'> & { to?: number; size: number }> = [];

	constructor(private readonly now: () => number) {}

	all(): Volume[] {
		return [...this.volumes.values()];
	}

	get(id: string): Volume | undefined {
		return this.volumes.get(id);
	}

	put(volume: Volume): Volume {
		this.close(volume.id);
		this.volumes.set(volume.id, volume);
		const amount = volume.type === 'STANDARD' ? 'standardAmount' : 'highPerformanceAmount';
		this.costsSoFar.push({ id: volume.id, from: this.now(), size: volume.size, amount });
		return volume;
	}

	remove(id: string): void {
		this.close(id);
		this.volumes.delete(id);
	}

	/** `price` in USD for one GB and month. Assumed: one price for all types and sizes. */
	costs(price: number): Cost[] {
		return this.costsSoFar.map(({ size, to = this.now(), ...span }) => ({
			...span,
			to,
			usd: ((to - span.from) / HOUR_MS / HOURS_PER_MONTH) * size * price,
		}));
	}

	private close(id: string): void {
		for (const span of this.costsSoFar) if (span.id === id) span.to ??= this.now();
	}
}

export function volumeRoutes(app: FastifyInstance, emulator: Emulator): void {
	const named = (call: ManagedCall, give: (volume: Volume) => Reply) => {
		const volume = emulator.volumes.get(call.params.volume ?? '');
		return volume === undefined ? problem(404, 'network volume not found') : give(volume);
	};
	managed(app, emulator, 'GET /network-volumes', 'volume-list', () =>
		ok({ networkVolumes: emulator.volumes.all() }),
	);
	managed(
		app,
		emulator,
		'POST /network-volumes',
		'volume-create',
		({ body }) => create(emulator, body),
		'createVolume',
	);
	managed(app, emulator, 'GET /network-volumes/:volume', 'volume-get', (call) => named(call, ok));
	managed(
		app,
		emulator,
		'PATCH /network-volumes/:volume',
		'volume-update',
		(call) => named(call, (volume) => update(emulator, volume, call.body)),
		'updateVolume',
	);
	managed(app, emulator, 'DELETE /network-volumes/:volume', 'volume-delete', (call) =>
		named(call, ({ id }) => remove(emulator, id)),
	);
}

function create(emulator: Emulator, body: Record<string, unknown>): Reply {
	const place = emulator.account.dataCenters.find(({ id }) => id === body.dataCenter);
	if (place === undefined) return problem(400, `unknown data center '${String(body.dataCenter)}'`);
	const volume = { type: 'STANDARD', ...body, id: newId() } as Volume;
	if (!place.networkVolumeTypes.includes(volume.type))
		return problem(400, `data center '${place.id}' has no ${volume.type} volumes`);
	return { status: 201, body: emulator.volumes.put(volume) };
}

function update(emulator: Emulator, volume: Volume, body: Record<string, unknown>): Reply {
	const next = { ...volume, ...body };
	if (next.size < volume.size) return problem(400, 'size can only be increased');
	return ok(emulator.volumes.put(next));
}

/** Assumed: a volume that a Pod uses is not deleted. */
function remove(emulator: Emulator, id: string): Reply {
	const used = emulator.fleet.shown().some(({ body, status }) => {
		const { network = [] } = (body.mounts ?? {}) as { network?: Array<{ volumeId: string }> };
		return status !== 'TERMINATED' && network.some(({ volumeId }) => volumeId === id);
	});
	if (used) return problem(409, 'network volume is in use');
	emulator.volumes.remove(id);
	return noContent;
}
