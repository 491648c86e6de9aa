import { jobLimits } from '../contract/job';
import type { FailureCode } from '../contract/errors';
import { lost, lostSubmit, stopped, unreachable } from './ending';
import { deadlineOf, turn } from './clocks';
import type { Failure } from './failure';
import { isPassing, isUnknownJob, isUnknownOutcome } from './reply';
import type { Reply } from './reply';
import { MAX_REFUSED_SUBMITS, pauseBefore } from './retry';
import { CANCEL_BUDGET_MS } from './run';
import type { Action, Event, FinalAction, Policy, Run, StopReason } from './run';
import { NEAREST_READ_MS, nextRead, remainingMs } from './schedule';
import { isFinal, readJob } from './state';
import type { JobView } from './state';
import { judge } from './verdict';

/**
 * The life of one job as a pure function: `next(run, event, policy, now, random)` takes what
 * happened and says what to do. Nothing else decides about submitting, reading, waiting, cancelling
 * or giving up; `run/runJob.ts` only performs the actions.
 */

export interface Step {
	run: Run;
	action: Action;
}

const CANCEL_PAUSE_MS = 400;
/** So many definite refusals in a row are believed. */
const MOST_DENIALS = 3;

/** What to do after `event`. `random` in [0, 1) is used for jitter alone. */
export function next(run: Run, event: Event, policy: Policy, now: number, random = 0.5): Step {
	// What comes after the end, e.g. late progress, changes nothing.
	if (run.end !== undefined) return { run, action: run.end };
	switch (event.type) {
		case 'start':
			return begin(run, policy, now);
		case 'submitted':
			return afterSubmit(run, event.reply, event.sentAt, policy, now, random);
		case 'read':
			return afterRead(
				{ ...run, since: event.sentAt, reads: run.reads + 1 },
				event.reply,
				policy,
				now,
				random,
			);
		case 'woke':
			return afterWait(run, policy, now);
		case 'stop':
			return stop(run, event.reason, policy, now);
		case 'cancelled':
			return afterCancel(run, event.reply, policy, now);
	}
}

function begin(run: Run, policy: Policy, now: number): Step {
	const phaseSince = run.submittedAt ?? now;
	const started = { ...run, startedAt: now, phaseSince };
	if (run.jobId !== undefined && policy.until === 'submit') {
		return finish(started, { type: 'handOver', job: { id: run.jobId, hasOutput: false } });
	}
	if (run.jobId === undefined && policy.isPaused)
		return fail(started, stopped(started, 'ENDPOINT_PAUSED', 'none', policy));
	return { run: started, action: { type: run.jobId === undefined ? 'submit' : 'read' } };
}

const finish = (run: Run, end: FinalAction): Step => ({ run: { ...run, end }, action: end });

const fail = (run: Run, failure: Failure): Step => finish(run, { type: 'fail', failure });

const wait = (run: Run, ms: number): Step => ({
	run,
	action: { type: 'wait', ms: Math.max(0, Math.ceil(ms)) },
});

function afterSubmit(
	run: Run,
	reply: Reply,
	sentAt: number,
	policy: Policy,
	now: number,
	random: number,
): Step {
	const job = reply.kind === 'ok' ? readJob(reply.body) : undefined;
	if (job?.id !== undefined) {
		const accepted = { ...run, jobId: job.id, submittedAt: sentAt, since: now, phaseSince: sentAt };
		if (policy.until === 'submit')
			return finish({ ...accepted, state: job.state }, { type: 'handOver', job });
		return observe({ ...accepted, wakeTo: 'read' }, job, policy, now);
	}
	// An accepted submit without an id can neither be read nor repeated.
	if (reply.kind === 'ok' || isUnknownOutcome(reply))
		return fail(run, lostSubmit(reply, sentAt, policy));
	return afterRefusal({ ...run, refusals: run.refusals + 1 }, reply, policy, now, random);
}

/** The submit was definitely not accepted: repeating it cannot pay twice. */
function afterRefusal(run: Run, reply: Reply, policy: Policy, now: number, random: number): Step {
	const waited = now - (run.startedAt ?? now);
	const mayRepeat = reply.kind === 'refused' || (reply.kind === 'http' && reply.status === 429);
	if (!mayRepeat || run.refusals >= MAX_REFUSED_SUBMITS)
		return fail(run, unreachable(reply, run, policy));
	const asked = reply.kind === 'http' ? reply.retryAfterMs : undefined;
	const ms = pauseBefore(run.refusals, random, asked);
	if (waited + ms > policy.queueTimeoutMs) return fail(run, unreachable(reply, run, policy));
	return wait({ ...run, wakeTo: 'submit' }, ms);
}

