/** All Pods that were ever created, and the one place that changes them. */
import { randomBytes } from 'node:crypto';
import type { Emulator } from '../../emulator.mts';
import type { Cost } from '../management/billing.mts';
import { isBilled, transitions, type Pod, type PodEvent, type PodStatus } from './pod.mts';
import { PodProcess } from './process.mts';
import { podEntry } from './shape.mts';
import { PodScripts, type Telemetry } from './script.mts';

/** USD for one GB and month of a stopped Pod's volume disk, by the documentation. */
const DISK_PRICE = 0.2;
const HOURS_PER_MONTH = 730;
const HOUR_MS = 3_600_000;

export interface NewPod {
	body: Record<string, unknown>;
	dataCenterId: string | null;
	usdPerHour: number;
	createdBy: string;
}

export class Fleet {
	readonly scripts = new PodScripts();
	private readonly pods = new Map<string, Pod>();
	private readonly processes = new Map<string, PodProcess>();
	/** Processes that were told to end. */
	private readonly ending = new Set<Promise<void>>();

	constructor(private readonly emulator: Emulator) {}

	/** The Pods that the platform shows. */
	shown(): Pod[] {
		return [...this.pods.values()].filter(({ visible }) => visible);
	}

	find(id: string): Pod | undefined {
		const pod = this.pods.get(id);
		return pod?.visible ? pod : undefined;
	}

	create({ body, dataCenterId, usdPerHour, createdBy }: NewPod): Pod {
		const now = this.emulator.clock.now();
		const script = this.scripts.of(body, this.pods.size + 1);
		const pod: Pod = {
			id: randomBytes(7).toString('hex'),
			body,
			script,
			status: 'PROVISIONING',
			locked: false,
			dataCenterId,
			createdAt: now,
			visible: true,
			usdPerHour,
			spans: [],
			telemetry: { ...script.telemetry },
			quietSince: now,
			lastRequestAt: now,
			timers: new Set(),
			actions: [],
			createdBy,
		};
		this.pods.set(pod.id, pod);
		this.emulator.keys.add({
			key: keyOf(pod),
			name: `pod ${pod.id}`,
			serverless: false,
			pod: pod.id,
		});
		this.entered(pod);
		return pod;
	}

	/** Applies an event by the table of transitions; false when the Pod's state does not allow it. */
	apply(pod: Pod, event: PodEvent): boolean {
		const next = transitions[event][pod.status];
		if (next === undefined) return false;
		for (const timer of pod.timers) timer.cancel();
		pod.timers.clear();
		pod.status = next;
		if (event === 'terminate') pod.visible = false;
		this.entered(pod);
		return true;
	}

	/** Puts a Pod into a state, whatever the table says; for tests. */
	force(pod: Pod, status: PodStatus): void {
		for (const timer of pod.timers) timer.cancel();
		pod.timers.clear();
		pod.status = status;
		this.entered(pod);
	}

	/** Sets what the worker in the Pod tells; the idle clocks run on from the values given. */
	setTelemetry(pod: Pod, change: Partial<Telemetry>): void {
		const now = this.emulator.clock.now();
		// A GPU that was busy until now is quiet from now on.
		if (pod.telemetry.gpuUtil > 0 && change.gpuUtil === 0) pod.quietSince = now;
		// A clock that was set is set for the load of that moment.
		const kept = change.gpuUtil === undefined ? {} : { gpuIdleS: undefined };
		pod.telemetry = { ...pod.telemetry, ...kept, ...change };
		if (change.gpuIdleS !== undefined) pod.quietSince = now - 1000 * change.gpuIdleS;
		if (change.requestIdleS !== undefined) pod.lastRequestAt = now - 1000 * change.requestIdleS;
	}

	/** The local port behind a Pod's first HTTP port; undefined without a process. */
	portOf(pod: Pod): number | undefined {
		return this.processes.get(pod.id)?.port;
	}

	/** The ledger's part: all Pods ever, those that still exist, and what all cost. */
	snapshot() {
		const pods = [...this.pods.values()].map((pod) => podEntry(pod, this.emulator.clock.now()));
		return {
			pods,
			openPods: pods.filter(({ status }) => status !== 'TERMINATED').map(({ id }) => id),
			podUsd: pods.reduce((sum, { usd }) => sum + usd, 0),
		};
	}

