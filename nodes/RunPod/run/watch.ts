import type { IExecuteFunctions } from 'n8n-workflow';

import { stateLabels } from '../contract/job';
import { extendTimeline } from '../core/progress';
import type { TimelineEntry } from '../core/progress';
import type { Run } from '../core/run';
import { remainingMs } from '../core/schedule';

/** Shows one job's way: the timeline of its result and, in manual runs, lines in the browser. */
export class Watch {
	timeline: TimelineEntry[] = [];
	private workerReady = false;

	constructor(
		private readonly context: IExecuteFunctions,
		private readonly itemIndex: number,
	) {}

	note(run: Run, now: number): void {
		if (run.jobId === undefined || run.state === undefined) return;
		const before = this.timeline;
		// Progress that was read in an earlier state says nothing about the new one.
		// A single look ends with a job that goes on, and its progress is what one looks for.
		const goesOn = run.end === undefined || run.end.type === 'handOver';
		const progress = run.phase === 'run' && goesOn ? run.progress : undefined;
		const restMs = progress && remainingMs(run, now);
		this.timeline = extendTimeline(before, run.state, progress, now, restMs);
		const entry = this.timeline.at(-1);
		if (this.timeline === before || entry === undefined) return;
		const percent = entry.percent === null ? '' : ` ${entry.percent}%`;
		const rest = entry.etaS === undefined ? '' : ` (about ${entry.etaS} s left)`;
		this.tell(
			`${labelOf(run.state)}${percent}${rest}${entry.message === '' ? '' : `: ${entry.message}`}`,
		);
		if (run.phase === 'run' && !this.workerReady) {
			this.workerReady = true;
			const waited = Math.round((now - (run.submittedAt ?? run.startedAt ?? now)) / 1000);
			this.tell(`Worker ready after ${waited}s`);
		}
	}

	tell(text: string): void {
		if (this.context.getMode() !== 'manual') return;
		this.context.sendMessageToUI(`RunPod, item ${this.itemIndex}: ${text}`);
	}
}

const labels: Readonly<Record<string, string>> = stateLabels;

const labelOf = (state: string): string =>
	Object.hasOwn(labels, state) ? (labels[state] ?? state) : state;
