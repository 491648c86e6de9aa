/** What becomes of a Pod after its creation, and what the application in it answers: rules and their fields. */
import { z } from 'zod';
import { matchesInput, matchSchema } from '../../control/match.mts';

const milliseconds = z.number().int().min(0);
const percent = z.number().min(0).max(100);

/** What the worker in the Pod tells at /metrics; the two clocks run on from their values. */
export const telemetry = z
	.object({
		/** False: /metrics is a 404, as with a container that is no worker. */
		known: z.boolean().default(true),
		gpuUtil: percent.default(0),
		gpuMemoryUtil: percent.default(0),
		jobsRunning: z.number().int().min(0).default(0),
		/** Seconds for which the GPUs were quiet. Absent: since the start; 0 while `gpuUtil` is above 0. */
		gpuIdleS: z.number().min(0).optional(),
		/** Seconds since the last request. Absent: since the start. */
		requestIdleS: z.number().min(0).optional(),
	})
	.strict();
export type Telemetry = z.infer<typeof telemetry>;

const answer = z
	.object({
		status: z.number().int().min(200).max(599).default(200),
		body: z.unknown().optional(),
		contentType: z.string().default('application/json'),
		delayMs: milliseconds.default(0),
	})
	.strict();

/** The application behind the proxy, unless a process runs there. */
export const app = z
	.object({
		/** So long after RUNNING the proxy still answers 502. */
		readyMs: milliseconds.default(0),
		/** So long after that it answers a placeholder page, HTTP 200 with HTML. */
		placeholderMs: milliseconds.default(0),
		/** By path; /health, /queue and /metrics have answers of their own. */
		answers: z.record(z.string(), answer).default({}),
	})
	.strict();
export type App = z.infer<typeof app>;

/** A real process: `{pod}`, `{port}`, `{key}` (the Pod's own) and `{url}` (the emulator) are filled in. */
export const processScript = z
	.object({
		command: z.array(z.string()).min(1),
		env: z.record(z.string(), z.string()).default({}),
		cwd: z.string().optional(),
		/** Between SIGTERM and SIGKILL, in real milliseconds. */
		graceMs: milliseconds.default(5000),
	})
	.strict();
export type ProcessScript = z.infer<typeof processScript>;

export const podScript = z
	.object({
		/** Invented: how long a Pod is PROVISIONING, and then STARTING. */
		provisionMs: milliseconds.default(500),
		startMs: milliseconds.default(500),
		/** The state after STARTING. */
		end: z.enum(['RUNNING', 'EXITED', 'ERROR', 'TERMINATED']).default('RUNNING'),
		/** So long after RUNNING `runtime` is still null. */
		runtimeMs: milliseconds.default(0),
		/** The container ends by itself so long after RUNNING. */
		exitAfterMs: milliseconds.optional(),
		app: app.default({}),
		telemetry: telemetry.default({}),
		process: processScript.optional(),
	})
	.strict();
export type PodScript = z.infer<typeof podScript>;

export const podRule = z
	.object({
		/** `match.input` looks at the body of the create: `{"name": "..."}`, `{"gpu": {"id": "..."}}`. */
		match: matchSchema.optional(),
		times: z.number().int().min(1).optional(),
		script: podScript,
	})
	.strict();
export type PodRule = z.input<typeof podRule>;

export class PodScripts {
	private entries: Array<{ rule: z.infer<typeof podRule>; used: number }> = [];
	private counter = 0;

	/** Adds a rule before the older ones; throws a ZodError for one that is not understood. */
	add(rule: PodRule): string {
		this.entries.unshift({ rule: podRule.parse(rule), used: 0 });
		return `pod-script-${++this.counter}`;
	}

	clear(): void {
		this.entries = [];
	}

	/** The script of a new Pod: that of the latest rule that fits, else one with all defaults. */
	of(body: unknown, order: number): PodScript {
		const subject = { endpointId: 'management', order, input: body };
		const entry = this.entries.find(
			({ rule, used }) =>
				(rule.times === undefined || used < rule.times) && matchesInput(rule.match, subject),
		);
		if (entry === undefined) return podScript.parse({});
		entry.used += 1;
		return entry.rule.script;
	}
}
