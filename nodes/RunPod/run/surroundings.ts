import type { IExecuteFunctions } from 'n8n-workflow';
import { sleep } from 'n8n-workflow';

import { failures } from '../contract/errors';
import type { CatalogGpu } from '../core/catalog';
import { costOf } from '../core/cost';
import type { Cost, PriceFacts } from '../core/cost';
import { explainQueue, readLogEvents } from '../core/diagnosis';
import type { Failure } from '../core/failure';
import { hasNoJobs } from '../core/fallback';
import type { EndpointFacts, WorkerFacts } from '../core/platformFacts';
import { describeReply, isPassing } from '../core/reply';
import { pauseBefore } from '../core/retry';
import type { JobView } from '../core/state';
import type { JobApi } from '../transport/jobs';
import { openManagement } from '../transport/management';
import type { Management } from '../transport/management';
import type { StopSign } from './stop';

/**
 * What one execution knows about the endpoints of its jobs: limits, prices, workers. It is read
 * beside the job, one time per execution and endpoint, and never fails one: a key that may only run
 * jobs works as well, it just knows less.
 */

interface WorkerList {
	readAt: number;
	list: Promise<WorkerFacts[] | undefined>;
}

/** A worker that is missing in a list of this age is not asked for again. */
const LIST_AGE_MS = 2000;
const LOG_LINES = 50;

/** The submit waits for the endpoint's limits no longer than this. */
const FIRST_LOOK_MS = 1000;
const ATTEMPTS = 3;
const COUNTED_AFTER_MS = 1000;

async function untilKnown<T>(
	stop: StopSign,
	read: () => Promise<T | undefined>,
): Promise<T | undefined> {
	for (let attempt = 1; ; attempt += 1) {
		const known = await read();
		if (known !== undefined || attempt === ATTEMPTS || stop.reason !== undefined) return known;
		await stop.sleep(pauseBefore(attempt, Math.random()));
	}
}

export class Surroundings {
	private readonly endpoints = new Map<string, Promise<EndpointFacts | undefined>>();
	private readonly looks = new Map<string, Promise<void>>();
	private readonly workerLists = new Map<string, WorkerList>();
	private readonly paused = new Set<string>();
	private catalog: Promise<CatalogGpu[] | undefined> | undefined;

	private opened: Promise<Management | undefined> | undefined;

	constructor(private readonly context: IExecuteFunctions) {}

	/** Opened at its first use: a run on a worker's own address has no RunPod credential. */
	private get management(): Promise<Management | undefined> {
		this.opened ??= openManagement(this.context).catch(() => undefined);
		return this.opened;
	}

	/**
	 * Reads the endpoint before the first submit: without workers nothing is submitted at all. What
	 * does not answer soon is not waited for; then a job that waits there is cancelled later.
	 */
	async look({ endpointId }: JobApi, stop: StopSign): Promise<void> {
		if (endpointId === undefined) return;
		let look = this.looks.get(endpointId);
		if (look === undefined) {
			const known = this.endpoint(endpointId).then(() => {});
			look = Promise.race([known, stop.sleep(FIRST_LOOK_MS)]);
			this.looks.set(endpointId, look);
		}
		await look;
	}

	/** Whether it is known that the endpoint may have no worker. */
	isPaused({ endpointId }: JobApi): boolean {
		return endpointId !== undefined && this.paused.has(endpointId);
	}

	/** Whether a target has no job: looked at twice, because a fresh one may not be counted yet. */
	async isIdle(api: JobApi, stop: StopSign): Promise<boolean> {
		for (let look = 0; look < 2; look += 1) {
			await stop.sleep(COUNTED_AFTER_MS);
			if (stop.reason !== undefined) return false;
			const health = await api.health();
			if (health.kind !== 'ok' || !hasNoJobs(health.body)) return false;
		}
		return true;
	}

	/** What the job cost; null on a worker's own address and where no price is known. */
	async costOf(job: JobView, { endpointId }: JobApi): Promise<Cost | null> {
		if (endpointId === undefined) return null;
		const { workerId } = job;
		const [endpoint, gpus, workers] = await Promise.all([
			this.endpoint(endpointId),
			this.gpus(),
			workerId === undefined ? undefined : this.workersWith(endpointId, workerId),
		]);
		return costOf(job, { endpoint, gpus, workers });
	}

