import type { PodFacts } from './pods';
import { numberOf, recordOf, recordsOf } from './reading';
import { describeReply } from './reply';
import type { Reply } from './reply';

/** Decides about Pods that nobody uses, by two clocks: GPU Idle and No Request. */

export interface IdleRules {
	/** Seconds. */
	gpuIdleS: number;
	/** Percent; a load above it is work. */
	gpuThreshold: number;
	requestIdleS: number;
	when: 'both' | 'either' | 'gpu' | 'request';
	action: 'terminate' | 'stop';
}

/** What the worker in a Pod tells about itself, read from its telemetry. */
export interface Telemetry {
	/** Percent of the busiest GPU. */
	gpuUtil?: number;
	jobsRunning?: number;
	/** Seconds for which every GPU was at 0 %. */
	gpuIdleS?: number;
	/** Seconds since the last request. */
	requestIdleS?: number;
}

/** The worker's telemetry JSON; undefined where it is none. */
export function readTelemetry(body: unknown): Telemetry | undefined {
	const { gpus, worker } = recordOf(body);
	if (gpus === undefined && worker === undefined) return undefined;
	const loads = recordsOf(gpus).flatMap((gpu) => numberOf(gpu.utilization_gpu_percent) ?? []);
	const own = recordOf(worker);
	return {
		gpuUtil: loads.length === 0 ? undefined : Math.max(...loads),
		jobsRunning: numberOf(own.jobs_running),
		gpuIdleS: numberOf(own.gpu_idle_s),
		requestIdleS: numberOf(own.request_idle_s),
	};
}

/** Why there is no telemetry, with what to do about it. */
export function whyUntold(reply: Reply, path: string): string {
	const isToken = reply.kind === 'http' && (reply.status === 401 || reply.status === 403);
	return isToken
		? `Its worker wants another token at ${path}: choose the RunPod Worker API credential that the Pod was created with.`
		: `The answer at ${path} was ${reply.kind === 'ok' ? 'no telemetry' : describeReply(reply)}.`;
}

export interface IdleVerdict {
	isIdle: boolean;
	reason: string;
	gpuUtil?: number;
	gpuIdleS?: number;
	requestIdleS?: number;
	/** What this run saw of a quiet GPU: kept for the next one. */
	quiet?: Quiet;
}

/** A GPU at or below the threshold, as the runs of the workflow saw it. Times in ms. */
export interface Quiet {
	since: number;
	seenAt: number;
}

interface Clock {
	name: string;
	value?: number;
	limit: number;
}

const hasRunOut = ({ value, limit }: Clock): boolean => value !== undefined && value >= limit;

const told = ({ name, value, limit }: Clock): string =>
	value === undefined ? `${name}: not known` : `${name}: ${Math.floor(value)} s of ${limit} s`;

/** A look now and a look long ago say nothing about the time between. */
function quietNow(before: Quiet | undefined, rules: IdleRules, now: number): Quiet {
	const isGap = before !== undefined && now - before.seenAt > rules.gpuIdleS * 1000;
	return { since: before === undefined || isGap ? now : before.since, seenAt: now };
}

/**
 * `before` is what earlier runs saw of a quiet GPU, without a busy one since. Where the worker tells
 * its own clock, which counts at 0 %, only a higher threshold needs it.
 */
export function judgeIdle(
	pod: PodFacts,
	telemetry: Telemetry | undefined,
	before: Quiet | undefined,
	rules: IdleRules,
	now: number,
): IdleVerdict {
	if (pod.status !== 'RUNNING') {
		return { isIdle: false, reason: `It is ${pod.status}, not running: left alone.` };
	}
	const gpuUtil = telemetry?.gpuUtil ?? pod.runtime?.gpuUtil;
	const requestIdleS = telemetry?.requestIdleS;
	if ((telemetry?.jobsRunning ?? 0) > 0) {
		const reason = `Busy: ${telemetry?.jobsRunning} job(s) run.`;
		return { isIdle: false, reason, gpuUtil, gpuIdleS: 0, requestIdleS };
	}
	const isBusy = gpuUtil !== undefined && gpuUtil > rules.gpuThreshold;
	const quiet = gpuUtil === undefined || isBusy ? undefined : quietNow(before, rules, now);
	const seenS = quiet === undefined ? undefined : (now - quiet.since) / 1000;
	const ownS = isBusy ? 0 : telemetry?.gpuIdleS;
	const isOwnExact = rules.gpuThreshold === 0 && ownS !== undefined;
	const gpuIdleS = isOwnExact ? ownS : mostOf(ownS, seenS);
	const known = { gpuUtil, gpuIdleS, requestIdleS, quiet };
	const gpu: Clock = { name: 'GPU Idle', value: gpuIdleS, limit: rules.gpuIdleS };
	const request: Clock = { name: 'No Request', value: requestIdleS, limit: rules.requestIdleS };
	const clocks =
		rules.when === 'gpu' ? [gpu] : rules.when === 'request' ? [request] : [gpu, request];
	const words = clocks.map(told).join('; ');
	const isIdle = rules.when === 'either' ? clocks.some(hasRunOut) : clocks.every(hasRunOut);
	if (isIdle) return { ...known, isIdle, reason: `Idle. ${words}.` };
	if (clocks.every(({ value }) => value === undefined)) {
		return { ...known, isIdle, reason: 'Unknown telemetry: left alone.' };
	}
	const unknown = clocks.find(({ value }) => value === undefined);
	if (unknown !== undefined && rules.when !== 'either') {
		return { ...known, isIdle, reason: `Unknown telemetry: left alone. ${words}.` };
	}
	return { ...known, isIdle, reason: `Not idle yet. ${words}.` };
}

function mostOf(one: number | undefined, other: number | undefined): number | undefined {
	if (one === undefined || other === undefined) return one ?? other;
	return Math.max(one, other);
}
