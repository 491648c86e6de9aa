/** One serverless endpoint: its settings, its jobs, and the workers that came to it. */
import { z } from 'zod';
import { DEFAULT_EXECUTION_TIMEOUT_MS } from './limits.mts';
import type { Timer } from '../control/clock.mts';
import type { Job } from './job.mts';

const milliseconds = z.number().int().min(0);
const count = z.number().int().min(0);

export const endpointSettings = z
	.object({
		id: z.string().regex(/^[A-Za-z0-9_-]+$/),
		/** Workers that may be busy at a time; 0: the endpoint is paused and its queue waits for ever. */
		workersMax: count.default(3),
		/** Shown alone: the emulator starts no workers. */
		workersMin: count.default(0),
		/** Used when the job's policy names none. Assumed: 0 means no limit. */
		executionTimeoutMs: milliseconds.default(DEFAULT_EXECUTION_TIMEOUT_MS),
		/** Assumed: a worker without sign of life for 60 s is lost (a rejected job was seen to fail after about 2 min, with one retry). */
		pingTimeoutMs: milliseconds.default(60_000),
		/** Interval that attached workers are told, in milliseconds (the SDK counts whole seconds). */
		pingIntervalMs: z.number().int().min(1000).default(10_000),
		/** Assumed: how long job-take and job-stop are held when there is nothing to say. */
		holdMs: milliseconds.default(10_000),
		/** Whether a 429 of the rate limits tells Retry-After. Not documented, so both can be had. */
		retryAfter: z.boolean().default(true),
		/** Final states that are told to webhooks. Assumed: not CANCELLED and TIMED_OUT. */
		webhookStates: z
			.array(z.enum(['COMPLETED', 'FAILED', 'CANCELLED', 'TIMED_OUT']))
			.default(['COMPLETED', 'FAILED']),
		/** What the management plane tells about it. */
		name: z.string().optional(),
		gpu: z
			.object({
				pools: z.array(z.string()).default(['ADA_24']),
				excludedTypes: z.array(z.string()).default([]),
				count: z.number().int().min(1).default(1),
				allowedCudaVersions: z.array(z.string()).default([]),
				minCudaVersion: z.string().nullable().default(null),
			})
			.strict()
			.default({}),
		/** The rest of the body that created or changed it on the management plane. */
		deployed: z.record(z.string(), z.unknown()).default({}),
		idleTimeoutS: z.number().int().min(1).max(3600).default(5),
		/** Workers shown by /health beside the attached ones. */
		workers: z
			.object({
				idle: count.optional(),
				initializing: count.optional(),
				ready: count.optional(),
				running: count.optional(),
				throttled: count.optional(),
				unhealthy: count.optional(),
			})
			.strict()
			.default({}),
	})
	.strict();

export type EndpointOptions = z.input<typeof endpointSettings>;
export type EndpointSettings = z.infer<typeof endpointSettings>;

export interface Worker {
	id: string;
	lastSeenAt: number;
	openPolls: number;
	unhealthy: boolean;
	/** It asked to be stopped (`stopPod`): no further jobs until its process was restarted. */
	stopped: boolean;
	/** Jobs to stop that no job-stop call has fetched yet. */
	stops: string[];
}

/** A job-take call that is held open. */
export interface TakePoll {
	workerId: string;
	batchSize: number;
	answer: (jobs: Job[]) => void;
}

export class Endpoint {
	readonly jobs = new Map<string, Job>();
	/** Jobs in the order in which they came to wait, and those that run: a thousand jobs are not searched each time. */
	private readonly waiting = new Set<Job>();
	private readonly active = new Set<Job>();
	readonly workers = new Map<string, Worker>();
	readonly counts = { completed: 0, failed: 0, retried: 0 };
	/** The dispatcher's next look at the queue. */
	wake?: Timer;
	takePolls: TakePoll[] = [];
	stopPolls: Array<{ workerId: string; wake: () => void }> = [];
	/** Accepted submits so far. */
	submits = 0;

	constructor(public settings: EndpointSettings) {}

	get id(): string {
		return this.settings.id;
	}

	/** Notes a job's new state; called at every change of it. */
	sort(job: Job): void {
		this.waiting.delete(job);
		this.active.delete(job);
		if (!this.jobs.has(job.id)) return;
		if (job.state === 'IN_QUEUE') this.waiting.add(job);
		if (job.state === 'IN_PROGRESS') this.active.add(job);
	}

	/** Waiting jobs, the longest waiting first. Assumed: a repeated job waits at the end. */
	queue(): Job[] {
		return [...this.waiting];
	}

	running(): Job[] {
		return [...this.active];
	}

	busyWorkers(): Set<string> {
		return new Set(this.running().map((job) => job.attempts[job.attempts.length - 1].workerId));
	}

	/** True when the worker may take a job: it is busy already, or one more may be busy. */
	mayWork(workerId: string): boolean {
		const busy = this.busyWorkers();
		if (this.settings.workersMax === 0 || this.workers.get(workerId)?.stopped) return false;
		return busy.has(workerId) || busy.size < this.settings.workersMax;
	}

	seen(workerId: string, now: number): Worker {
		let worker = this.workers.get(workerId);
		if (worker === undefined) {
			worker = {
				id: workerId,
				lastSeenAt: now,
				openPolls: 0,
				unhealthy: false,
				stopped: false,
				stops: [],
			};
			this.workers.set(workerId, worker);
		}
		worker.lastSeenAt = now;
		return worker;
	}

	/** The reply of /health. Assumed: `ready` counts idle workers, `running` busy ones. */
	health(now: number) {
		const busy = this.busyWorkers();
		const present = [...this.workers.values()].filter(
			(worker) =>
				!worker.stopped &&
				(worker.openPolls > 0 ||
					busy.has(worker.id) ||
					now - worker.lastSeenAt < this.settings.pingTimeoutMs),
		);
		const idle = present.filter((worker) => !worker.unhealthy && !busy.has(worker.id)).length;
		const extra = this.settings.workers;
		return {
			jobs: {
				completed: this.counts.completed,
				failed: this.counts.failed,
				inProgress: this.running().length,
				inQueue: this.queue().length,
				retried: this.counts.retried,
			},
			workers: {
				idle: idle + (extra.idle ?? 0),
				initializing: extra.initializing ?? 0,
				ready: idle + (extra.ready ?? 0),
				running: busy.size + (extra.running ?? 0),
				throttled: extra.throttled ?? 0,
				unhealthy: present.filter((worker) => worker.unhealthy).length + (extra.unhealthy ?? 0),
			},
		};
	}
}
