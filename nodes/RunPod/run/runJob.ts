import { next } from '../core/lifecycle';
import type { Reply } from '../core/reply';
import type { RunBody } from '../core/request';
import { CANCEL_BUDGET_MS } from '../core/run';
import type { Action, Event, FinalAction, Policy, Run } from '../core/run';
import { readJob } from '../core/state';
import type { JobApi } from '../transport/jobs';
import { StopSign } from './stop';

/** What one job needs from its surroundings. `policy` is asked each time: it knows the other jobs. */
export interface JobWork {
	api: JobApi;
	body?: RunBody;
	policy: () => Policy;
	stop: StopSign;
	/** Told after every decision, before the action: here ids are written and progress is shown. */
	observe: (run: Run, action: Action) => void;
}

export interface JobEnd {
	run: Run;
	end: FinalAction;
}

/** Performs what `next` decides until it decides an end. */
export async function runJob(first: Run, work: JobWork): Promise<JobEnd> {
	let run = first;
	let event: Event = { type: 'start' };
	let wasStopped = false;
	for (;;) {
		let step = next(run, event, work.policy(), Date.now(), Math.random());
		const reason = work.stop.reason;
		if (reason !== undefined && !wasStopped) {
			wasStopped = true;
			step = next(step.run, { type: 'stop', reason }, work.policy(), Date.now());
		}
		run = step.run;
		work.observe(run, step.action);
		if (isFinal(step.action)) return { run, end: step.action };
		event = await perform(step.action, run, work, wasStopped);
	}
}

/** Cancels a job that was accepted; the end tells what became of it. */
export async function cancelJob(first: Run, api: JobApi, policy: Policy): Promise<FinalAction> {
	const stop = new StopSign(undefined);
	stop.stopOthers();
	const { end } = await runJob(first, {
		api,
		stop,
		policy: () => ({ ...policy, until: 'end', cancelOnStop: true }),
		observe: () => {},
	});
	return end;
}

const isFinal = (action: Action): action is FinalAction =>
	action.type === 'succeed' || action.type === 'handOver' || action.type === 'fail';

async function perform(
	action: Exclude<Action, FinalAction>,
	run: Run,
	work: JobWork,
	wasStopped: boolean,
): Promise<Event> {
	const sentAt = Date.now();
	const jobId = run.jobId ?? '';
	switch (action.type) {
		case 'submit':
			return { type: 'submitted', reply: await submit(work), sentAt };
		case 'read':
			return { type: 'read', reply: await work.api.read(jobId), sentAt };
		case 'cancel':
			return { type: 'cancelled', reply: await work.api.cancel(jobId) };
		case 'wait':
			await work.stop.sleep(action.ms, wasStopped);
			return { type: 'woke' };
	}
}

/**
 * A submit goes on through a stop: its answer names the job to cancel. The execution waits for it
 * a short time only; what answers later is cancelled when it does.
 */
async function submit({ api, body, stop, policy }: JobWork): Promise<Reply> {
	if (body === undefined) return { kind: 'local', detail: 'there is nothing to submit' };
	let isAnswered = false;
	const answer = api.submit(body).finally(() => (isAnswered = true));
	const late = stop.stopped.then(async (): Promise<Reply> => {
		// The sign comes to every submit of the batch, also to those of long ago.
		if (!isAnswered) await stop.sleep(CANCEL_BUDGET_MS, true);
		return { kind: 'aborted', detail: 'the execution was stopped' };
	});
	const first = await Promise.race([answer, late]);
	if (first.kind === 'aborted' && policy().cancelOnStop) {
		void answer.then(async (reply) => {
			const { id } = reply.kind === 'ok' ? readJob(reply.body) : {};
			if (id !== undefined) await api.cancel(id);
		});
	}
	return first;
}
