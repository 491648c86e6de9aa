/** Jobs on a few workers in a model without faults: how late their ends are noticed, by how many reads. */
import { next } from '../../nodes/RunPod/core/lifecycle.ts';
import type { Event, Run } from '../../nodes/RunPod/core/run.ts';
import { newRun } from '../../nodes/RunPod/core/run.ts';
import { learn, noPeers } from '../../nodes/RunPod/core/schedule.ts';
import type { Peers } from '../../nodes/RunPod/core/schedule.ts';
import { policyWith, START } from './world.mts';

export interface PaceWorld {
	/** Milliseconds on the worker, in the order of the items. */
	runMs: number[];
	workers: number;
	window: number;
	intervalMs: number;
	/** So many times a job tells its percent; 0 tells none. */
	steps: number;
	latencyMs: number;
}

export interface Pace {
	/** One per job. */
	delaysMs: number[];
	reads: number[];
	makespanMs: number;
}

interface Life {
	index: number;
	run: Run;
	at: number;
	event: Event;
	submittedAt: number;
	startedAt: number;
	endedAt: number;
	reads: number;
	arrivedAt: number;
}

export function paceOf(world: PaceWorld): Pace {
	// Requests take their time, more or less, always the same.
	let seed = 1;
	const latency = () => {
		seed = (seed * 48_271) % 2_147_483_647;
		return world.latencyMs * (0.5 + seed / 2_147_483_647);
	};
	const free = new Array<number>(world.workers).fill(START);
	let peers: Peers = noPeers();
	const delaysMs: number[] = [];
	const reads: number[] = [];
	let makespanMs = 0;
	let begun = 0;
	const lives: Life[] = [];
	const begin = (at: number) => {
		if (begun === world.runMs.length) return;
		const index = begun++;
		const blank = { submittedAt: NaN, startedAt: NaN, endedAt: NaN, arrivedAt: NaN, reads: 0 };
		lives.push({ index, run: newRun(), at, event: { type: 'start' }, ...blank });
	};
	/** Workers take jobs in the order in which they came. */
	const accept = (life: Life, at: number) => {
		const worker = free.indexOf(Math.min(...free));
		life.submittedAt = at;
		life.startedAt = Math.max(at, free[worker]);
		life.endedAt = life.startedAt + world.runMs[life.index];
		free[worker] = life.endedAt;
	};
	const body = (life: Life, at: number) => {
		const id = `job-${life.index}`;
		if (at < life.startedAt) return { id, status: 'IN_QUEUE' };
		const delayTime = life.startedAt - life.submittedAt;
		if (at >= life.endedAt)
			return {
				id,
				status: 'COMPLETED',
				output: 1,
				delayTime,
				executionTime: world.runMs[life.index],
			};
		const done = Math.floor(((at - life.startedAt) / world.runMs[life.index]) * world.steps);
		const output = done > 0 ? { output: { percent: (100 * done) / world.steps } } : {};
		return { id, status: 'IN_PROGRESS', delayTime, ...output };
	};
	for (let n = 0; n < world.window; n += 1) begin(START);
	while (lives.length > 0) {
		const life = lives.reduce((first, one) => (one.at < first.at ? one : first));
		const now = life.at;
		const policy = policyWith({ intervalMs: world.intervalMs, queueTimeoutMs: 1e9, peers });
		const { run, action } = next(life.run, life.event, policy, now);
		life.run = run;
		const [there, back] = [latency() / 2, latency() / 2];
		const arrived = now + there;
		switch (action.type) {
			case 'submit':
				accept(life, arrived);
				life.event = {
					type: 'submitted',
					reply: { kind: 'ok', status: 200, body: body(life, arrived) },
					sentAt: now,
				};
				life.at = arrived + back;
				break;
			case 'read':
				life.reads += 1;
				life.arrivedAt = arrived;
				life.event = {
					type: 'read',
					reply: { kind: 'ok', status: 200, body: body(life, arrived) },
					sentAt: now,
				};
				life.at = arrived + back;
				break;
			case 'wait':
				life.event = { type: 'woke' };
				life.at = now + action.ms;
				break;
			case 'succeed':
				lives.splice(lives.indexOf(life), 1);
				delaysMs[life.index] = life.arrivedAt - life.endedAt;
				reads[life.index] = life.reads;
				makespanMs = Math.max(makespanMs, now - START);
				peers = learn(peers, world.runMs[life.index]);
				begin(now);
				break;
			default:
				throw new Error(`a healthy job ended with '${action.type}'`);
		}
	}
	return { delaysMs, reads, makespanMs };
}