function afterRead(run: Run, reply: Reply, policy: Policy, now: number, random: number): Step {
	const job = reply.kind === 'ok' ? readJob(reply.body) : undefined;
	if (job?.state !== undefined) {
		const told = { ...run, misses: 0, denials: 0, lastMiss: undefined, notBefore: 0 };
		return observe(told, job, policy, now);
	}
	const isUnknown = isUnknownJob(reply);
	const missed = { ...run, misses: run.misses + 1, lastMiss: reply };
	const isLost = isUnknown && !inGrace(run, now);
	if (isLost || (reply.kind !== 'ok' && !isUnknown && !isPassing(reply))) {
		// A refused key and a job that is not there are two things: one does not prove the other.
		const isMore = run.lastMiss === undefined || isUnknownJob(run.lastMiss) === isUnknown;
		const denials = isMore ? run.denials + 1 : 1;
		return afterDenial({ ...missed, denials }, reply, policy, now, random);
	}
	const asked = reply.kind === 'http' ? reply.retryAfterMs : undefined;
	// The platform may not know a fresh job yet: that is no reason to slow down.
	const pause = isUnknown ? 0 : pauseBefore(missed.misses, random, asked);
	return waitForRead({ ...missed, notBefore: now + pause }, policy, now);
}

/**
 * The job is not known, or may not be read. A job that was watched until now is asked for again: a
 * key can be refused for a moment. What stays so ends the waiting, and the job is cancelled with the
 * key there is: it may be allowed to cancel, and nobody else will.
 */
function afterDenial(run: Run, reply: Reply, policy: Policy, now: number, random: number): Step {
	const isWatched = run.origin === 'own' && ['end', 'told'].includes(policy.until);
	if (isWatched && run.denials < MOST_DENIALS)
		return waitForRead({ ...run, notBefore: now + pauseBefore(run.denials, random) }, policy, now);
	if (isUnknownJob(reply)) {
		// Whoever watched it knows that it did not end: its result cannot have expired.
		const isGone = isWatched && run.state !== undefined && !isFinal(run.state);
		if (!isGone) return fail(run, lost('RESULT_EXPIRED', run, policy));
		// Nobody will look for it any more: should it be there after all, the cancel finds it.
		if (policy.cancelOnStop) return endEarly(run, 'denied', 'JOB_LOST', policy, now);
		return fail(run, lost('JOB_LOST', run, policy));
	}
	const failure = unreachable(reply, run, policy);
	if (!isWatched || !policy.cancelOnStop) return fail(run, failure);
	return endEarly(run, 'denied', failure.code, policy, now);
}

const inGrace = (run: Run, now: number): boolean =>
	run.submittedAt !== undefined && now - run.submittedAt < jobLimits.notFoundGraceMs;

/** Takes in a state that the platform told. */
function observe(before: Run, job: JobView, policy: Policy, now: number): Step {
	const run = turn(before, job, now);
	if (isFinal(job.state)) {
		const failure = judge(job, {
			jobId: run.jobId,
			runSeconds: Math.round(policy.runTimeoutMs / 1000),
			mayBeEmpty: policy.mayBeEmpty,
			cap: policy.cap,
		});
		return failure === undefined ? finish(run, { type: 'succeed', job }) : fail(run, failure);
	}
	if (policy.until === 'once' || (policy.until === 'told' && hasTold(run, now)))
		return finish(run, { type: 'handOver', job });
	const restMs = run.phase === 'run' ? remainingMs(run, now) : undefined;
	if (restMs !== undefined && restMs > (policy.mostRestMs ?? Infinity))
		return endEarly({ ...run, restMs }, 'rest', 'RUN_TIMEOUT', policy, now);
	return waitForRead(run, policy, now);
}

/** A worker that is silent for so long has nothing to tell. */
const FIRST_WORD_MS = 30_000;

const hasTold = ({ phase, progress, runSince }: Run, now: number): boolean =>
	phase === 'run' && (progress !== undefined || now - (runSince ?? now) >= FIRST_WORD_MS);

function waitForRead(run: Run, policy: Policy, now: number): Step {
	if (policy.isPaused && run.phase === 'queue' && run.origin === 'own')
		return endEarly(run, 'deadline', 'ENDPOINT_PAUSED', policy, now);
	const deadline = deadlineOf(run, policy, now);
	if (now >= deadline) return expire(run, policy, now);
	const since = run.since ?? now;
	const { at, near } = nextRead({
		now,
		intervalMs: policy.intervalMs,
		since,
		wasRead: run.reads > 0,
		runSince: run.phase === 'run' ? run.runSince : undefined,
		progress: run.phase === 'run' ? run.progress : undefined,
		progressAt: run.progressAt,
		peers: policy.peers,
		nearReads: run.nearReads,
	});
	const nearReads = run.nearReads + (near ? 1 : 0);
	// The last look comes with the deadline, but never nearer than two reads a second allow.
	const last = Math.max(deadline, since + NEAREST_READ_MS);
	const allowed = Math.max(at, run.notBefore, policy.peers.blockedUntil);
	return wait({ ...run, nearReads, wakeTo: 'read' }, Math.min(allowed, last) - now);
}

