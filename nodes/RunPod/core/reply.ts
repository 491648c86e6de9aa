import { withoutKeys } from './failure';

/**
 * What came back from one HTTP request, as a closed union: every decision about repeating, waiting
 * and failing is taken on these words and never on error texts.
 *
 * `refused` and `local` are definite: the other side has seen nothing. `cut`, `timeout` and
 * `aborted` are not: the other side may have acted.
 */
export type Reply =
	| { kind: 'ok'; status: number; body: unknown }
	| { kind: 'http'; status: number; body: unknown; retryAfterMs?: number }
	| { kind: 'refused'; detail: string }
	| { kind: 'local'; detail: string }
	| { kind: 'cut'; detail: string }
	| { kind: 'timeout'; detail: string }
	| { kind: 'aborted'; detail: string };

export type ReplyKind = Reply['kind'];

/** A reply that says nothing about the job: asking again later can help. */
export const isPassing = (reply: Reply): boolean => {
	if (reply.kind === 'http') return reply.status === 429 || reply.status >= 500;
	return reply.kind !== 'ok' && reply.kind !== 'local';
};

/** Whether the submit may have been accepted although no job id came back. */
export const isUnknownOutcome = (reply: Reply): boolean => {
	if (reply.kind === 'http') return reply.status >= 500 || reply.status === 408;
	return reply.kind === 'cut' || reply.kind === 'timeout' || reply.kind === 'aborted';
};

const TEXT_KEYS = ['detail', 'error', 'message', 'title'] as const;

/** The readable sentence of a failure body, in the order in which RunPod fills the keys. */
export function textOf(body: unknown): string {
	if (typeof body === 'string') return shorten(body);
	if (typeof body !== 'object' || body === null) return '';
	for (const key of TEXT_KEYS) {
		const value = (body as Record<string, unknown>)[key];
		if (typeof value === 'string' && value !== '') return shorten(value);
	}
	return '';
}

/** RunPod says "endpoint not found" with the same number; that has nothing to do with the job. */
export const isUnknownJob = (reply: Reply): boolean =>
	reply.kind === 'http' && reply.status === 404 && !/endpoint/i.test(textOf(reply.body));

/** A page of a proxy is no sentence, and a server may echo what it was sent: keys are taken out. */
function shorten(text: string): string {
	if (/^\s*</.test(text.slice(0, 40))) return '';
	const kept = text.length > 500 ? `${text.slice(0, 500)} …` : text;
	return withoutKeys(kept);
}

/** One short word group for logs and messages. */
export function describeReply(reply: Reply): string {
	if (reply.kind === 'ok') return `HTTP ${reply.status}`;
	if (reply.kind !== 'http') return reply.detail;
	const text = textOf(reply.body);
	return text === '' ? `HTTP ${reply.status}` : `HTTP ${reply.status} (${text})`;
}
