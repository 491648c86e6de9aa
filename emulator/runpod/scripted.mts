/** The built-in worker: does with a job what its script says, on the clock. */
import type { Script } from '../control/scripts.mts';
import type { Endpoint } from './endpoint.mts';
import { currentAttempt, type Job } from './job.mts';
import type { Platform } from './platform.mts';
import { receiveChunk, receiveResult } from './results.mts';

export function runScript(
	platform: Platform,
	endpoint: Endpoint,
	job: Job,
	script: Script,
	workerId: string,
): void {
	const attempt = currentAttempt(job);
	if (attempt?.lost) return;
	// The same door as a real worker's: faults, size limits and late results are judged there.
	const post = (body: Record<string, unknown>) =>
		receiveResult(platform, endpoint, workerId, job.id, JSON.stringify(body));
	// A later attempt of the same job has its own run of the script.
	const stopped = () =>
		currentAttempt(job) !== attempt || (attempt?.endedAt !== undefined && !script.ignoreStop);
	const at = (ms: number, run: () => void) => {
		if (ms >= (script.dieAtMs ?? Infinity)) return;
		platform.clock.after(ms, () => {
			if (!stopped()) run();
		});
	};

	for (const step of script.progress) {
		if (step.atMs < script.runMs)
			at(step.atMs, () => post({ status: 'IN_PROGRESS', output: step.output }));
	}
	script.stream.forEach((chunk, index) => {
		const ms = (script.runMs * (index + 1)) / (script.stream.length + 1);
		at(ms, () =>
			receiveChunk(platform, endpoint, workerId, job.id, JSON.stringify({ output: chunk })),
		);
	});
	at(script.runMs, () => post(result(script, job)));
	if (script.dieAtMs === undefined || attempt === undefined) return;
	platform.clock.after(script.dieAtMs, () => {
		if (attempt.endedAt !== undefined) return;
		// From here on nothing is heard of it, and the platform counts the silence.
		attempt.lost = true;
		job.lastSignAt = platform.clock.now();
		platform.watchSilence(endpoint, job);
	});
}

function result(script: Script, job: Job): Record<string, unknown> {
	if (script.error !== undefined) return { error: script.error };
	if (script.echo) return { output: { input: job.body.input } };
	if (script.make !== undefined) return { output: script.make(job.body.input) };
	return script.output === undefined ? {} : { output: script.output };
}
