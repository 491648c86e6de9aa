import { JobFailure, failureOf } from './failure';
import type { Failure } from './failure';
import { hasTag, isGone } from './pods';
import type { PodFacts } from './pods';
import type { Candidate } from './podWish';
import { isNoCapacity, refusalOf, refusalText } from './refusal';
import { describeReply, isUnknownOutcome } from './reply';
import type { Reply } from './reply';

/** Decides what follows an answer to a request for a Pod. No request is repeated blindly. */

/** What the account has before anything is created. */
export type Before =
	| { type: 'create' }
	/** The owner's Pod is there already: a second one would be paid twice. */
	| { type: 'adopt'; pod: PodFacts }
	/** The owner's Pod is there, but stopped, or broken with a volume disk that may hold work. */
	| { type: 'revive'; pod: PodFacts }
	/** The owner's Pod is broken, and nothing is lost with it. */
	| { type: 'replace'; pod: PodFacts };

/** Throws POD_LIMIT where the tag has as many Pods as it may have. */
export function beforeCreate(pods: PodFacts[], name: string, tag: string, maxPods: number): Before {
	const own = pods.filter((pod) => pod.name === name && !isGone(pod));
	const alive = own.find(({ status }) => status !== 'EXITED' && status !== 'ERROR');
	if (alive !== undefined) return { type: 'adopt', pod: alive };
	const stopped = own.find(({ status }) => status === 'EXITED');
	// Terminating takes the volume disk along: that is left to people, so a broken Pod is started, too.
	const kept = stopped ?? own.find(({ volumeDiskGb }) => volumeDiskGb !== undefined);
	if (kept !== undefined) return { type: 'revive', pod: kept };
	if (own[0] !== undefined) return { type: 'replace', pod: own[0] };
	const count = pods.filter((pod) => hasTag(pod, tag) && !isGone(pod)).length;
	if (maxPods > 0 && count >= maxPods) {
		const notes = [`${count} Pods carry the tag '${tag}'; 'Max Pods with This Tag' is ${maxPods}.`];
		const details = { tag, pods: count, max_pods: maxPods };
		throw new JobFailure(failureOf('POD_LIMIT', {}, { notes, details }));
	}
	return { type: 'create' };
}

const isOlder = (one: PodFacts, other: PodFacts): boolean => {
	const [left, right] = [one.createdAt ?? '', other.createdAt ?? ''];
	return left === right ? one.id < other.id : left < right;
};

/**
 * A living Pod of the same name that is older than the one just made: of another run at the same
 * time, or of a request whose answer was lost. Every run takes the older one, so they agree.
 */
export const elderOf = (made: PodFacts, pods: PodFacts[]): PodFacts | undefined =>
	pods.find(
		(pod) =>
			pod.name === made.name &&
			pod.id !== made.id &&
			!isGone(pod) &&
			pod.status !== 'EXITED' &&
			pod.status !== 'ERROR' &&
			isOlder(pod, made),
	);

/** A Pod that was there and could not be started: what holds it, and what to do about it. */
export function notRevived(failure: Failure, pod: PodFacts): Failure {
	const disk = pod.volumeDiskGb;
	const loss = disk === undefined ? '' : ` with its volume disk (${disk} GB), which may hold work`;
	const description = `${failure.description} Pod '${pod.name}' (${pod.id}) is ${pod.status} and was kept${loss}. If nothing on it is needed, end it with Pod > Terminate and run again: then a new one is created.`;
	return { ...failure, description, details: { ...failure.details, pod_id: pod.id } };
}

export interface Attempt {
	candidate: Candidate;
	/** How often this candidate was asked for, from 1. */
	tries: number;
	/** Refusals of the candidates before, oldest first. */
	refusals: Refusal[];
	isLast: boolean;
}

export interface Refusal {
	candidate: Candidate;
	reply: Exclude<Reply, { kind: 'ok' }>;
}

export type Step =
	/** The outcome is unknown: the Pod may exist under its own name. */
	| { type: 'lookUp' }
	| { type: 'again'; retryAfterMs?: number }
	| { type: 'next' }
	| { type: 'fail'; failure: Failure };

export const MOST_TRIES = 4;

const SUBJECT = { what: 'Pod', to: 'create Pods' };

const shown = ({ candidate, reply }: Refusal): string =>
	`${candidate.gpu} (${candidate.cloud}): ${
		reply.kind === 'http' ? refusalText(reply.body) || describeReply(reply) : describeReply(reply)
	}`;

export const answersOf = (refusals: Refusal[]): string[] => refusals.map(shown);

/** After an answer that brought no Pod. */
export function afterRefusal(attempt: Attempt, reply: Refusal['reply']): Step {
	const { candidate, tries, isLast } = attempt;
	const refusals = [...attempt.refusals, { candidate, reply }];
	const stop = (): Step => ({ type: 'fail', failure: refusalOf(reply, SUBJECT, [], tries) });
	if (isUnknownOutcome(reply)) return { type: 'lookUp' };
	if (reply.kind === 'refused') return tries < MOST_TRIES ? { type: 'again' } : stop();
	if (reply.kind !== 'http') return stop();
	if (reply.status === 429) {
		return tries < MOST_TRIES ? { type: 'again', retryAfterMs: reply.retryAfterMs } : stop();
	}
	// 403: no access to this pool. 400: a broken rule or no machine; only the text differs.
	const mayOtherWork = reply.status === 400 || reply.status === 403;
	if (!mayOtherWork) return stop();
	return isLast ? { type: 'fail', failure: nothingLeft(refusals) } : { type: 'next' };
}

/** No candidate is left: one of them decides what that means. */
function nothingLeft(refusals: Refusal[]): Failure {
	const full = refusals.find(({ reply }) => isNoCapacity(reply));
	const telling =
		full ?? refusals.find(({ reply }) => reply.kind === 'http' && reply.status === 400);
	const { reply } = telling ?? refusals[refusals.length - 1]!;
	return refusalOf(reply, SUBJECT, [`Answers: ${answersOf(refusals).join(' | ')}`]);
}

/** After the look for a Pod whose request had an unclear end and that is not in the list. */
export function afterLookUp(attempt: Attempt, reply: Refusal['reply']): Step {
	if (attempt.tries < MOST_TRIES) return { type: 'again' };
	const notes = ['No Pod of its name is in the list, so none seems to have been made.'];
	return { type: 'fail', failure: refusalOf(reply, SUBJECT, notes) };
}
