/** A model of one target: what it does with one job, and how its answers go wrong. */
import type { Reply } from '../../nodes/RunPod/core/reply.ts';

export const JOB_ID = 'job-1-u1';

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
