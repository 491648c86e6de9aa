import type { IDataObject } from 'n8n-workflow';

import { failureIn } from '../core/failure';
import { judgeIdle, readTelemetry, whyUntold } from '../core/podIdle';
import type { IdleRules, IdleVerdict, Quiet, Telemetry } from '../core/podIdle';
import { hasTag, isGone, readPods } from '../core/pods';
import type { PodFacts } from '../core/pods';
import { numberOf, recordOf } from '../core/reading';
import { askApplication } from './podReady';
import type { Plane } from './plane';

export interface ReapOptions {
	tag: string;
	rules: IdleRules;
	dryRun: boolean;
	port: number;
	path: string;
	healthTimeoutS: number;
}

const LIST = { what: 'Pod', to: 'list Pods' };
/** Where the workflow keeps what it saw of quiet GPUs from one run to the next. */
const STORE = 'quietPods';

/** Looks at every Pod of a tag and ends those that nobody uses. One item per Pod. */
export async function reapPods(plane: Plane, options: ReapOptions): Promise<IDataObject[]> {
	const list = readPods({ pods: await plane.list('pods', 'pods', LIST) }) ?? [];
	const pods = list.filter((pod) => hasTag(pod, options.tag) && !isGone(pod));
	const stored = plane.context.getWorkflowStaticData('node');
	const before = recordOf(stored[STORE]);
	const after: Record<string, IDataObject> = {};
	const items: IDataObject[] = [];
	for (const pod of pods) {
		if (plane.stop.reason !== undefined) break;
		const { telemetry, untold } = await telemetryOf(plane, pod, options);
		const now = Date.now();
		const verdict = judgeIdle(pod, telemetry, quietOf(before[pod.id]), options.rules, now);
		if (verdict.quiet !== undefined) after[pod.id] = { ...verdict.quiet };
		const why = verdict.isIdle || untold === undefined ? '' : ` ${untold}`;
		const reason = `${verdict.reason}${why}`;
		items.push(await finish(plane, pod, { ...verdict, reason }, options));
	}
	stored[STORE] = after;
	return items;
}

function quietOf(value: unknown): Quiet | undefined {
	const { since, seenAt } = recordOf(value);
	const [first, last] = [numberOf(since), numberOf(seenAt)];
	return first === undefined || last === undefined ? undefined : { since: first, seenAt: last };
}

/** What the worker in a Pod tells; else, in words, why it does not. */
async function telemetryOf(
	plane: Plane,
	pod: PodFacts,
	options: ReapOptions,
): Promise<{ telemetry?: Telemetry; untold?: string }> {
	if (pod.status !== 'RUNNING') return {};
	const reply = await askApplication(plane, pod.id, options, options.path);
	const telemetry = reply.kind === 'ok' ? readTelemetry(reply.body) : undefined;
	return telemetry === undefined ? { untold: whyUntold(reply, options.path) } : { telemetry };
}

async function finish(
	plane: Plane,
	pod: PodFacts,
	verdict: IdleVerdict,
	{ rules, dryRun }: ReapOptions,
): Promise<IDataObject> {
	const { isIdle } = verdict;
	let { reason } = verdict;
	let done = false;
	if (isIdle && !dryRun) {
		try {
			await end(plane, pod.id, rules.action);
			done = true;
		} catch (thrown) {
			// One Pod that cannot be ended must not keep the others alive.
			reason = `${reason} It could not be ended: ${failureIn(thrown).message}`;
		}
	}
	return {
		id: pod.id,
		name: pod.name,
		status: pod.status,
		action: isIdle ? rules.action : 'none',
		done,
		dry_run: dryRun,
		reason,
		gpu_idle_s: whole(verdict.gpuIdleS),
		request_idle_s: whole(verdict.requestIdleS),
		gpu_util_percent: verdict.gpuUtil ?? null,
		cost_per_hour: pod.cost ?? null,
	};
}

const whole = (seconds: number | undefined): number | null =>
	seconds === undefined ? null : Math.floor(seconds);

async function end(plane: Plane, id: string, action: IdleRules['action']): Promise<void> {
	const subject = { what: 'Pod', id, to: `${action} Pods` };
	if (action === 'terminate') await plane.remove(`pods/${id}`, subject);
	else await plane.act(id, 'stop', subject);
}
