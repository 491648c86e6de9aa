import { JobFailure, failureOf } from './failure';
import type { Failure } from './failure';
import { describeReply, textOf } from './reply';
import type { Reply } from './reply';
import { textsOf } from './reading';
import { isRecord } from './state';

/** What RunPod's management API means by an answer, as a sentence for people. */

/** What a request was about. */
export interface Subject {
	/** `Pod`, `Endpoint`, `Network volume`: the word of the message. */
	what: string;
	/** Its ID, where it exists already. */
	id?: string;
	/** What the request wanted, e.g. `list Pods`: for a key without that right. */
	to: string;
}

type Answer = Exclude<Reply, { kind: 'ok' }>;

/** `detail` with all that the platform named under `errors`. */
export function refusalText(body: unknown): string {
	const errors = isRecord(body) ? textsOf(body.errors) : [];
	// Where something is missing, valid fields are listed as not allowed, too: that line says it.
	const missing = errors.filter((line) => /missing propert/i.test(line));
	const named = (missing.length > 0 ? missing : errors).slice(0, 10).join('; ');
	const detail = textOf(body);
	if (named === '') return detail;
	return detail === '' ? named : `${detail} ${named}`;
}

const CAPACITY =
	/instances available|not enough free GPUs|resources to deploy|no longer any instances/i;

/** No machine is free. The platform says so with the number of a wrong request. */
export const isNoCapacity = (reply: Reply): boolean =>
	reply.kind === 'http' && reply.status < 500 && CAPACITY.test(refusalText(reply.body));

const idOf = ({ what, id }: Subject): Record<string, string> => {
	if (id === undefined) return {};
	return { [`${what.toLowerCase().replaceAll(' ', '_')}_id`]: id };
};

function codeOf(reply: Answer): Parameters<typeof failureOf>[0] {
	if (reply.kind !== 'http') return 'NETWORK';
	if (isNoCapacity(reply)) return 'NO_CAPACITY';
	if (reply.status === 401) return 'UNAUTHORIZED';
	if (reply.status === 402) return 'NO_CREDIT';
	if (reply.status === 403) return 'FORBIDDEN';
	if (reply.status === 429) return 'RATE_LIMITED';
	if (reply.status >= 500) return 'NETWORK';
	return reply.status === 404 ? 'NOT_FOUND' : 'REQUEST_REFUSED';
}

/** The failure of an answer that ends the work. `notes` are sentences before the remedy. */
export function refusalOf(
	reply: Answer,
	subject: Subject,
	notes: string[] = [],
	attempts = 1,
): Failure {
	const code = codeOf(reply);
	const body = reply.kind === 'http' ? reply.body : undefined;
	const text = refusalText(body);
	const details = {
		...idOf(subject),
		http_status: reply.kind === 'http' ? reply.status : undefined,
		answer: text === '' ? undefined : text,
	};
	const parts = { notes, details };
	if (code === 'FORBIDDEN') {
		return failureOf(
			code,
			{},
			{
				...parts,
				message: `The key is valid but may not ${subject.to}.`,
				remedy: 'Give the key that permission in RunPod under Settings > API Keys.',
			},
		);
	}
	if (code === 'NOT_FOUND') {
		const { what, id } = subject;
		// Without an ID in the address it is something that the body names, e.g. a template.
		if (id !== undefined) return failureOf(code, { what, id }, parts);
		const message = `RunPod does not know what the request names: ${text || describeReply(reply)}`;
		return failureOf(code, {}, { ...parts, message });
	}
	if (code === 'NETWORK') {
		const detail = `RunPod did not ${subject.to}: ${describeReply(reply)}`;
		return failureOf(
			code,
			{ detail },
			{ ...parts, remedy: 'Check the connection, and try again.' },
		);
	}
	if (code === 'RATE_LIMITED') {
		const remedy = 'RunPod counts requests per minute, hour and day. Run less often.';
		return failureOf(code, { attempts }, { ...parts, remedy });
	}
	const detail = text === '' ? describeReply(reply) : text;
	return failureOf(code, { detail }, parts);
}

export const refused = (reply: Answer, subject: Subject, notes?: string[]): JobFailure =>
	new JobFailure(refusalOf(reply, subject, notes));
