/** The state of the job plane and the one place that changes it. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../control/clock.mts';
import type { Faults } from '../control/faults.mts';
import type { Ledger } from '../control/ledger.mts';
import type { Subject } from '../control/match.mts';
import type { Scripts } from '../control/scripts.mts';
import type { Endpoint } from './endpoint.mts';
import { currentAttempt, isFinal, transitions, type Job, type JobEvent } from './job.mts';
import { DEFAULT_TTL_MS, PLATFORM_RETRIES, RETENTION_MS } from './limits.mts';
import type { SubmitBody } from './requests.mts';

export interface Change {
	workerId?: string;
	/** The worker is not to be believed in this attempt. */
	lost?: boolean;
	/** A built-in worker, which needs no pings. */
	scripted?: boolean;
	progress?: unknown;
	output?: unknown;
	error?: unknown;
}

/** Told after each change; `delete` when the job is gone. */
export type Listener = (
	endpoint: Endpoint,
	job: Job,
	event: JobEvent | 'submit' | 'delete',
) => void;

export class Platform {
	readonly endpoints = new Map<string, Endpoint>();
	/** Called when a worker asks to be stopped; whoever owns its process kills and restarts it. */
	onStopPod?: (endpointId: string, workerId: string) => void;
	private readonly listeners: Listener[] = [];
	private readonly untold: Array<() => void> = [];
	private telling = false;

	constructor(
		readonly clock: Clock,
		readonly ledger: Ledger,
		readonly faults: Faults,
		readonly scripts: Scripts,
	) {}

	listen(listener: Listener): void {
		this.listeners.push(listener);
	}

	subject(job: Job): Subject {
		const { endpointId, id, order, submittedAt } = job;
		return { endpointId, jobId: id, order, submittedAt, input: job.body.input };
	}

	submit(endpoint: Endpoint, kind: Job['kind'], body: SubmitBody): Job {
		const now = this.clock.now();
		const job: Job = {
			id: kind === 'run' ? `${randomUUID()}-u1` : `sync-${randomUUID()}-u2`,
			endpointId: endpoint.id,
			kind,
			order: ++endpoint.submits,
			body,
			state: 'IN_QUEUE',
			submittedAt: now,
			queuedAt: now,
			ttlMs: body.policy?.ttl ?? DEFAULT_TTL_MS,
			retries: 0,
			attempts: [],
			lastSignAt: now,
			chunks: [],
			timers: new Map(),
			watchers: new Set(),
		};
		endpoint.jobs.set(job.id, job);
		endpoint.sort(job);
		this.ledger.submitted(job);
		this.planDeletion(endpoint, job);
		this.planFault(endpoint, job);
		this.tell(endpoint, job, 'submit');
		return job;
	}

	/** Applies an event by the table of transitions; false when the job's state does not allow it. */
	apply(endpoint: Endpoint, job: Job, event: JobEvent, change: Change = {}): boolean {
		const next = transitions[event][job.state];
		if (next === undefined || !endpoint.jobs.has(job.id)) return false;
		const now = this.clock.now();
		job.state = next;
		if (event === 'take') this.start(endpoint, job, change);
		if (event !== 'progress') endpoint.sort(job);
		if (event === 'progress') {
			job.progress = change.progress;
			job.lastSignAt = now;
		}
		if (next === 'COMPLETED' || next === 'FAILED') {
			job.output = change.output;
			job.error = change.error;
			endpoint.counts[next === 'COMPLETED' ? 'completed' : 'failed'] += 1;
		}
		if (event === 'requeue' || event === 'retry') {
			// The wait before the last attempt is what delayTime tells.
			job.queuedAt = now;
			// Assumed: a retry by the user starts to count anew.
			job.retries = event === 'requeue' ? job.retries + 1 : 0;
			endpoint.counts.retried += 1;
			job.chunks = [];
			job.finishedAt = job.progress = job.output = job.error = undefined;
		}
		if (next !== 'IN_PROGRESS') this.endAttempt(job, event);
		if (isFinal(job)) job.finishedAt = now;
		if (isFinal(job) || event === 'retry') this.planDeletion(endpoint, job);
		this.tell(endpoint, job, event);
		return true;
	}

	/** A chunk for /stream. */
	addChunk(job: Job, output: unknown): void {
		job.chunks.push(output);
		job.lastSignAt = this.clock.now();
		for (const watcher of [...job.watchers]) watcher();
	}

