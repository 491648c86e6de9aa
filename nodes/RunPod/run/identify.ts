import { createHash } from 'node:crypto';

import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import type { FinalAction, Run } from '../core/run';
import { mayRunAgain } from '../core/secondTry';
import type { KnownJob } from '../core/secondTry';
import { isRecord } from '../core/state';
import { asStored } from './parked';
import type { ParkedBatch } from './parked';
import type { ItemsOfWork } from './planned';

/**
 * The ids of submitted jobs, written where they survive: the node's context (Retry On Fail and
 * parked runs read it), the execution's custom data (people search by it) and the server log (the
 * only one left when the process is killed).
 */

const CUSTOM_KEY = 'runpodJobId';
/** n8n warns above 255 characters, which are six IDs. */
const LONGEST_VALUE = 255;
/** Of the ten keys that n8n takes for an execution; the workflow may want some for itself. */
const MOST_KEYS = 5;

export class JobRegister {
	private readonly jobs: IDataObject;

	constructor(private readonly context: IExecuteFunctions) {
		const store = context.getContext('node');
		const runIndex = Number(context.evaluateExpression('{{ $runIndex }}', 0) ?? 0);
		// A node in a loop runs several times: only tries of the same run belong together.
		if (!isRecord(store.runpod) || store.runpod.runIndex !== runIndex) {
			store.runpod = { runIndex, jobs: {} };
		}
		this.jobs = (store.runpod as { jobs: IDataObject }).jobs;
	}

	/** The job that an earlier try of this run submitted for the same item with the same input. */
	find(itemIndex: number, fingerprint: string): KnownJob | undefined {
		const known = this.jobs[itemIndex];
		if (!isRecord(known) || known.fingerprint !== fingerprint || known.isOver === true) {
			return undefined;
		}
		const { submittedAt, jobId } = known;
		if (typeof submittedAt !== 'number') return undefined;
		return { submittedAt, jobId: typeof jobId === 'string' ? jobId : undefined };
	}

	/**
	 * Parts jobs so that those which an earlier try has joined stay together and apart from the others:
	 * another group would be another job, and paid again.
	 */
	parted<Job extends { itemIndex: number }>(jobs: Job[]): Job[][] {
		const parts: Job[][] = [];
		let loose: Job[] = [];
		for (let at = 0; at < jobs.length; ) {
			const known = this.joinedAt(jobs[at]?.itemIndex ?? -1);
			const group = jobs.slice(at, at + known.length);
			const isWhole =
				known.length > 0 && group.map(({ itemIndex }) => itemIndex).join() === known.join();
			if (isWhole) parts.push(loose, group);
			loose = isWhole ? [] : [...loose, ...jobs.slice(at, at + 1)];
			at += isWhole ? group.length : 1;
		}
		return [...parts, loose].filter(({ length }) => length > 0);
	}

	/** The items of the job that begins here and is not over. */
	private joinedAt(itemIndex: number): number[] {
		const known = this.jobs[itemIndex];
		if (!isRecord(known) || known.isOver === true || !Array.isArray(known.items)) return [];
		return known.items.filter((item) => typeof item === 'number');
	}

	/** Before a submit is sent: from here on its answer can get lost. */
	submitting(
		{ itemIndex, itemIndexes = [itemIndex] }: ItemsOfWork,
		fingerprint: string,
		now: number,
	): void {
		this.jobs[itemIndex] = { fingerprint, submittedAt: now, items: itemIndexes };
	}

	accepted(itemIndex: number, fingerprint: string, run: Run, place: string): void {
		const { jobId, submittedAt } = run;
		const before = this.jobs[itemIndex];
		const items = isRecord(before) ? (before.items as number[]) : undefined;
		this.jobs[itemIndex] = { fingerprint, submittedAt: submittedAt ?? 0, jobId, items };
		const executionId = this.context.getExecutionId();
		const node = this.context.getNode().name;
		// All in the text: n8n's usual log format leaves the fields out.
		this.context.logger.info(
			`RunPod job ${jobId} was submitted to ${place} (execution ${executionId}, node '${node}', item ${itemIndex})`,
			{ jobId, itemIndex, executionId, node },
		);
		this.show(String(jobId));
	}

	/** Notes that a retry may submit the job anew. */
	ended(itemIndex: number, end: FinalAction): void {
		const known = this.jobs[itemIndex];
		if (end.type !== 'fail' || !isRecord(known) || !mayRunAgain(end.failure)) return;
		this.jobs[itemIndex] = { ...known, isOver: true } as IDataObject;
	}

	/** What a parked execution needs to collect its jobs, beside their ids. */
	park(batch: ParkedBatch): void {
		(this.context.getContext('node').runpod as IDataObject).parked = asStored(batch);
	}

	/** Beside those of other nodes and runs; of very many jobs the log alone has all. */
	private show(jobId: string): void {
		const { customData, logger } = this.context;
		try {
			for (let place = 1; place <= MOST_KEYS; place += 1) {
				const key = place === 1 ? CUSTOM_KEY : `${CUSTOM_KEY}${place}`;
				const known = customData.get(key);
				const all = known ? `${known},${jobId}` : jobId;
				if (all.length > LONGEST_VALUE) continue;
				customData.set(key, all);
				return;
			}
		} catch (error) {
			// n8n takes ten keys; that the workflow used them up must not stop a paid job.
			logger.debug(`The job ID could not be added to the custom data: ${String(error)}`);
		}
	}
}

/**
 * The same input for the same place gives the same text; the input itself is not kept. Of images
 * the content counts, not the way that it goes: a link is another one each time.
 */
export const fingerprintOf = (place: string, input: object, images: string[] = []): string =>
	createHash('sha256')
		.update(place)
		.update(JSON.stringify([input, images]))
		.digest('hex')
		.slice(0, 32);