	/** What an endpoint costs; asked again where a reading failed, because a budget hangs on it. */
	async priceFacts(endpointId: string, stop: StopSign): Promise<PriceFacts | undefined> {
		return await untilKnown(stop, async () => {
			const [endpoint, gpus] = await Promise.all([this.endpoint(endpointId), this.gpus()]);
			if (endpoint !== undefined && gpus !== undefined) return { endpoint, gpus };
			this.endpoints.delete(endpointId);
			this.catalog = undefined;
			return undefined;
		});
	}

	/** USD of one endpoint since a time, by RunPod's billing. */
	async billedSince(
		endpointId: string,
		since: string,
		stop: StopSign,
	): Promise<number | undefined> {
		const api = await this.management;
		return await untilKnown(stop, async () => await api?.billedSince(endpointId, since));
	}

	/** Takes all workers from an endpoint; the reason where that did not work. */
	async pause(endpointId: string): Promise<string | undefined> {
		const api = await this.management;
		const hasActive = ((await this.endpoint(endpointId))?.minWorkers ?? 0) > 0;
		let problem = 'there is no RunPod credential';
		for (let attempt = 1; api !== undefined && attempt <= ATTEMPTS; attempt += 1) {
			const reply = await api.setWorkers(endpointId, hasActive ? { min: 0, max: 0 } : { max: 0 });
			if (reply.kind === 'ok') {
				// Jobs that wait in its queue need not wait for their deadline.
				this.paused.add(endpointId);
				return undefined;
			}
			problem = describeReply(reply);
			if (!isPassing(reply) || attempt === ATTEMPTS) break;
			await sleep(pauseBefore(attempt, Math.random()));
		}
		return problem;
	}

	/** Adds to a failure what the platform shows about its cause. */
	async explain(failure: Failure, api: JobApi): Promise<Failure> {
		const { endpointId } = api;
		if (endpointId === undefined) return failure;
		const lines =
			failure.code === 'WORKER_START_TIMEOUT'
				? await this.queueLines(endpointId, api)
				: await this.logLines(failure, endpointId);
		if (lines.length === 0) return failure;
		return { ...failure, description: [failure.description, ...lines].join('\n') };
	}

	private async queueLines(endpointId: string, api: JobApi): Promise<string[]> {
		const [health, endpoint, gpus, workers] = await Promise.all([
			api.health(),
			this.endpoint(endpointId),
			this.gpus(),
			this.readWorkers(endpointId),
		]);
		const body = health.kind === 'ok' ? health.body : undefined;
		return explainQueue({ health: body, endpoint, gpus, workers });
	}

	/** The worker's last words, where the job failed on it for no reason that the user can mend. */
	private async logLines({ code, details }: Failure, endpointId: string): Promise<string[]> {
		const { status, worker_id: workerId } = details;
		const isOnWorker = status === 'FAILED' || status === 'TIMED_OUT';
		const isClear = failures[code].category === 'configuration';
		if (!isOnWorker || isClear || typeof workerId !== 'string') return [];
		const text = (await (await this.management)?.logs(endpointId, workerId, LOG_LINES)) ?? '';
		const lines = readLogEvents(text, LOG_LINES);
		return lines.length === 0 ? [] : [`Last lines of the log of worker ${workerId}:`, ...lines];
	}

	private async endpoint(endpointId: string): Promise<EndpointFacts | undefined> {
		let known = this.endpoints.get(endpointId);
		if (known === undefined) {
			known = this.management.then(async (api) => await api?.endpoint(endpointId));
			this.endpoints.set(endpointId, known);
			void known.then((facts) => {
				if (facts?.maxWorkers === 0) this.paused.add(endpointId);
			});
		}
		return await known;
	}

	private async gpus(): Promise<CatalogGpu[] | undefined> {
		this.catalog ??= this.management.then(async (api) => await api?.gpus());
		return await this.catalog;
	}

	/** Workers come and go during a run: the list is read again for one that it does not know. */
	private async workersWith(
		endpointId: string,
		workerId: string,
	): Promise<WorkerFacts[] | undefined> {
		const known = this.workerLists.get(endpointId);
		const list = await known?.list;
		const isNew = known === undefined || Date.now() - known.readAt > LIST_AGE_MS;
		if (list?.some(({ id }) => id === workerId) || !isNew) return list;
		return await this.readWorkers(endpointId);
	}

	private async readWorkers(endpointId: string): Promise<WorkerFacts[] | undefined> {
		const list = this.management.then(async (api) => await api?.workers(endpointId));
		this.workerLists.set(endpointId, { readAt: Date.now(), list });
		return await list;
	}
}
