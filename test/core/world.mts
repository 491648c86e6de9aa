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

class Platform {
	acceptedAt: number | undefined;
	accepted = 0;
	canceledAt: number | undefined;
	finalTold = false;

	constructor(private readonly world: World) {}

	stateAt(now: number): string | undefined {
		if (this.acceptedAt === undefined) return undefined;
		const age = now - this.acceptedAt;
		const { queueMs, runMs, outcome } = this.world;
		if (this.canceledAt !== undefined) return 'CANCELLED';
		if (age < queueMs) return 'IN_QUEUE';
		if (age < queueMs + runMs) return 'IN_PROGRESS';
		return outcome === 'COMPLETED without output' ? 'COMPLETED' : outcome;
	}

	isFinal(now: number): boolean {
		return ['COMPLETED', 'FAILED', 'TIMED_OUT', 'CANCELLED'].includes(this.stateAt(now) ?? '');
	}

	body(now: number): Record<string, unknown> {
		const status = this.stateAt(now);
		const body: Record<string, unknown> = { id: JOB_ID, status };
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
		if (this.isFinal(now)) body.executionTime = 10;
		return body;
	}

	/** The reply to one request; `act` is what the request does when it arrives. */
	answer(fault: Fault, now: number, act: () => Reply): Reply {
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
				return { kind: 'http', status: 404, body: { status: 404, detail: 'job not found' } };
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
				return { kind: 'ok', status: 200, body: { id: JOB_ID, status: 'WARMING' } };
			}
			case 'none':
				return act();
		}
	}
}

export function drive(world: World, policy: Policy, first: Run = newRun()): Trace {
	const platform = new Platform(world);
	if (first.jobId !== undefined) {
		platform.acceptedAt = first.submittedAt ?? START;
		platform.accepted = 1;
	}
	let now = START;
	let run = first;
	let event: Event = { type: 'start' };
	let wasStopped = false;
	const faults = [...world.faults];
	const trace: Trace = {
		run,
		end: { type: 'handOver', job: { hasOutput: false } },
		accepted: 0,
		reads: [],
		cancels: 0,
		isOpen: false,
		endedAt: START,
		steps: 0,
		waits: [],
	};
	const request = (action: Action): Event => {
		const sentAt = now;
		const fault = faults.shift() ?? 'none';
		const arrived = now + world.latencyMs / 2;
		now += world.latencyMs;
		if (action.type === 'submit') {
			const reply = platform.answer(fault, arrived, () => {
				platform.accepted += 1;
				platform.acceptedAt ??= arrived;
				return { kind: 'ok', status: 200, body: platform.body(arrived) };
			});
			if (reply.kind === 'ok') trace.answeredAt = now;
			return { type: 'submitted', reply, sentAt };
		}
		if (action.type === 'read') {
			trace.reads.push({ at: sentAt, afterFinal: platform.finalTold });
			const reply = platform.answer(fault, arrived, () => ({
				kind: 'ok',
				status: 200,
				body: platform.body(arrived),
			}));
			if (reply.kind === 'ok' && platform.isFinal(arrived) && fault !== 'odd body')
				platform.finalTold = true;
			return { type: 'read', reply, sentAt };
		}
		trace.cancels += 1;
		const reply = platform.answer(fault, arrived, () => {
			if (!platform.isFinal(arrived)) platform.canceledAt = arrived;
			return { kind: 'ok', status: 200, body: platform.body(arrived) };
		});
		return { type: 'cancelled', reply };
	};
	for (;;) {
		let step = next(run, event, policy, now, world.random);
		if (!wasStopped && now - START >= world.stopAtMs) {
			wasStopped = true;
			step = next(step.run, { type: 'stop', reason: world.stopReason }, policy, now);
		}
		run = step.run;
		const { action } = step;
		trace.steps += 1;
		if (trace.steps > MOST_STEPS) throw new Error('the run does not end');
		if (action.type === 'succeed' || action.type === 'fail' || action.type === 'handOver') {
			const isOpen = platform.accepted > 0 && !platform.isFinal(now);
			return { ...trace, run, end: action, accepted: platform.accepted, isOpen, endedAt: now };
		}
		if (action.type === 'wait') {
			trace.waits.push({ ms: action.ms, run, now });
			const until = now + action.ms;
			const stopAt = START + world.stopAtMs;
			now = !wasStopped && stopAt > now && stopAt < until ? stopAt : until;
			event = { type: 'woke' };
			continue;
		}
		event = request(action);
	}
}