function afterWait(run: Run, policy: Policy, now: number): Step {
	if (run.wakeTo === 'submit') return { run, action: { type: 'submit' } };
	if (run.wakeTo === 'cancel' && run.cancel) return sendCancel(run, run.cancel);
	const mayReadAt = Math.max(run.notBefore, policy.peers.blockedUntil);
	if (now >= mayReadAt) return { run, action: { type: 'read' } };
	// Another job of this run was told to slow down, or the deadline ended the pause.
	return waitForRead(run, policy, now);
}

/** The node's own deadline has passed. */
function expire(run: Run, policy: Policy, now: number): Step {
	const code: FailureCode = run.phase === 'queue' ? 'WORKER_START_TIMEOUT' : 'RUN_TIMEOUT';
	return endEarly(run, 'deadline', code, policy, now);
}

function stop(run: Run, reason: 'canceled' | 'sibling', policy: Policy, now: number): Step {
	// A stop during the cancel of a deadline only changes what is told.
	if (run.cancel)
		return cancelAgain(
			{ ...run, cancel: { ...run.cancel, reason, code: 'CANCELED' } },
			policy,
			now,
		);
	return endEarly(run, reason, 'CANCELED', policy, now);
}

/** Nobody waits any more: the job is cancelled, or handed over by its id. */
function endEarly(
	run: Run,
	reason: StopReason,
	code: FailureCode,
	policy: Policy,
	now: number,
): Step {
	const cancel = { reason, code, since: now, attempts: 0 };
	if (run.jobId === undefined || !policy.cancelOnStop || run.origin === 'foreign') {
		return fail(run, stopped(run, code, run.jobId === undefined ? 'none' : 'left', policy));
	}
	return sendCancel(run, cancel);
}

function sendCancel(run: Run, cancel: NonNullable<Run['cancel']>): Step {
	const sent = { ...cancel, attempts: cancel.attempts + 1 };
	return { run: { ...run, cancel: sent }, action: { type: 'cancel', reason: cancel.reason } };
}

function afterCancel(run: Run, reply: Reply, policy: Policy, now: number): Step {
	const cancel = run.cancel;
	if (cancel === undefined) return fail(run, stopped(run, 'CANCELED', 'unknown', policy));
	const job = reply.kind === 'ok' ? readJob(reply.body) : undefined;
	if (job?.state !== undefined) {
		// What an earlier look told of its time is not the whole of it.
		const told = { ...run, state: job.state, executionMs: job.executionTime };
		return afterCanceled(told, job, cancel, policy, now);
	}
	// A fresh job may not be known yet, and runs nevertheless.
	if (isUnknownJob(reply)) {
		return inGrace(run, now)
			? cancelAgain(run, policy, now)
			: fail(run, stopped(run, cancel.code, 'gone', policy));
	}
	if (reply.kind !== 'ok' && !isPassing(reply)) {
		return fail(run, stopped(run, cancel.code, 'unknown', policy));
	}
	return cancelAgain(run, policy, now);
}

/** The platform answered the cancel with the job's state. */
function afterCanceled(
	run: Run,
	job: JobView,
	cancel: NonNullable<Run['cancel']>,
	policy: Policy,
	now: number,
): Step {
	if (!isFinal(job.state) || job.state === 'CANCELLED')
		return fail(run, stopped(run, cancel.code, 'done', policy));
	// It ended while the cancel was on its way: what was paid for is handed on.
	const isTold = job.state !== 'COMPLETED' || job.hasOutput;
	if (cancel.code !== 'CANCELED' && isTold) return observe(run, job, policy, now);
	return fail(run, stopped(run, cancel.code, 'finished', policy));
}

/** A cancel can be repeated freely; the time for it is short because the execution waits. */
function cancelAgain(run: Run, policy: Policy, now: number): Step {
	const cancel = run.cancel;
	const pause = CANCEL_PAUSE_MS * (cancel?.attempts ?? 1);
	if (cancel === undefined || now + pause >= cancel.since + CANCEL_BUDGET_MS) {
		return fail(run, stopped(run, cancel?.code ?? 'CANCELED', 'unknown', policy));
	}
	return wait({ ...run, wakeTo: 'cancel' }, pause);
}
