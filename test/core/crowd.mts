/**
 * Many jobs on models of two platforms, on one clock: performs what `nextInBatch` decides, as
 * `run/batch.ts` does, and each life as `run/runJob.ts` does. It counts what costs money.
 */
import { leftBy, newBatch, nextInBatch } from '../../nodes/RunPod/core/batch.ts';
import type { BatchEvent, BatchState, Server, Task } from '../../nodes/RunPod/core/batch.ts';
import { decide, refused } from '../../nodes/RunPod/core/budget.ts';
import { isWayFree } from '../../nodes/RunPod/core/fallback.ts';
import type { Policy } from '../../nodes/RunPod/core/run.ts';
import { attachedRun, newRun } from '../../nodes/RunPod/core/run.ts';
import { spentBy } from '../../nodes/RunPod/core/spent.ts';
import type { Pause, Sign, Trace, World } from './world.mts';
import { live, Platform, policyWith, resumedAt, START } from './world.mts';

export interface CrowdWorld {
	jobs: Array<{
		/** How many input items it works on. */
		items: number;
		primary: World;
		fallback?: World;
		/** Its result cannot be fetched. */
		isLost: boolean;
	}>;
	width: number;
	goesOn: boolean;
	/** Whether the jobs are waited for, or only handed in. */
	until: 'result' | 'submit';
	cancelOnStop: boolean;
	stopAtMs: number;
	queueTimeoutMs: number;
	runTimeoutMs: number;
	/** USD at a dollar for each second on a worker; 0 for no limit. */
	maxUsdPerRun: number;
}

/** What became of an input item: the job that its result or its failure is of. */
export interface Outcome {
	kind: 'result' | 'failure';
	job: number;
}

export interface CrowdTrace {
	batch: BatchState;
	outcomes: Array<Outcome | undefined>;
	platforms: Array<Record<Server, Platform | undefined>>;
	/** When the fallback was asked although the first job was open. */
	paidTwice: number;
	lives: Trace[];
	mostAtOnce: number;
	/** Jobs that may run on, as the user is told. */
	told: string[];
	/** Jobs that were handed in and kept. */
	handedIn: string[];
	/** What the account of Max USD per Run says in the end. */
	bookedUsd: number;
	stoppedAt: number;
	endedAt: number;
}

const PER_HOUR = 3600;
const MOST_STEPS = 50_000;

interface Going {
	life: Generator<Pause, BatchEvent | undefined, number>;
	pause: Pause;
}

