/**
 * A model of the platform and a driver with its own clock: it performs what `next` decides, as
 * `run/runJob.ts` does, against replies that a generator chose. It counts what costs money.
 */
import { next } from '../../nodes/RunPod/core/lifecycle.ts';
import type { Reply } from '../../nodes/RunPod/core/reply.ts';
import type { Action, Event, FinalAction, Policy, Run } from '../../nodes/RunPod/core/run.ts';
import { newRun } from '../../nodes/RunPod/core/run.ts';
import { noPeers } from '../../nodes/RunPod/core/schedule.ts';

export type Fault =
	| 'none'
	| '429'
	| '429 with Retry-After'
	| '502'
	| '502 after'
	| '524'
	| 'refused'
	| 'cut before'
	| 'cut after'
	| 'timeout after'
	| '401'
	| '403'
	| '404'
	| 'odd body'
	| 'odd state';

export interface World {
	/** Milliseconds in the queue and on the worker; Infinity hangs. */
	queueMs: number;
	runMs: number;
	outcome: 'COMPLETED' | 'FAILED' | 'TIMED_OUT' | 'CANCELLED' | 'COMPLETED without output';
	tellsProgress: boolean;
	/** One per request, then none. */
	faults: Fault[];
	latencyMs: number;
	stopAtMs: number;
	stopReason: 'canceled' | 'sibling';
	random: number;
	/** The platform ends the job itself at its execution timeout. */
	keepsLimit?: boolean;
	/** From this age on it does not know the job any more. */
	forgetsAtMs?: number;
}

/** Where a life waits, and whether a stop ends the waiting. */
export interface Pause {
	until: number;
	isSoft: boolean;
}

/** When all that is watched has to end, and why. */
export interface Sign {
	at: number;
	reason: 'canceled' | 'sibling';
}

export interface Trace {
	run: Run;
	end: FinalAction;
	/** Jobs that the platform accepted. */
	accepted: number;
	/** Times at which a read was sent. */
	reads: Array<{ at: number; afterFinal: boolean }>;
	answeredAt?: number;
	cancels: number;
	/** Whether the job was not final when nobody waited any more. */
	isOpen: boolean;
	endedAt: number;
	steps: number;
	waits: Array<{ ms: number; run: Run; now: number }>;
}

export const JOB_ID = 'job-1-u1';
export const START = 1_800_000_000_000;
const MOST_STEPS = 20_000;

export const policyWith = (changes: Partial<Policy> = {}): Policy => ({
	until: 'end',
	queueTimeoutMs: 120_000,
	runTimeoutMs: 300_000,
	intervalMs: 2000,
	cancelOnStop: true,
	endpointId: 'endpoint',
	peers: noPeers(),
	...changes,
});

const UNKNOWN_JOB: Reply = {
	kind: 'http',
	status: 404,
	body: { status: 404, detail: 'job not found' },
};

/** What one target does with one job. */
export class Platform {
	acceptedAt: number | undefined;
	accepted = 0;
	canceledAt: number | undefined;
	finalTold = false;
	limitMs = Infinity;
	readonly faults: Fault[];

	constructor(
		private readonly world: World,
		readonly jobId = JOB_ID,
	) {
		this.faults = [...world.faults];
	}

	accept(now: number, limitMs: number): void {
		this.accepted += 1;
		if (this.acceptedAt !== undefined) return;
		this.acceptedAt = now;
		if (this.world.keepsLimit) this.limitMs = limitMs;
	}

	/** Milliseconds on the worker, until `now` or its end. */
	ranMs(now: number): number {
		if (this.acceptedAt === undefined) return 0;
		const end = Math.min(now, this.canceledAt ?? Infinity);
		const ran = end - this.acceptedAt - this.world.queueMs;
		return Math.max(0, Math.min(ran, this.world.runMs, this.limitMs));
	}

	isOpen(now: number): boolean {
		return this.accepted > 0 && !this.isFinal(now) && !this.isForgotten(now);
	}

	private isForgotten(now: number): boolean {
		return now - (this.acceptedAt ?? now) >= (this.world.forgetsAtMs ?? Infinity);
	}

	stateAt(now: number): string | undefined {
		if (this.acceptedAt === undefined) return undefined;
		const age = now - this.acceptedAt;
		const { queueMs, runMs, outcome } = this.world;
		if (this.canceledAt !== undefined) return 'CANCELLED';
		if (age < queueMs) return 'IN_QUEUE';
		if (age < queueMs + Math.min(runMs, this.limitMs)) return 'IN_PROGRESS';
		if (this.limitMs < runMs) return 'TIMED_OUT';
		return outcome === 'COMPLETED without output' ? 'COMPLETED' : outcome;
	}

	isFinal(now: number): boolean {
		return ['COMPLETED', 'FAILED', 'TIMED_OUT', 'CANCELLED'].includes(this.stateAt(now) ?? '');
	}

	body(now: number): Record<string, unknown> {
		const status = this.stateAt(now);
		const body: Record<string, unknown> = { id: this.jobId, status };
		const { queueMs, runMs, outcome, tellsProgress } = this.world;
		if (status === 'IN_PROGRESS' && tellsProgress && this.acceptedAt !== undefined) {
			const done = (now - this.acceptedAt - queueMs) / runMs;
			body.output = {
				stage: 'generating',
				percent: Math.min(100, Math.max(0, done * 100)),
				message: 'x',
			};
		}
		if (status === 'COMPLETED' && outcome === 'COMPLETED') body.output = { image: 'x' };
		if (status === 'FAILED') body.error = 'JOB_FAILED: it broke';
		// Assumed: a cancelled job has no time.
		if (this.isFinal(now) && status !== 'CANCELLED') body.executionTime = this.ranMs(now);
		return body;
	}

