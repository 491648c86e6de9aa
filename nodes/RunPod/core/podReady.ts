import { failureOf } from './failure';
import type { Failure } from './failure';
import type { PodFacts } from './pods';
import { describeReply } from './reply';
import type { Reply } from './reply';
import { isRecord } from './state';

/**
 * When a Pod is ready: it runs, its runtime is there, and its application answered with JSON two
 * times in a row. A page of the proxy has the number 200, too, so the number alone proves nothing.
 */

export interface ReadyRun {
	startedAt: number;
	/** Good answers in a row. */
	good: number;
	pod?: PodFacts;
	/** What the application answered last, in words. */
	lastAnswer?: string;
	/** The number of that answer. */
	lastHttp?: number;
	/** How often the Pod itself could not be read in a row. */
	misses: number;
}

export interface ReadyPolicy {
	timeoutMs: number;
	pollMs: number;
	port: number;
	path: string;
}

export type ReadyEvent =
	| { type: 'pod'; pod: PodFacts }
	| { type: 'miss'; reply: Reply }
	| { type: 'gone' }
	| { type: 'answer'; reply: Reply };

export type ReadyAction =
	| { type: 'look' }
	| { type: 'ask' }
	| { type: 'wait'; ms: number }
	| { type: 'ready'; afterS: number }
	| { type: 'fail'; failure: Failure };

export const firstReady = (now: number): ReadyRun => ({ startedAt: now, good: 0, misses: 0 });

const DEAD: ReadonlySet<string> = new Set(['EXITED', 'ERROR', 'TERMINATED']);
const ENOUGH = 2;

/** An answer of the application itself: 2xx with JSON, which an HTML page is not. */
export const isHealthy = (reply: Reply): boolean =>
	reply.kind === 'ok' && (isRecord(reply.body) || Array.isArray(reply.body));

export function wordsFor(reply: Reply): string {
	if (reply.kind !== 'ok' || isHealthy(reply)) return describeReply(reply);
	return `HTTP ${reply.status} without JSON`;
}

function notReady(run: ReadyRun, policy: ReadyPolicy, message?: string): Failure {
	const { pod, lastAnswer, lastHttp } = run;
	const seconds = Math.round(policy.timeoutMs / 1000);
	const status = pod?.status ?? 'unknown';
	const answered =
		lastAnswer === undefined
			? 'The application was not asked: the container did not run.'
			: `The last answer of port ${policy.port} at ${policy.path} was ${lastAnswer}.`;
	return failureOf(
		'POD_NOT_READY',
		{ pod: pod?.name ?? '?', seconds },
		{
			message,
			notes: [`Its last status is ${status}.`, answered],
			remedy: `Check 'Port' (${policy.port}), 'Health Path' (${policy.path}), the GPU (${pod?.gpu ?? 'unknown'}) and the Pod's log. The application has to listen on 0.0.0.0.`,
			details: {
				pod_id: pod?.id,
				pod_name: pod?.name,
				pod_status: status,
				last_http: lastHttp ?? null,
			},
		},
	);
}

/** The next step. Time is an argument, so that a test can name it. */
export function nextReady(
	before: ReadyRun,
	event: ReadyEvent,
	policy: ReadyPolicy,
	now: number,
): { run: ReadyRun; action: ReadyAction } {
	const run = seen(before, event);
	const name = run.pod?.name ?? '?';
	const fail = (message?: string) => ({
		run,
		action: { type: 'fail' as const, failure: notReady(run, policy, message) },
	});
	if (event.type === 'gone') return fail(`Pod '${name}' does not exist any more`);
	if (event.type === 'pod' && DEAD.has(event.pod.status)) {
		return fail(`Pod '${name}' is ${event.pod.status} instead of becoming ready`);
	}
	if (run.good >= ENOUGH) {
		return { run, action: { type: 'ready', afterS: Math.round((now - run.startedAt) / 100) / 10 } };
	}
	const rest = run.startedAt + policy.timeoutMs - now;
	if (rest <= 0) return fail();
	const isUp = run.pod?.status === 'RUNNING' && run.pod.runtime !== undefined;
	if (event.type === 'pod' && isUp) return { run, action: { type: 'ask' } };
	return { run, action: { type: 'wait', ms: Math.min(policy.pollMs, rest) } };
}

function seen(run: ReadyRun, event: ReadyEvent): ReadyRun {
	if (event.type === 'pod') {
		// A container that starts anew has proved nothing yet.
		const isUp = event.pod.status === 'RUNNING' && event.pod.runtime !== undefined;
		return { ...run, pod: event.pod, misses: 0, good: isUp ? run.good : 0 };
	}
	if (event.type === 'miss') return { ...run, misses: run.misses + 1 };
	if (event.type === 'gone') return run;
	const { reply } = event;
	return {
		...run,
		good: isHealthy(reply) ? run.good + 1 : 0,
		lastAnswer: wordsFor(reply),
		lastHttp: reply.kind === 'ok' || reply.kind === 'http' ? reply.status : undefined,
	};
}