export function driveBatch(world: CrowdWorld): CrowdTrace {
	let now = START;
	let isCanceled = false;
	const sign: Sign = { at: Infinity, reason: 'sibling' };
	const going = new Set<Going>();
	const account = { spent: 0, reserved: 0 };
	let waiting: Pause[] = [];
	const last: Array<Trace | undefined> = [];
	let item = 0;
	const wishes = world.jobs.map(({ items, fallback }) => ({
		items: Array.from({ length: items }, () => item++),
		hasFallback: fallback !== undefined,
		isWatched: world.until === 'result',
	}));
	let batch = newBatch(wishes, world);
	const trace: Omit<CrowdTrace, 'batch' | 'bookedUsd' | 'endedAt' | 'stoppedAt'> = {
		outcomes: new Array<Outcome | undefined>(item).fill(undefined),
		platforms: world.jobs.map(() => ({ primary: undefined, fallback: undefined })),
		paidTwice: 0,
		lives: [],
		mostAtOnce: 0,
		told: [],
		handedIn: [],
	};
	let running = 0;

	const policyOf = (): Policy =>
		policyWith({
			until: world.until === 'submit' ? 'submit' : 'end',
			queueTimeoutMs: world.queueTimeoutMs,
			runTimeoutMs: world.runTimeoutMs,
			cancelOnStop: world.cancelOnStop,
		});
	const note = (job: number, kind: Outcome['kind']): void => {
		for (const index of wishes[job].items) trace.outcomes[index] = { kind, job };
	};

	function* attempt(job: number, server: Server): Generator<Pause, BatchEvent, number> {
		const place = world.jobs[job][server]!;
		const before = trace.platforms[job].primary;
		const platform = new Platform(place, `job-${job}-${server}`);
		trace.platforms[job][server] = platform;
		let policy = policyOf();
		let reserve = 0;
		while (world.maxUsdPerRun > 0 && now < sign.at) {
			const limits = { perJob: 0, perRun: world.maxUsdPerRun, perDay: 0 };
			const none = { spent: 0, reserved: 0 };
			const { runTimeoutMs } = policy;
			const grant = decide({
				limits,
				perHour: PER_HOUR,
				runTimeoutMs,
				run: account,
				day: none,
				runMs: [],
			});
			if (grant.type === 'refuse') {
				const failure = refused(grant.scope, limits, PER_HOUR, grant.spent);
				return { type: 'ended', job, end: { type: 'fail', failure } };
			}
			if (grant.type === 'submit') {
				reserve = grant.reserveUsd;
				policy = { ...policy, runTimeoutMs: grant.runTimeoutMs };
				break;
			}
			const pause = { until: Infinity, isSoft: true };
			waiting.push(pause);
			yield pause;
		}
		account.reserved += reserve;
		running += 1;
		trace.mostAtOnce = Math.max(trace.mostAtOnce, running);
		const life = live(platform, place, policy, newRun(), now, sign);
		let step = life.next(now);
		while (!step.done) {
			// The platform has it from the moment at which it came in.
			if (server === 'fallback' && platform.accepted > 0 && before?.isOpen(platform.acceptedAt!))
				trace.paidTwice += 1;
			step = life.next(yield step.value);
		}
		running -= 1;
		const { run, end } = step.value;
		last[job] = step.value;
		trace.lives.push(step.value);
		account.reserved -= reserve;
		account.spent += spentBy({ run, end }, PER_HOUR, reserve, now) ?? reserve;
		for (const pause of waiting) pause.until = now;
		waiting = [];
		return { type: 'ended', job, end };
	}

	/** A cancel that does not wait for anything. */
	function* cancel(job: number): Generator<Pause, Trace['end'] | undefined, number> {
		const { run } = last[job] ?? {};
		if (run?.jobId === undefined) return undefined;
		const server = batch.jobs[job].server;
		const platform = trace.platforms[job][server]!;
		const policy = policyWith({ ...policyOf(), until: 'end', cancelOnStop: true });
		const stopNow: Sign = { at: START, reason: 'sibling' };
		const first = attachedRun(run.jobId, run.submittedAt);
		const life = live(platform, world.jobs[job][server]!, policy, first, now, stopNow);
		let step = life.next(now);
		while (!step.done) step = life.next(yield step.value);
		return step.value.end;
	}

	function* giveUp(job: number): Generator<Pause, undefined, number> {
		const id = last[job]?.run.jobId;
		if (!world.cancelOnStop) {
			trace.told.push(String(id));
			return;
		}
		const end = yield* cancel(job);
		const left = end?.type === 'fail' ? leftBy(end.failure) : undefined;
		if (left !== undefined) trace.told.push(left);
	}

	function* perform(
		task: Exclude<Task, { type: 'giveUp' }>,
	): Generator<Pause, BatchEvent | undefined, number> {
		if (task.type === 'stopOthers') {
			if (now < sign.at) Object.assign(sign, { at: now, reason: 'sibling' });
			return undefined;
		}
		const { job } = task;
		switch (task.type) {
			case 'run':
				return yield* attempt(job, task.server);
			case 'prove': {
				yield { until: now + 2000, isSoft: true };
				const isIdle = trace.platforms.every(({ primary }) => !primary?.isOpen(now));
				return { type: 'checked', job, isFree: isIdle && now < sign.at };
			}
			case 'free': {
				const end = yield* cancel(job);
				return { type: 'checked', job, isFree: end?.type === 'fail' && isWayFree(end.failure) };
			}
			case 'collect': {
				yield { until: now + 10, isSoft: false };
				const { isLost } = world.jobs[job];
				note(job, isLost ? 'failure' : 'result');
				return { type: 'settled', job, isLost };
			}
			case 'fail': {
				yield { until: now + 300, isSoft: false };
				const left = leftBy(task.failure);
				if (left !== undefined) trace.told.push(left);
				note(job, 'failure');
				return { type: 'settled', job };
			}
		}
	}

	const advance = (one: Going): void => {
		const step = one.life.next(now);
		if (!step.done) {
			one.pause = step.value;
			return;
		}
		going.delete(one);
		if (step.value !== undefined) handle(step.value);
	};
	const begin = (life: Going['life']): void => {
		const one = { life, pause: { until: now, isSoft: false } };
		going.add(one);
		advance(one);
	};
	const handle = (event: BatchEvent): void => {
		const isStop = isCanceled && batch.stop !== 'canceled';
		for (const each of isStop ? [{ type: 'stop' } as const, event] : [event]) {
			const step = nextInBatch(batch, each);
			batch = step.batch;
			for (const task of step.tasks) {
				if (task.type !== 'giveUp') begin(perform(task));
				else for (const job of task.jobs) begin(giveUp(job));
			}
		}
	};

	const stopAt = START + world.stopAtMs;
	handle({ type: 'start' });
	for (let steps = 0; going.size > 0; steps += 1) {
		let [soonest, at] = [undefined as Going | undefined, Infinity];
		for (const one of going) {
			const wake = Math.max(now, resumedAt(one.pause, sign));
			if (wake < at) [soonest, at] = [one, wake];
		}
		if (!isCanceled && stopAt <= at) {
			isCanceled = true;
			now = Math.max(now, stopAt);
			if (now < sign.at) Object.assign(sign, { at: now, reason: 'canceled' });
			continue;
		}
		if (soonest === undefined || steps > MOST_STEPS) throw new Error('the batch does not end');
		now = at;
		advance(soonest);
	}
	if (world.until === 'submit' && batch.stop === undefined)
		batch.jobs.forEach(({ phase }, job) => {
			if (phase === 'done' || phase === 'failed') trace.handedIn.push(String(last[job]?.run.jobId));
		});
	return { ...trace, batch, bookedUsd: account.spent, stoppedAt: sign.at, endedAt: now };
}
