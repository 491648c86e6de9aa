/** All parts of one emulator, and what tests in the same process do with them. */
import { FakeClock, RealClock, type Clock } from './control/clock.mts';
import { Faults, type FaultRule } from './control/faults.mts';
import { Ledger, type LedgerSnapshot } from './control/ledger.mts';
import { findLeaks, type Leak } from './control/leaks.mts';
import { changePod, type PodChange } from './control/pods.mts';
import { Scripts, type ScriptRule } from './control/scripts.mts';
import { Sinks } from './control/sinks.mts';
import { Dispatcher } from './runpod/dispatch.mts';
import {
	Endpoint,
	endpointSettings,
	type EndpointOptions,
	type EndpointSettings,
} from './runpod/endpoint.mts';
import { Account } from './runpod/management/account.mts';
import { prices } from './runpod/management/catalog.mts';
import { Volumes } from './runpod/management/volumes.mts';
import { Fleet } from './runpod/pods/fleet.mts';
import type { PodRule } from './runpod/pods/script.mts';
import { Keys, type KeyOptions } from './runpod/keys.mts';
import { RateLimits } from './runpod/limits.mts';
import { Platform } from './runpod/platform.mts';
import { attachWebhooks } from './runpod/webhooks.mts';
import { workerEnvironment } from './runpod/workers.mts';

export interface EmulatorOptions {
	/** 0 (default): a free port of the system. */
	port?: number;
	clock?: 'real' | 'fake';
	/** Default: one key with all rights, `rpa_emulator`. */
	keys?: KeyOptions[];
	endpoints?: EndpointOptions[];
	/** Called when a worker's reply asks to stop its Pod; the owner of the process kills and restarts it. */
	onStopPod?: (endpointId: string, workerId: string) => void;
}

export const DEFAULT_KEY = 'rpa_emulator';

export class Emulator {
	/** Base address, known once it listens. */
	url = '';
	readonly clock: Clock;
	readonly keys = new Keys();
	readonly sinks = new Sinks();
	ledger!: Ledger;
	faults!: Faults;
	scripts!: Scripts;
	limits!: RateLimits;
	platform!: Platform;
	dispatcher!: Dispatcher;
	account!: Account;
	fleet!: Fleet;
	volumes!: Volumes;

	constructor(private readonly options: EmulatorOptions = {}) {
		this.clock = options.clock === 'fake' ? new FakeClock() : new RealClock();
		this.reset();
	}

	/** Back to the start: jobs, faults, scripts and ledger are gone; keys and endpoints are the first ones. */
	reset(): void {
		this.dropJobs(this.platform?.endpoints.values() ?? []);
		this.removed.clear();
		if (this.fleet !== undefined) void this.endPods();
		const now = () => this.clock.now();
		this.ledger = new Ledger(now);
		this.faults = new Faults(now);
		this.scripts = new Scripts();
		this.limits = new RateLimits(this.clock);
		this.platform = new Platform(this.clock, this.ledger, this.faults, this.scripts);
		this.platform.onStopPod = this.options.onStopPod;
		this.dispatcher = new Dispatcher(this.platform);
		attachWebhooks(this.platform);
		this.account = new Account();
		this.fleet = new Fleet(this);
		this.volumes = new Volumes(now);
		this.sinks.clear();
		this.keys.clear();
		for (const key of this.options.keys ?? [{ key: DEFAULT_KEY, name: 'default' }])
			this.keys.add(key);
		for (const endpoint of this.options.endpoints ?? []) this.setEndpoint(endpoint);
	}

	/** Creates an endpoint, or changes the settings of one that exists. */
	setEndpoint(options: EndpointOptions): Endpoint {
		const existing = this.platform.endpoints.get(options.id);
		const settings = endpointSettings.parse({ ...existing?.settings, ...options });
		const endpoint = existing ?? new Endpoint(settings);
		endpoint.settings = settings;
		this.platform.endpoints.set(settings.id, endpoint);
		this.dispatcher.run(endpoint);
		return endpoint;
	}

