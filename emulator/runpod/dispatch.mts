/** Brings waiting jobs to workers: to held job-take calls, or to the built-in worker of a script. */
import type { Script } from '../control/scripts.mts';
import { currentAttempt, type Job } from './job.mts';
import type { Endpoint, TakePoll } from './endpoint.mts';
import type { Platform } from './platform.mts';
import { runScript } from './scripted.mts';

export class Dispatcher {
	constructor(private readonly platform: Platform) {
		platform.listen((endpoint, job, event) => {
			const attempt = currentAttempt(job);
			// Cancelled, over its time limit, or deleted while it ran: the worker is told to stop it.
			// Assumed: also for a deletion by TTL.
			const outside =
				event === 'cancel' || event === 'timeOut' || event === 'delete' || event === 'expire';
			if (outside && attempt?.end === event) {
				this.stop(endpoint, attempt.workerId, job.id);
			}
			if (event !== 'progress' && event !== 'take') this.run(endpoint);
		});
	}

	/** Gives as many jobs as possible to workers, and comes back when the next one may go. */
	run(endpoint: Endpoint): void {
		let nextMs = Infinity;
		for (const job of endpoint.queue()) {
			// A long queue is not looked through while nobody is free: the end of a job comes here again.
			if (!this.anyoneFree(endpoint)) break;
			// A batch call may have taken it a moment ago.
			if (job.state === 'IN_QUEUE') nextMs = Math.min(nextMs, this.give(endpoint, job));
		}
		endpoint.wake?.cancel();
		endpoint.wake =
			nextMs === Infinity ? undefined : this.platform.clock.after(nextMs, () => this.run(endpoint));
	}

	/** Holds a job-take call; `jobs` is empty when the time is over. Returns how to give it up. */
	hold(endpoint: Endpoint, poll: TakePoll, holdMs: number): () => void {
		const end = () => {
			timer.cancel();
			endpoint.takePolls = endpoint.takePolls.filter((other) => other !== held);
		};
		const held: TakePoll = {
			...poll,
			answer: (jobs) => {
				end();
				poll.answer(jobs);
			},
		};
		const timer = this.platform.clock.after(holdMs, () => held.answer([]));
		endpoint.takePolls.push(held);
		this.run(endpoint);
		return end;
	}

	/**
	 * Tells a worker to stop a job; its next or present job-stop call gets it. Assumed: once. The SDK drops
	 * the signal when it has taken the job but not started it yet, and then runs it to its end.
	 */
	stop(endpoint: Endpoint, workerId: string, jobId: string): void {
		const worker = endpoint.workers.get(workerId);
		if (worker === undefined) return;
		worker.stops.push(jobId);
		for (const poll of endpoint.stopPolls.filter((other) => other.workerId === workerId))
			poll.wake();
	}

	/** Gives a waiting job to a worker if it may go; else the milliseconds until it may, if time alone decides. */
	private give(endpoint: Endpoint, job: Job): number {
		const heldMs = this.platform.faults.heldFor('stuck', this.platform.subject(job));
		if (heldMs !== undefined) return heldMs;
		const script = this.scriptOf(job);
		if (script === undefined) {
			this.giveToPoll(endpoint, job);
			return Infinity;
		}
		const waitMs = job.queuedAt + script.queueMs - this.platform.clock.now();
		if (waitMs > 0) return waitMs;
		const workerId = this.freeScriptedWorker(endpoint);
		if (workerId !== undefined) {
			this.take(endpoint, job, workerId, true);
			runScript(this.platform, endpoint, job, script, workerId);
		}
		return Infinity;
	}

	private giveToPoll(endpoint: Endpoint, job: Job): void {
		const poll = endpoint.takePolls.find((other) => endpoint.mayWork(other.workerId));
		if (poll === undefined) return;
		const jobs = [job];
		this.take(endpoint, job, poll.workerId, false);
		// A batch call gets what waits now and has no script, up to its size.
		for (const other of endpoint.queue()) {
			if (jobs.length >= poll.batchSize) break;
			if (this.platform.faults.heldFor('stuck', this.platform.subject(other)) !== undefined)
				continue;
			if (this.scriptOf(other) !== undefined) continue;
			jobs.push(other);
			this.take(endpoint, other, poll.workerId, false);
		}
		poll.answer(jobs);
	}

	private scriptOf(job: Job): Script | undefined {
		return this.platform.scripts.of(job.id, job.attempts.length, this.platform.subject(job));
	}

	private take(endpoint: Endpoint, job: Job, workerId: string, scripted: boolean): void {
		const lost =
			this.platform.faults.take(['workerLost'], this.platform.subject(job)) !== undefined;
		this.platform.apply(endpoint, job, 'take', { workerId, lost, scripted });
	}

	private anyoneFree(endpoint: Endpoint): boolean {
		return (
			endpoint.busyWorkers().size < endpoint.settings.workersMax ||
			endpoint.takePolls.some((poll) => endpoint.mayWork(poll.workerId))
		);
	}

	private freeScriptedWorker(endpoint: Endpoint): string | undefined {
		const busy = endpoint.busyWorkers();
		if (busy.size >= endpoint.settings.workersMax) return undefined;
		for (let number = 1; ; number++) {
			if (!busy.has(`scripted-${number}`)) return `scripted-${number}`;
		}
	}
}