	/** The reply to one request; `act` is what the request does when it arrives. */
	answer(fault: Fault, now: number, act: () => Reply): Reply {
		if (fault === 'none' && this.isForgotten(now)) return UNKNOWN_JOB;
		switch (fault) {
			case '429':
				return { kind: 'http', status: 429, body: '' };
			case '429 with Retry-After':
				return { kind: 'http', status: 429, body: '', retryAfterMs: 7000 };
			case '502':
				return { kind: 'http', status: 502, body: '<html>' };
			case 'refused':
				return { kind: 'refused', detail: 'refused' };
			case 'cut before':
				return { kind: 'cut', detail: 'cut' };
			case '401':
				return { kind: 'http', status: 401, body: '' };
			case '403':
				return { kind: 'http', status: 403, body: '' };
			case '404':
				return UNKNOWN_JOB;
			case '502 after':
				act();
				return { kind: 'http', status: 502, body: '<html>' };
			case '524':
				act();
				return { kind: 'http', status: 524, body: '<html>' };
			case 'cut after':
				act();
				return { kind: 'cut', detail: 'cut' };
			case 'timeout after':
				act();
				return { kind: 'timeout', detail: 'no answer' };
			case 'odd body':
				act();
				return { kind: 'ok', status: 200, body: 'hello' };
			case 'odd state': {
				const reply = act();
				if (this.isFinal(now)) return reply;
				return { kind: 'ok', status: 200, body: { id: this.jobId, status: 'WARMING' } };
			}
			case 'none':
				return act();
		}
	}
}

/** One life from `start` on, as long as the sign lets it. */
export function* live(
	platform: Platform,
	world: Pick<World, 'latencyMs' | 'random'>,
	policy: Policy,
	first: Run,
	start: number,
	sign: Sign,
): Generator<Pause, Trace, number> {
	let now = start;
	let run = first;
	let event: Event = { type: 'start' };
	let wasStopped = false;
	const trace: Trace = {
		run,
		end: { type: 'handOver', job: { hasOutput: false } },
		accepted: 0,
		reads: [],
		cancels: 0,
		isOpen: false,
		endedAt: start,
		steps: 0,
		waits: [],
	};
	const request = (action: Action): Event => {
		const sentAt = now;
		const fault = platform.faults.shift() ?? 'none';
		const arrived = now + world.latencyMs / 2;
		now += world.latencyMs;
		const body = (): Reply => ({ kind: 'ok', status: 200, body: platform.body(arrived) });
		if (action.type === 'submit') {
			const reply = platform.answer(fault, arrived, () => {
				platform.accept(arrived, policy.runTimeoutMs);
				return body();
			});
			if (reply.kind === 'ok') trace.answeredAt = now;
			return { type: 'submitted', reply, sentAt };
		}
		if (action.type === 'read') {
			trace.reads.push({ at: sentAt, afterFinal: platform.finalTold });
			const reply = platform.answer(fault, arrived, body);
			if (reply.kind === 'ok' && platform.isFinal(arrived) && fault !== 'odd body')
				platform.finalTold = true;
			return { type: 'read', reply, sentAt };
		}
		trace.cancels += 1;
		const reply = platform.answer(fault, arrived, () => {
			if (!platform.isFinal(arrived)) platform.canceledAt = arrived;
			return body();
		});
		return { type: 'cancelled', reply };
	};
	for (;;) {
		let step = next(run, event, policy, now, world.random);
		if (!wasStopped && now >= sign.at) {
			wasStopped = true;
			step = next(step.run, { type: 'stop', reason: sign.reason }, policy, now);
		}
		run = step.run;
		const { action } = step;
		trace.steps += 1;
		if (trace.steps > MOST_STEPS) throw new Error('the run does not end');
		if (action.type === 'succeed' || action.type === 'fail' || action.type === 'handOver') {
			const isOpen = platform.isOpen(now);
			return { ...trace, run, end: action, accepted: platform.accepted, isOpen, endedAt: now };
		}
		if (action.type === 'wait') {
			trace.waits.push({ ms: action.ms, run, now });
			now = yield { until: now + action.ms, isSoft: !wasStopped };
			event = { type: 'woke' };
			continue;
		}
		event = request(action);
		yield { until: now, isSoft: false };
	}
}

export function drive(world: World, policy: Policy, first: Run = newRun()): Trace {
	const platform = new Platform(world);
	if (first.jobId !== undefined) {
		platform.acceptedAt = first.submittedAt ?? START;
		platform.accepted = 1;
	}
	const sign = { at: START + world.stopAtMs, reason: world.stopReason };
	const life = live(platform, world, policy, first, START, sign);
	let step = life.next(START);
	while (!step.done) step = life.next(resumedAt(step.value, sign));
	return step.value;
}

export const resumedAt = ({ until, isSoft }: Pause, { at }: Sign): number =>
	isSoft ? Math.min(until, at) : until;
