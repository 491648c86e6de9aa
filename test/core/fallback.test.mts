/** Which failures another target may take over: one table for all causes, and every code of the contract. */
import { failures } from '../../nodes/RunPod/contract/errors.ts';
import type { FailureCode } from '../../nodes/RunPod/contract/errors.ts';
import { lostSubmit, stopped } from '../../nodes/RunPod/core/ending.ts';
import type { Remote } from '../../nodes/RunPod/core/ending.ts';
import { failureOf } from '../../nodes/RunPod/core/failure.ts';
import { fallbackStep, hasNoJobs, isWayFree } from '../../nodes/RunPod/core/fallback.ts';
import { next } from '../../nodes/RunPod/core/lifecycle.ts';
import { attachedRun, newRun } from '../../nodes/RunPod/core/run.ts';
import type { Reply } from '../../nodes/RunPod/core/reply.ts';
import { failureOfEnd, http } from './play.mts';
import { JOB_ID, policyWith, START } from './world.mts';

const failed = (code: FailureCode, details = {}) => failureOf(code, {}, { details });
const final = { job_id: JOB_ID, status: 'FAILED' };

test.each([
	[
		'queue timeout, cancel confirmed',
		failed('WORKER_START_TIMEOUT', { job_id: JOB_ID, status: 'IN_QUEUE', remote_job: 'done' }),
		'submit',
	],
	[
		'queue timeout, cancel not confirmed',
		failed('WORKER_START_TIMEOUT', { job_id: JOB_ID, remote_job: 'unknown' }),
		'no',
	],
	[
		'queue timeout, job left alone',
		failed('WORKER_START_TIMEOUT', { job_id: JOB_ID, remote_job: 'left' }),
		'cancelFirst',
	],
	[
		'queue timeout, finished meanwhile',
		failed('WORKER_START_TIMEOUT', { job_id: JOB_ID, remote_job: 'finished' }),
		'no',
	],
	['no capacity', failed('NO_CAPACITY'), 'submit'],
	['no capacity, told by the worker', failed('NO_CAPACITY', final), 'submit'],
	['paused endpoint', failed('ENDPOINT_PAUSED'), 'submit'],
	[
		'paused endpoint, job waits there',
		failed('ENDPOINT_PAUSED', { job_id: JOB_ID, status: 'IN_QUEUE' }),
		'cancelFirst',
	],
	['missing endpoint', failed('ENDPOINT_NOT_FOUND'), 'submit'],
	['lost job', failed('JOB_LOST', final), 'submit'],
	['worker not ready', failed('BACKEND_NOT_READY', final), 'submit'],
	['cannot be reached', failed('NETWORK'), 'submit'],
	[
		'reads refused while it runs',
		failed('NETWORK', { job_id: JOB_ID, status: 'IN_PROGRESS', http_status: 500 }),
		'cancelFirst',
	],
	['bad input', failed('INVALID_INPUT'), 'no'],
	['budget', failed('BUDGET_EXCEEDED'), 'no'],
	['cancel', failed('CANCELED', { job_id: JOB_ID, remote_job: 'done' }), 'no'],
	['run timeout', failed('RUN_TIMEOUT', { job_id: JOB_ID, remote_job: 'done' }), 'no'],
	['failed on the worker', failed('JOB_FAILED', final), 'no'],
	['key refused', failed('UNAUTHORIZED'), 'no'],
] as const)('%s: %s', (_name, failure, step) => expect(fallbackStep(failure)).toBe(step));

const lost = (reply: Reply) => fallbackStep(lostSubmit(reply, START, policyWith()));

test('a submit that ended with 5xx is taken over when no job can be there, one with an unknown outcome never', () => {
	for (const status of [521, 523, 525, 526, 530]) expect(lost(http(status))).toBe('submit');
	for (const status of [500, 501, 502, 503]) expect(lost(http(status))).toBe('proveFirst');
	for (const status of [408, 504, 520, 522, 524]) expect(lost(http(status))).toBe('no');
	for (const kind of ['cut', 'timeout', 'aborted'] as const) {
		expect(lost({ kind, detail: 'x' })).toBe('no');
	}
	expect(lost({ kind: 'ok', status: 200, body: {} })).toBe('no');
});

test('only the codes that the contract marks are ever taken over', () => {
	for (const code of Object.keys(failures) as FailureCode[]) {
		expect([code, fallbackStep(failed(code)) !== 'no']).toEqual([code, failures[code].fallback]);
	}
});

test('the way is free after a cancel that was confirmed, and after no other', () => {
	const run = attachedRun(JOB_ID, START);
	const after = (remote: Remote) => isWayFree(stopped(run, 'CANCELED', remote, policyWith()));
	expect(
		['done', 'gone', 'left', 'finished', 'unknown', 'none'].map((it) => after(it as Remote)),
	).toEqual([true, true, false, false, false, false]);
});

test('a missing endpoint as the lifecycle tells it', () => {
	const policy = policyWith();
	const { run } = next(newRun(), { type: 'start' }, policy, START);
	const reply = http(404, { detail: 'endpoint not found' });
	const { action } = next(run, { type: 'submitted', reply, sentAt: START }, policy, START);
	expect(fallbackStep(failureOfEnd(action))).toBe('submit');
});

test('only a health that says so proves that no job is there', () => {
	const jobs = { inQueue: 0, inProgress: 0, completed: 7 };
	expect(hasNoJobs({ jobs })).toBe(true);
	expect(hasNoJobs({ jobs: { ...jobs, inQueue: 1 } })).toBe(false);
	expect(hasNoJobs({ jobs: { ...jobs, inProgress: 1 } })).toBe(false);
	for (const body of [{ jobs: {} }, { status: 'healthy' }, '<html>', undefined])
		expect(hasNoJobs(body)).toBe(false);
});
