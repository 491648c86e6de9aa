/**
 * A driver with its own clock: it performs what `next` decides, as `run/runJob.ts` does, against a
 * target whose faults a generator chose. It counts what costs money.
 */
import { next } from '../../nodes/RunPod/core/lifecycle.ts';
import type { Reply } from '../../nodes/RunPod/core/reply.ts';
import type { Action, Event, FinalAction, Policy, Run } from '../../nodes/RunPod/core/run.ts';
import { newRun } from '../../nodes/RunPod/core/run.ts';
import { noPeers } from '../../nodes/RunPod/core/schedule.ts';
import { Platform } from './target.mts';
import type { World } from './target.mts';

export { JOB_ID, Platform } from './target.mts';
export type { Fault, World } from './target.mts';

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
