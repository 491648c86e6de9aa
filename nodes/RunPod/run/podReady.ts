import { JobFailure, failureOf } from '../core/failure';
import type { Failure } from '../core/failure';
import { readPod } from '../core/pods';
import type { PodFacts } from '../core/pods';
import { firstReady, isHealthy, nextReady, wordsFor } from '../core/podReady';
import type { ReadyEvent, ReadyPolicy, ReadyRun } from '../core/podReady';
import { refusalOf } from '../core/refusal';
import type { Reply } from '../core/reply';
import { askPod } from '../transport/managementApi';
import type { Plane } from './plane';

/** How the node finds out whether the application in a Pod works. */
export interface ReadyOptions {
	port: number;
	healthPath: string;
	timeoutS: number;
	pollS: number;
	healthTimeoutS: number;
	onTimeout: 'terminate' | 'keep';
	/** Asked as well when it is not empty. */
	metricsPath: string;
	warmUp?: { path: string; body: object };
}

export type ReadyEnd =
	| { type: 'ready'; pod: PodFacts; afterS: number }
	| { type: 'failed'; pod?: PodFacts; failure: Failure }
	| { type: 'stopped'; pod?: PodFacts };

const SUBJECT = { what: 'Pod', to: 'read Pods' };

export async function askApplication(
	plane: Plane,
	podId: string,
	{ port, healthTimeoutS }: Pick<ReadyOptions, 'port' | 'healthTimeoutS'>,
	path: string,
	body?: object,
): Promise<Reply> {
	const base = plane.api.podUrl(podId, port);
	return await askPod(plane.context, {
		method: body === undefined ? 'GET' : 'POST',
		url: `${base}/${path.replace(/^\/+/, '')}`,
		timeoutMs: healthTimeoutS * 1000,
		body,
	});
}

/** Waits until a Pod is ready, fails, or nobody waits any more. Nothing is terminated here. */
export async function waitUntilReady(
	plane: Plane,
	podId: string,
	options: ReadyOptions,
): Promise<ReadyEnd> {
	const policy: ReadyPolicy = {
		timeoutMs: options.timeoutS * 1000,
		pollMs: options.pollS * 1000,
		port: options.port,
		path: options.healthPath,
	};
	let run = firstReady(Date.now());
	let event = await look(plane, podId);
	for (;;) {
		const step = nextReady(run, event, policy, Date.now());
		run = step.run;
		const { pod } = run;
		if (plane.stop.reason !== undefined) return { type: 'stopped', pod };
		const { action } = step;
		if (action.type === 'fail') return { type: 'failed', pod, failure: action.failure };
		if (action.type === 'ready' && pod !== undefined) {
			return await proveMore(plane, pod, run, options, action.afterS);
		}
		if (action.type === 'ask') {
			const reply = await askApplication(plane, podId, options, options.healthPath);
			event = { type: 'answer', reply };
			continue;
		}
		if (action.type === 'wait') await plane.stop.sleep(action.ms);
		event = await look(plane, podId);
	}
}

async function look(plane: Plane, podId: string): Promise<ReadyEvent> {
	const { reply } = await plane.ask(async () => await plane.api.call('GET', `pods/${podId}`));
	if (reply.kind === 'http' && reply.status === 404) return { type: 'gone' };
	const pod = reply.kind === 'ok' ? readPod(reply.body) : undefined;
	if (pod !== undefined) return { type: 'pod', pod };
	const isFinal = reply.kind === 'http' && [400, 401, 403].includes(reply.status);
	if (isFinal) throw new JobFailure(refusalOf(reply, { ...SUBJECT, id: podId }));
	return { type: 'miss', reply };
}

/** Metrics and warm-up, where they are wanted: they share the time of the health checks. */
async function proveMore(
	plane: Plane,
	pod: PodFacts,
	run: ReadyRun,
	options: ReadyOptions,
	afterS: number,
): Promise<ReadyEnd> {
	const end = run.startedAt + options.timeoutS * 1000;
	const { metricsPath, warmUp } = options;
	const parts: Array<{ path: string; body?: object; isGood: (reply: Reply) => boolean }> = [];
	if (metricsPath !== '') parts.push({ path: metricsPath, isGood: isHealthy });
	// A warm-up is work, so its answer takes as long as it takes, and it is sent once.
	if (warmUp !== undefined) parts.push({ ...warmUp, isGood: ({ kind }) => kind === 'ok' });
	for (const { path, body, isGood } of parts) {
		for (;;) {
			const restS = Math.max(1, (end - Date.now()) / 1000);
			const healthTimeoutS = body === undefined ? options.healthTimeoutS : Math.min(95, restS);
			const reply = await askApplication(plane, pod.id, { ...options, healthTimeoutS }, path, body);
			if (isGood(reply)) break;
			if (plane.stop.reason !== undefined) return { type: 'stopped', pod };
			if (body !== undefined || Date.now() >= end) {
				return { type: 'failed', pod, failure: unproved(pod, options, path, reply) };
			}
			await plane.stop.sleep(Math.min(options.pollS * 1000, Math.max(0, end - Date.now())));
		}
	}
	const seconds = parts.length === 0 ? afterS : (Date.now() - run.startedAt) / 1000;
	return { type: 'ready', pod, afterS: Math.round(seconds * 10) / 10 };
}

const unproved = (pod: PodFacts, options: ReadyOptions, path: string, reply: Reply): Failure =>
	failureOf(
		'POD_NOT_READY',
		{ pod: pod.name, seconds: options.timeoutS },
		{
			notes: [`It is healthy, but the answer at ${path} was ${wordsFor(reply)}.`],
			details: { pod_id: pod.id, pod_name: pod.name, pod_status: pod.status },
		},
	);