	/** Sets the TTL, which counts from the submit; the job goes at once when it is over already. */
	setTtl(endpoint: Endpoint, job: Job, ttlMs: number): void {
		job.ttlMs = ttlMs;
		this.planDeletion(endpoint, job);
	}

	remove(endpoint: Endpoint, job: Job): void {
		this.endAttempt(job, 'delete');
		for (const timer of job.timers.values()) timer.cancel();
		job.timers.clear();
		endpoint.jobs.delete(job.id);
		endpoint.sort(job);
		this.ledger.deleted(job);
		this.tell(endpoint, job, 'delete');
	}

	/** The worker gave no sign of life: once more, then the job fails. */
	lose(endpoint: Endpoint, job: Job): void {
		this.ledger.incident('worker-lost', job.id, currentAttempt(job)?.workerId);
		if (job.retries < PLATFORM_RETRIES) {
			this.apply(endpoint, job, 'requeue');
			return;
		}
		this.apply(endpoint, job, 'expire', { error: `job timed out after ${job.retries} retries` });
	}

	private start(endpoint: Endpoint, job: Job, change: Change): void {
		const now = this.clock.now();
		const workerId = change.workerId ?? 'unknown';
		job.attempts.push({ workerId, takenAt: now, ...(change.lost ? { lost: true } : {}) });
		job.lastSignAt = now;
		job.progress = undefined;
		const limit = job.body.policy?.executionTimeout ?? endpoint.settings.executionTimeoutMs;
		if (limit > 0) {
			this.plan(job, 'execution', limit, () => {
				// Seen in public: an execution timeout is FAILED with this text, not TIMED_OUT.
				this.apply(endpoint, job, 'expire', { error: 'executionTimeout exceeded' });
			});
		}
		if (!change.scripted || change.lost) this.watchSilence(endpoint, job);
	}

	/** Runs the job as lost once nothing was heard of it for long enough. */
	watchSilence(endpoint: Endpoint, job: Job): void {
		const silent = this.clock.now() - job.lastSignAt;
		this.plan(job, 'life', endpoint.settings.pingTimeoutMs - silent, () => {
			if (this.clock.now() - job.lastSignAt >= endpoint.settings.pingTimeoutMs)
				this.lose(endpoint, job);
			else this.watchSilence(endpoint, job);
		});
	}

	private endAttempt(job: Job, event: JobEvent | 'delete'): void {
		const attempt = currentAttempt(job);
		if (attempt !== undefined && attempt.endedAt === undefined) {
			attempt.endedAt = this.clock.now();
			attempt.end = event;
		}
		for (const name of ['execution', 'life'] as const) this.unplan(job, name);
	}

	/** A job goes when its TTL ends, in whatever state, or when its result was kept long enough. */
	private planDeletion(endpoint: Endpoint, job: Job): void {
		const ends = [job.submittedAt + job.ttlMs];
		if (job.finishedAt !== undefined) ends.push(job.finishedAt + RETENTION_MS[job.kind]);
		this.plan(job, 'delete', Math.min(...ends) - this.clock.now(), () =>
			this.remove(endpoint, job),
		);
	}

	private planFault(endpoint: Endpoint, job: Job): void {
		const fault = this.faults.take(['timeOut', 'forget'], this.subject(job));
		if (fault === undefined) return;
		this.plan(job, 'fault', fault.afterMs, () => {
			if (fault.kind === 'forget') this.remove(endpoint, job);
			else this.apply(endpoint, job, 'timeOut');
		});
	}

	private plan(
		job: Job,
		name: 'execution' | 'life' | 'delete' | 'fault',
		ms: number,
		run: () => void,
	): void {
		this.unplan(job, name);
		job.timers.set(name, this.clock.after(ms, run));
	}

	private unplan(job: Job, name: 'execution' | 'life' | 'delete' | 'fault'): void {
		job.timers.get(name)?.cancel();
		job.timers.delete(name);
	}

	/** Changes made by a listener are told after the one it was told of, so that all hear them in order. */
	private tell(endpoint: Endpoint, job: Job, event: Parameters<Listener>[2]): void {
		this.untold.push(() => {
			for (const watcher of [...job.watchers]) watcher();
			for (const listener of this.listeners) listener(endpoint, job, event);
		});
		if (this.telling) return;
		this.telling = true;
		try {
			for (let next = this.untold.shift(); next !== undefined; next = this.untold.shift()) next();
		} finally {
			this.telling = false;
		}
	}
}
