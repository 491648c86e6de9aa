/** Scripts: what the built-in worker does with a job, so that clients can be tested without Python. */
import { z } from 'zod';
import { matchesInput, matchSchema, type Subject } from './match.mts';

const milliseconds = z.number().int().min(0);

export const scriptRule = z
	.object({
		endpoint: z.string().optional(),
		match: matchSchema.optional(),
		/** How many attempts of jobs it serves. Absent: all. */
		times: z.number().int().min(1).optional(),
		script: z
			.object({
				/** Shortest wait in the queue; a busy endpoint makes it longer. */
				queueMs: milliseconds.default(0),
				runMs: milliseconds.default(0),
				progress: z
					.array(z.object({ atMs: milliseconds, output: z.unknown() }).strict())
					.default([]),
				/** Chunks for /stream, spread evenly over the run. */
				stream: z.array(z.unknown()).default([]),
				/** Exactly one of these four ends the job; with none of them it completes without output. */
				output: z.unknown().optional(),
				/** Output {"input": <the job's input>}. */
				echo: z.boolean().optional(),
				/** Only in the same process. */
				make: z
					.custom<(input: unknown) => unknown>((value) => typeof value === 'function')
					.optional(),
				error: z.unknown().optional(),
				/** The worker dies so long after it took the job: no result, no pings. */
				dieAtMs: milliseconds.optional(),
				/** A worker that does not hear the stop signal: runs on and posts its result all the same. */
				ignoreStop: z.boolean().default(false),
			})
			.strict()
			.refine(
				(script) =>
					[script.output, script.echo, script.make, script.error].filter(
						(value) => value !== undefined,
					).length <= 1,
				'only one of output, echo, make and error may be given',
			),
	})
	.strict();

export type ScriptRule = z.input<typeof scriptRule>;
export type Script = z.infer<typeof scriptRule>['script'];

interface Entry {
	id: string;
	rule: z.infer<typeof scriptRule>;
	attempts: Set<string>;
}

export class Scripts {
	private entries: Entry[] = [];
	private counter = 0;

	/** Adds a script; throws a ZodError for one that is not understood. */
	add(rule: ScriptRule): string {
		const id = `script-${++this.counter}`;
		this.entries.push({ id, rule: scriptRule.parse(rule), attempts: new Set() });
		return id;
	}

	clear(): void {
		this.entries = [];
	}

	/** The script of a job's next attempt: the first one that fits; once found it stays with the attempt. */
	of(jobId: string, attempt: number, subject: Subject): Script | undefined {
		const key = `${jobId} ${attempt}`;
		const entry =
			this.entries.find(({ attempts }) => attempts.has(key)) ??
			this.entries.find(
				({ rule, attempts }) =>
					(rule.times === undefined || attempts.size < rule.times) &&
					(rule.endpoint === undefined || rule.endpoint === subject.endpointId) &&
					matchesInput(rule.match, subject),
			);
		entry?.attempts.add(key);
		return entry?.rule.script;
	}
}
