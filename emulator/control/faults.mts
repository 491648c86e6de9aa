/**
 * Faults: rules that say which calls or jobs go wrong, and how. A rule applies to an endpoint, to single
 * operations, to jobs by their order or input, for a time, a number of times.
 */
import { z } from 'zod';
import { matchesInput, matchSchema, type Subject } from './match.mts';

/** Operations of the management plane. */
const management = [
	'pods',
	'pod-create',
	'pod-get',
	'pod-update',
	'pod-delete',
	'pod-action',
	'pod-logs',
	'serverless-list',
	'serverless-create',
	'serverless-get',
	'serverless-update',
	'serverless-delete',
	'serverless-workers',
	'worker-logs',
	'volume-list',
	'volume-create',
	'volume-get',
	'volume-update',
	'volume-delete',
	'catalog-gpus',
	'catalog-datacenters',
	'billing',
] as const;

const operations = [
	'run',
	'runsync',
	'status',
	'stream',
	'cancel',
	'retry',
	'purge-queue',
	'health',
	'job-take',
	'job-stop',
	'job-done',
	'job-stream',
	'ping',
	...management,
] as const;
export type Operation = (typeof operations)[number];

const milliseconds = z.number().int().min(0);

/** Faults of one call: what the caller gets instead of the true reply. */
const replyFaults = [
	z
		.object({
			kind: z.literal('reply'),
			status: z.number().int().min(200).max(599),
			body: z.unknown().optional(),
			contentType: z.string().optional(),
			/** Seconds in the header Retry-After; absent: no header. */
			retryAfter: z.union([z.number(), z.string()]).optional(),
			/** True: the call has its effect all the same (a 524 of /runsync, a 502 behind an accepted /run). */
			accepted: z.boolean().default(false),
			delayMs: milliseconds.default(0),
		})
		.strict(),
	/** The connection is cut: before anything happened, or after the call had its effect. */
	z
		.object({ kind: z.literal('cut'), accepted: z.boolean(), delayMs: milliseconds.default(0) })
		.strict(),
	z.object({ kind: z.literal('slow'), delayMs: milliseconds }).strict(),
	/** The true reply breaks off after so many bytes of its body. */
	z.object({ kind: z.literal('truncate'), bytes: z.number().int().min(0) }).strict(),
	/** /status and /stream show this word instead of the state, e.g. one that no client knows. */
	z.object({ kind: z.literal('stateWord'), word: z.string() }).strict(),
] as const;

/** Faults of one job: what becomes of it. */
const jobFaults = [
	/** No worker gets the job; with `untilMs` of the rule only for that long after the submit. */
	z.object({ kind: z.literal('stuck') }).strict(),
	/** The worker's result is accepted with 200 and thrown away. */
	z.object({ kind: z.literal('loseResult') }).strict(),
	z.object({ kind: z.literal('noOutput') }).strict(),
	z.object({ kind: z.literal('fail'), error: z.unknown() }).strict(),
	/** Pings and result of the attempt do not count; the platform retries once, then fails the job. */
	z.object({ kind: z.literal('workerLost') }).strict(),
	z.object({ kind: z.literal('timeOut'), afterMs: milliseconds }).strict(),
	/** The job is deleted: /status gives 404 from then on. */
	z.object({ kind: z.literal('forget'), afterMs: milliseconds }).strict(),
	z
		.object({
			kind: z.literal('webhook'),
			mode: z.enum(['drop', 'twice']).default('drop'),
			delayMs: milliseconds.default(0),
		})
		.strict(),
] as const;

export const faultRule = z
	.object({
		/** Absent: all endpoints. */
		endpoint: z.string().optional(),
		/** For faults of calls. Absent: all operations of the job plane. */
		operation: z.union([z.enum(operations), z.array(z.enum(operations))]).optional(),
		match: matchSchema.optional(),
		/** How many times it applies. Absent: always. */
		times: z.number().int().min(1).optional(),
		/** Age of the job (without a job: of the rule) from and until which it applies, in milliseconds. */
		fromMs: milliseconds.optional(),
		untilMs: milliseconds.optional(),
		fault: z.discriminatedUnion('kind', [...replyFaults, ...jobFaults]),
	})
	.strict();

export type FaultRule = z.input<typeof faultRule>;
type Rule = z.infer<typeof faultRule>;
export type Fault = Rule['fault'];
export type FaultOf<Kind extends Fault['kind']> = Extract<Fault, { kind: Kind }>;
export type ReplyFault = FaultOf<'reply' | 'cut' | 'slow' | 'truncate' | 'stateWord'>;

interface Entry {
	id: string;
	rule: Rule;
	addedAt: number;
	applied: number;
}

/** Not meant by a rule that names no operation. */
const otherPlanes: ReadonlySet<string> = new Set([
	...management,
	'job-take',
	'job-stop',
	'job-done',
	'job-stream',
	'ping',
]);

export class Faults {
	private entries: Entry[] = [];
	private counter = 0;

	constructor(private readonly now: () => number) {}

	/** Adds a rule; throws a ZodError for one that is not understood. */
	add(rule: FaultRule): string {
		const id = `fault-${++this.counter}`;
		this.entries.push({ id, rule: faultRule.parse(rule), addedAt: this.now(), applied: 0 });
		return id;
	}

	remove(id: string): boolean {
		const before = this.entries.length;
		this.entries = this.entries.filter((entry) => entry.id !== id);
		return this.entries.length < before;
	}

	clear(): void {
		this.entries = [];
	}

	list(): Entry[] {
		return this.entries;
	}

	/** The first rule of one of the kinds that applies; it is counted as applied. */
	take<Kind extends Fault['kind']>(kinds: Kind[], subject: Subject): FaultOf<Kind> | undefined {
		const entry = this.find(kinds, subject);
		if (entry === undefined) return undefined;
		entry.applied += 1;
		return entry.rule.fault as FaultOf<Kind>;
	}

	/** Milliseconds until the rule of this kind stops to apply to the subject; undefined when none applies. */
	heldFor(kind: Fault['kind'], subject: Subject): number | undefined {
		const entry = this.find([kind], subject);
		if (entry === undefined) return undefined;
		return entry.rule.untilMs === undefined
			? Infinity
			: entry.rule.untilMs - this.age(entry, subject);
	}

	private age(entry: Entry, subject: Subject): number {
		return this.now() - (subject.submittedAt ?? entry.addedAt);
	}

	private find(kinds: string[], subject: Subject): Entry | undefined {
		return this.entries.find((entry) => {
			const { rule } = entry;
			const age = this.age(entry, subject);
			return (
				kinds.includes(rule.fault.kind) &&
				(rule.times === undefined || entry.applied < rule.times) &&
				(rule.endpoint === undefined || rule.endpoint === subject.endpointId) &&
				this.coversOperation(rule, subject.operation) &&
				age >= (rule.fromMs ?? 0) &&
				age < (rule.untilMs ?? Infinity) &&
				matchesInput(rule.match, subject)
			);
		});
	}

	private coversOperation(rule: Rule, operation: string | undefined): boolean {
		if (operation === undefined) return true;
		if (rule.operation === undefined) return !otherPlanes.has(operation);
		return ([] as string[]).concat(rule.operation).includes(operation);
	}
}