	costs(): Cost[] {
		const now = this.emulator.clock.now();
		return [...this.pods.values()].flatMap(({ id, spans }) =>
			spans.map(({ kind, from, to = now, usdPerHour }) => ({
				id,
				from,
				to,
				usd: ((to - from) / HOUR_MS) * usdPerHour,
				amount: `${kind}Amount`,
			})),
		);
	}

	/** Ends all processes and forgets all Pods; resolves when every process is gone. */
	async clear(): Promise<void> {
		for (const pod of this.pods.values()) {
			for (const timer of pod.timers) timer.cancel();
			this.endProcess(pod);
		}
		this.pods.clear();
		this.scripts.clear();
		await Promise.all(this.ending);
	}

	private entered(pod: Pod): void {
		const now = this.emulator.clock.now();
		this.bill(pod, now);
		if (pod.status !== 'RUNNING') this.endProcess(pod);
		if (pod.status === 'PROVISIONING')
			this.later(pod, pod.script.provisionMs, () => this.apply(pod, 'place'));
		if (pod.status === 'STARTING') {
			pod.startedAt = now;
			this.later(pod, pod.script.startMs, () => this.started(pod));
		}
		if (pod.status === 'RUNNING') {
			pod.runningAt = now;
			pod.quietSince = pod.lastRequestAt = now;
			this.setTelemetry(pod, pod.script.telemetry);
			if (pod.script.exitAfterMs !== undefined)
				this.later(pod, pod.script.exitAfterMs, () => this.apply(pod, 'exit'));
		}
		if (pod.status === 'TERMINATED') {
			pod.endedAt = now;
			this.emulator.keys.remove(`pod ${pod.id}`);
		}
	}

	/** The container runs, or did not come up. */
	private started(pod: Pod): void {
		const { end } = pod.script;
		if (end === 'EXITED') this.apply(pod, 'exit');
		else if (end === 'ERROR') this.apply(pod, 'fail');
		else if (end === 'TERMINATED') this.apply(pod, 'end');
		else if (pod.script.process === undefined) this.apply(pod, 'run');
		else this.startProcess(pod);
	}

	private startProcess(pod: Pod): void {
		const process = new PodProcess(pod, keyOf(pod), this.emulator.url);
		this.processes.set(pod.id, process);
		const log = this.logOf(pod);
		process.onLine = (line) => log.push(line);
		const ours = () => this.processes.get(pod.id) === process;
		process.onExit = () => {
			if (ours()) this.apply(pod, 'exit');
		};
		process.start().then(
			() => {
				if (ours()) this.apply(pod, 'run');
			},
			(error: unknown) => {
				log.push(String(error));
				if (ours()) this.apply(pod, 'fail');
			},
		);
	}

	private endProcess(pod: Pod): void {
		const process = this.processes.get(pod.id);
		if (process === undefined) return;
		this.processes.delete(pod.id);
		const gone = process.end().finally(() => this.ending.delete(gone));
		this.ending.add(gone);
	}

	private logOf(pod: Pod): string[] {
		const { logs } = this.emulator.account;
		const lines = logs.get(pod.id) ?? [];
		logs.set(pod.id, lines);
		return lines;
	}

	/** Closes the present span and opens the one of the new state. Assumed: billed from the creation on. */
	private bill(pod: Pod, now: number): void {
		const open = pod.spans.find(({ to }) => to === undefined);
		const { persistent } = (pod.body.mounts ?? {}) as { persistent?: { size: number } };
		const next = isBilled(pod)
			? {
					kind: pod.body.cpu === undefined ? ('gpu' as const) : ('cpu' as const),
					usdPerHour: pod.usdPerHour,
				}
			: pod.status === 'EXITED' && persistent !== undefined
				? { kind: 'disk' as const, usdPerHour: (persistent.size * DISK_PRICE) / HOURS_PER_MONTH }
				: undefined;
		if (open?.kind === next?.kind && open?.usdPerHour === next?.usdPerHour) return;
		if (open !== undefined) open.to = now;
		if (next !== undefined) pod.spans.push({ ...next, from: now });
	}

	private later(pod: Pod, ms: number, run: () => void): void {
		const timer = this.emulator.clock.after(ms, () => {
			pod.timers.delete(timer);
			run();
		});
		pod.timers.add(timer);
	}
}

/** The key that the platform puts into a Pod as RUNPOD_API_KEY: it may end that Pod and nothing else. */
export const keyOf = ({ id }: Pod): string => `rpa_pod_${id}`;