	/** Ends an endpoint with all its jobs; what they cost stays on the bill. */
	removeEndpoint(id: string): void {
		const endpoint = this.platform.endpoints.get(id);
		if (endpoint === undefined) return;
		this.dropJobs([endpoint]);
		this.platform.endpoints.delete(id);
		this.removed.set(id, endpoint.settings);
	}
	private readonly removed = new Map<string, EndpointSettings>();

	/** USD for one hour of a worker of the endpoint: the price of its first pool. */
	serverlessPrice(endpointId: string): number {
		const settings =
			this.platform.endpoints.get(endpointId)?.settings ?? this.removed.get(endpointId);
		const pool = settings?.gpu.pools[0];
		const type = this.account.gpus.find((gpu) => gpu.pool === pool);
		const price = type === undefined ? undefined : prices(type).serverless;
		return (price ?? 0) * (settings?.gpu.count ?? 1);
	}

	/** What becomes of Pods that are created from now on. */
	addPodScript(rule: PodRule): string {
		return this.fleet.scripts.add(rule);
	}

	/** Changes a Pod from outside, by its id or name. */
	changePod(idOrName: string, change: PodChange): void {
		changePod(this, idOrName, change);
	}

	/** Resolves when no process of a Pod is left; the Pods are forgotten. */
	async endPods(): Promise<void> {
		this.leaving = Promise.all([this.leaving, this.fleet.clear()]);
		await this.leaving;
	}
	private leaving: Promise<unknown> = Promise.resolve();

	addKey(key: KeyOptions): void {
		this.keys.add(key);
	}

	addFault(rule: FaultRule): string {
		const id = this.faults.add(rule);
		this.runQueues();
		return id;
	}

	/** False when there is no such rule. Without an id all go. */
	removeFault(id?: string): boolean {
		const found = id === undefined ? true : this.faults.remove(id);
		if (id === undefined) this.faults.clear();
		// What a fault held in the queue may go on.
		this.runQueues();
		return found;
	}

	addScript(rule: ScriptRule): string {
		const id = this.scripts.add(rule);
		this.runQueues();
		return id;
	}

	/** Moves a fake clock; throws with a real one. */
	async advance(ms: number): Promise<void> {
		if (!(this.clock instanceof FakeClock))
			throw new Error('The clock is the real one; start with clock: fake.');
		await this.clock.advance(ms);
	}

	/** The ledger, with the places where a key was seen that is none of theirs. */
	snapshot(): LedgerSnapshot & ReturnType<Fleet['snapshot']> & { leaks: Leak[] } {
		return {
			...this.ledger.snapshot(),
			...this.fleet.snapshot(),
			leaks: findLeaks(this.ledger, this.keys.all()),
		};
	}

	/** Environment variables that attach a worker process to the endpoint. */
	workerEnvironment(
		endpointId: string,
		workerId = `worker-${++this.workerNumber}`,
	): Record<string, string> {
		const endpoint = this.platform.endpoints.get(endpointId);
		if (endpoint === undefined) throw new Error(`There is no endpoint '${endpointId}'.`);
		return workerEnvironment(this, endpoint, workerId);
	}
	private workerNumber = 0;

	/** The process of a worker was restarted: it may take jobs again after a stopPod. */
	workerRestarted(endpointId: string, workerId: string): void {
		const endpoint = this.platform.endpoints.get(endpointId);
		endpoint?.workers.delete(workerId);
		if (endpoint !== undefined) this.dispatcher.run(endpoint);
	}

	private runQueues(): void {
		for (const endpoint of this.platform.endpoints.values()) this.dispatcher.run(endpoint);
	}

	private dropJobs(endpoints: Iterable<Endpoint>): void {
		for (const endpoint of endpoints) {
			for (const poll of [...endpoint.takePolls]) poll.answer([]);
			for (const job of [...endpoint.jobs.values()]) this.platform.remove(endpoint, job);
			for (const poll of [...endpoint.stopPolls]) poll.wake();
		}
	}
}
