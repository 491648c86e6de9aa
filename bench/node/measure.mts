/**
 * One way of running the jobs, or of fetching one large result, in a process of its own. Prints one
 * JSON line. Arguments: what to do, then a JSON object with the platform.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Platform } from './engine.mts';
import { JOBS, MANY, WINDOW } from './load.mts';

interface Task extends Platform {
	scale: number;
	link: string;
}

const [what, text] = process.argv.slice(2);
const task = JSON.parse(text) as Task;
const inputs = Array.from({ length: JOBS }, (_, n) => ({ n }));
const PAUSE_MS = 5000;

/** Loading is not what is measured: it comes before the first sample. */
async function work(): Promise<() => Promise<unknown>> {
	if (what === 'ours' || what === 'ours big' || what === 'ours many') {
		const { runJobs } = await import('./engine.mts');
		if (what === 'ours many') {
			const options = { pollIntervalMs: 500, queueTimeoutS: 3600 };
			return async () => await runJobs(task, MANY, '={{ { n: $json.n } }}', options);
		}
		if (what === 'ours big') return async () => await runJobs(task, 1, '{ "big": true }', {});
		const options = { maxParallelJobs: WINDOW, queueTimeoutS: 3600 };
		return async () => await runJobs(task, JOBS, '={{ { n: $json.n } }}', options);
	}
	const rivals = await import('./rivals.mts');
	const pause = PAUSE_MS / task.scale;
	switch (what) {
		case 'httpRequestWait5s':
			return async () => await rivals.httpRequestWait(task, inputs, pause);
		case 'sequentialFixed5s':
			return async () => await rivals.sequential(task, inputs, pause);
		case 'httpRequestWait5s big':
			return async () => await rivals.fetchStreamed(task.link);
		case 'sequentialFixed5s big':
			return async () => await rivals.fetchWhole(task.link);
	}
	throw new Error(`nobody knows '${what}'`);
}

const run = await work();
const RESOLUTION_MS = 1;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
globalThis.gc?.();
await new Promise((resolve) => setTimeout(resolve, 500));
const idle = process.memoryUsage.rss();
const before = process.memoryUsage().heapUsed + process.memoryUsage().external;
let most = idle;
const sample = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 20);
delay.enable();
const result = await run();
delay.disable();
clearInterval(sample);
most = Math.max(most, process.memoryUsage.rss());
const eventLoopP99Ms = Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS);
for (let round = 0; round < 3; round += 1) {
	globalThis.gc?.();
	await new Promise((resolve) => setTimeout(resolve, 100));
}
const { heapUsed, external } = process.memoryUsage();
const figures = {
	eventLoopP99Ms,
	overIdleMb: (most - idle) / 1e6,
	// What the items and n8n's own record of the run keep.
	keptMb: (heapUsed + external - before) / 1e6,
};
process.stdout.write(`${JSON.stringify(figures)}\n`);
if (result === null) throw new Error('the result has to live until it was weighed');
// n8n-core keeps timers of its own.
process.exit(0);
