/** The ledger: what the platform saw. Tests read here what a client really did and what it cost. */
import { billedMs, isFinal, type Attempt, type Job, type JobState } from '../runpod/job.mts';
import type { SubmitBody } from '../runpod/requests.mts';

export interface SeenRequest {
	at: number;
	method: string;
	path: string;
	operation: string;
	endpointId?: string;
	jobId?: string;
	headers: Record<string, string | string[] | undefined>;
	/** The name of the key that was sent, 'none', 'wrong' or 'worker'. */
	key: string;
	status?: number;
	/** What was sent to the management plane, when it was JSON. */
	body?: unknown;
}

export interface Submit extends SubmitBody {
	at: number;
	jobId: string;
	endpointId: string;
	kind: 'run' | 'runsync';
}

/** One look at a job: /status, /stream, or the reply of a /runsync. */
export interface Read {
	at: number;
	operation: string;
	status: number;
	/** The word shown, absent for failures. */
	state?: string;
}

export type IncidentKind =
	| 'late-progress'
	| 'late-result'
	| 'double-result'
	| 'result-of-cancelled-job'
	| 'result-dropped-by-fault'
	| 'invalid-json'
	| 'result-too-large'
	| 'chunk-too-large'
	| 'worker-lost'
	| 'unknown-job'
	| 'stop-pod'
	| 'ttl-set-by-read';

export interface Delivery {
	at: number;
	jobId: string;
	url: string;
	attempt: number;
	status?: number;
	error?: string;
	body: unknown;
}

export interface JobEntry {
	id: string;
	endpointId: string;
	state: JobState | 'DELETED';
	submittedAt: number;
	finishedAt?: number;
	attempts: Attempt[];
	billedMs: number;
	/** Reads after a read that had already shown a final state. */
	readsAfterFinal: number;
}

const finalWords: ReadonlySet<string> = new Set(['COMPLETED', 'FAILED', 'CANCELLED', 'TIMED_OUT']);

export class Ledger {
	readonly requests: SeenRequest[] = [];
	readonly submits: Submit[] = [];
	readonly cancels: Array<{ at: number; jobId: string; changed: boolean }> = [];
	readonly retries: Array<{ at: number; jobId: string }> = [];
	readonly reads: Record<string, Read[]> = {};
	readonly incidents: Array<{ at: number; kind: IncidentKind; jobId?: string; detail?: string }> =
		[];
	readonly webhooks: Delivery[] = [];
	readonly sinks: Array<{
		at: number;
		name: string;
		method: string;
		path: string;
		headers: SeenRequest['headers'];
		body: string;
	}> = [];
	/** What came to Pods through the proxy. */
	readonly podCalls: Array<{
		at: number;
		pod: string;
		port: number;
		method: string;
		path: string;
		headers: SeenRequest['headers'];
		status: number;
	}> = [];
	/** Every job ever accepted, also after its deletion. */
	private readonly jobs = new Map<string, { job: Job; deleted: boolean }>();

	constructor(private readonly now: () => number) {}

	submitted(job: Job): void {
		this.jobs.set(job.id, { job, deleted: false });
		this.submits.push({
			at: this.now(),
			jobId: job.id,
			endpointId: job.endpointId,
			kind: job.kind,
			...job.body,
		});
	}

	deleted(job: Job): void {
		const entry = this.jobs.get(job.id);
		if (entry !== undefined) entry.deleted = true;
	}

	read(jobId: string, read: Omit<Read, 'at'>): void {
		(this.reads[jobId] ??= []).push({ at: this.now(), ...read });
	}

	incident(kind: IncidentKind, jobId?: string, detail?: string): void {
		this.incidents.push({ at: this.now(), kind, jobId, detail });
	}

	/** Every attempt of every job so far, with its endpoint. */
	attempts(): Array<Attempt & { endpointId: string }> {
		return [...this.jobs.values()].flatMap(({ job }) =>
			job.attempts.map((attempt) => ({ ...attempt, endpointId: job.endpointId })),
		);
	}

	/** Everything as JSON; times in milliseconds of the emulator's clock. */
	snapshot() {
		const now = this.now();
		const jobs: JobEntry[] = [...this.jobs.values()].map(({ job, deleted }) => ({
			id: job.id,
			endpointId: job.endpointId,
			state: deleted ? 'DELETED' : job.state,
			submittedAt: job.submittedAt,
			finishedAt: job.finishedAt,
			attempts: job.attempts,
			billedMs: billedMs(job, now),
			readsAfterFinal: this.readsAfterFinal(job.id),
		}));
		return {
			now,
			requests: this.requests,
			submits: this.submits,
			cancels: this.cancels,
			retries: this.retries,
			reads: this.reads,
			incidents: this.incidents,
			webhooks: this.webhooks,
			sinks: this.sinks,
			podCalls: this.podCalls,
			jobs,
			openJobs: [...this.jobs.values()]
				.filter(({ job, deleted }) => !deleted && !isFinal(job))
				.map(({ job }) => job.id),
			billedMs: jobs.reduce((sum, job) => sum + job.billedMs, 0),
		};
	}

	private readsAfterFinal(jobId: string): number {
		const reads = this.reads[jobId] ?? [];
		const first = reads.findIndex((read) => read.state !== undefined && finalWords.has(read.state));
		return first < 0 ? 0 : reads.length - first - 1;
	}
}

export type LedgerSnapshot = ReturnType<Ledger['snapshot']>;
