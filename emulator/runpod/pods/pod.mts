/** One Pod as plain data, its states, and the table of what may follow what. */
import type { Timer } from '../../control/clock.mts';
import type { PodScript, Telemetry } from './script.mts';

export type PodStatus = 'PROVISIONING' | 'STARTING' | 'RUNNING' | 'EXITED' | 'ERROR' | 'TERMINATED';

export type PodAction = 'start' | 'stop' | 'restart' | 'terminate';
/** Beside the actions of the API: what happens by itself. */
export type PodEvent = PodAction | 'place' | 'run' | 'exit' | 'fail' | 'end';

/** event -> state before -> state after; what is missing is not allowed. */
export const transitions: Record<PodEvent, Partial<Record<PodStatus, PodStatus>>> = {
	start: { EXITED: 'PROVISIONING', ERROR: 'PROVISIONING' },
	stop: { PROVISIONING: 'EXITED', STARTING: 'EXITED', RUNNING: 'EXITED' },
	restart: { RUNNING: 'STARTING' },
	terminate: {
		PROVISIONING: 'TERMINATED',
		STARTING: 'TERMINATED',
		RUNNING: 'TERMINATED',
		EXITED: 'TERMINATED',
		ERROR: 'TERMINATED',
	},
	place: { PROVISIONING: 'STARTING' },
	run: { STARTING: 'RUNNING' },
	exit: { STARTING: 'EXITED', RUNNING: 'EXITED' },
	fail: { PROVISIONING: 'ERROR', STARTING: 'ERROR', RUNNING: 'ERROR' },
	// The platform ends it by itself, e.g. for lack of balance; it stays visible.
	end: {
		PROVISIONING: 'TERMINATED',
		STARTING: 'TERMINATED',
		RUNNING: 'TERMINATED',
		EXITED: 'TERMINATED',
		ERROR: 'TERMINATED',
	},
};

/** Time for which something was billed; `to` is absent while it goes on. */
export interface Span {
	kind: 'gpu' | 'cpu' | 'disk';
	from: number;
	to?: number;
	usdPerHour: number;
}

export interface Pod {
	id: string;
	/** Fields of the body that created it, a template's filled in. */
	body: Record<string, unknown>;
	script: PodScript;
	status: PodStatus;
	locked: boolean;
	dataCenterId: string | null;
	createdAt: number;
	startedAt?: number;
	/** Since when it is RUNNING. */
	runningAt?: number;
	endedAt?: number;
	/** False: the lists do not show it any more. */
	visible: boolean;
	usdPerHour: number;
	spans: Span[];
	telemetry: Telemetry;
	/** Start of the two idle clocks. */
	quietSince: number;
	lastRequestAt: number;
	timers: Set<Timer>;
	actions: Array<{ at: number; action: string; key: string }>;
	/** The name of the key that created it. */
	createdBy: string;
}

/** Actions that the platform offers now. A locked Pod refuses to stop. */
export function actionsOf(pod: Pod): PodAction[] {
	const all: PodAction[] = ['start', 'stop', 'restart', 'terminate'];
	return all.filter(
		(action) => transitions[action][pod.status] !== undefined && !(action === 'stop' && pod.locked),
	);
}

export const isBilled = ({ status }: Pod): boolean =>
	status !== 'EXITED' && status !== 'TERMINATED';

const HOUR_MS = 3_600_000;

/** USD so far, or of one kind of cost alone. */
export function usdOf(pod: Pod, now: number, kind?: Span['kind']): number {
	return pod.spans
		.filter((span) => kind === undefined || span.kind === kind)
		.reduce(
			(sum, { from, to, usdPerHour }) => sum + (((to ?? now) - from) / HOUR_MS) * usdPerHour,
			0,
		);
}

/** Ports of a kind, by their number in the container. */
export function portsOf(pod: Pod, kind: 'http' | 'tcp'): number[] {
	return ((pod.body.ports ?? []) as string[])
		.map((port) => port.split('/'))
		.filter(([, type]) => type === kind)
		.map(([number]) => Number(number));
}
