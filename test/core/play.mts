/** Plays a table of events to the lifecycle and compares what it decides. */
import { next } from '../../nodes/RunPod/core/lifecycle.ts';
import type { Reply } from '../../nodes/RunPod/core/reply.ts';
import { newRun } from '../../nodes/RunPod/core/run.ts';
import type { Action, Event, Policy, Run } from '../../nodes/RunPod/core/run.ts';
import { JOB_ID, policyWith, START } from './world.mts';

export const ok = (body: unknown): Reply => ({ kind: 'ok', status: 200, body });
export const http = (status: number, body: unknown = '', retryAfterMs?: number): Reply => ({
	kind: 'http',
	status,
	body,
	retryAfterMs,
});
export const job = (status: string, more: object = {}): Reply =>
	ok({ id: JOB_ID, status, ...more });

/** One row: what happened `at` ms after the start, and what the node does about it. */
export type Row = [
	at: number,
	event: 'start' | 'woke' | 'stop' | ['submitted' | 'read' | 'cancelled', Reply],
	action: string,
];

const short = (action: Action): string => {
	if (action.type === 'wait') return `wait ${action.ms}`;
	if (action.type === 'fail') return `fail ${action.failure.code}`;
	if (action.type === 'cancel') return `cancel ${action.reason}`;
	return action.type;
};

export function play(
	rows: Row[],
	policy: Policy = policyWith(),
	first: Run = newRun(),
): { run: Run; action: Action } {
	let step: { run: Run; action: Action } = { run: first, action: { type: 'submit' } };
	for (const [at, what, expected] of rows) {
		const now = START + at;
		let event: Event;
		if (what === 'start' || what === 'woke') event = { type: what };
		else if (what === 'stop') event = { type: 'stop', reason: 'canceled' };
		else if (what[0] === 'cancelled') event = { type: 'cancelled', reply: what[1] };
		else event = { type: what[0], reply: what[1], sentAt: now };
		step = next(step.run, event, policy, now, 0.5);
		expect(`${at} ${short(step.action)}`).toBe(`${at} ${expected}`);
	}
	return step;
}

export const submitted: Row[] = [
	[0, 'start', 'submit'],
	[0, ['submitted', job('IN_QUEUE')], 'wait 2000'],
];

export const failureOfEnd = (action: Action) => {
	if (action.type !== 'fail') throw new Error(`not a failure: ${action.type}`);
	return action.failure;
};
