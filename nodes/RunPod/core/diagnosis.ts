import type { CatalogGpu } from './catalog';
import { gpusOf } from './platformFacts';
import type { EndpointFacts, WorkerFacts } from './platformFacts';
import { withoutKeys } from './failure';
import { isRecord } from './state';

/** Why a job found no worker, and what a worker said before its job failed, as lines for people. */

export interface QueueFacts {
	/** The body of `GET /health`. */
	health?: unknown;
	endpoint?: EndpointFacts;
	workers?: WorkerFacts[];
	gpus?: CatalogGpu[];
}

const HEALTH_WORDS = {
	jobs: ['inQueue', 'inProgress', 'completed', 'failed', 'retried'],
	workers: ['ready', 'idle', 'running', 'initializing', 'throttled', 'unhealthy'],
} as const;

/** `inQueue 1, inProgress 0`: the platform's own words, so that they can be looked up. */
function counts(value: unknown, words: readonly string[]): string {
	if (!isRecord(value)) return '';
	return words
		.filter((word) => typeof value[word] === 'number')
		.map((word) => `${word} ${String(value[word])}`)
		.join(', ');
}

function healthLines(health: unknown): string[] {
	if (!isRecord(health)) return [];
	const jobs = counts(health.jobs, HEALTH_WORDS.jobs);
	const workers = counts(health.workers, HEALTH_WORDS.workers);
	const parts = [jobs && `jobs: ${jobs}`, workers && `workers: ${workers}`].filter(Boolean);
	return parts.length === 0 ? [] : [`Endpoint health - ${parts.join('; ')}.`];
}

const MOST_WORKERS = 10;

function workerLines(workers: WorkerFacts[] | undefined): string[] {
	if (workers === undefined) return [];
	if (workers.length === 0) return ['Workers - none.'];
	const shown = workers
		.slice(0, MOST_WORKERS)
		.map(
			({ id, status, gpuTypeId }) => `${id} ${status ?? '?'}${gpuTypeId ? ` (${gpuTypeId})` : ''}`,
		);
	const more = workers.length - shown.length;
	return [`Workers - ${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}.`];
}

function stockLines({ endpoint, gpus }: QueueFacts): string[] {
	if (endpoint === undefined || gpus === undefined) return [];
	const mine = gpusOf(endpoint, gpus);
	if (mine.length === 0) return [];
	const pools = endpoint.pools.map((pool) => {
		const types = mine.filter((gpu) => gpu.pool === pool);
		const stock = types.map(({ name, availability }) => `${name} ${availability ?? '?'}`);
		return `${pool}: ${stock.length === 0 ? 'no type left' : stock.join(', ')}`;
	});
	return [`Stock of its GPU pools - ${pools.join('; ')}.`];
}

/** The likely cause, where the numbers name one. */
function reading(facts: QueueFacts): string[] {
	const workers = isRecord(facts.health) ? facts.health.workers : undefined;
	const count = (word: string): number =>
		isRecord(workers) && typeof workers[word] === 'number' ? workers[word] : 0;
	const isServed = count('ready') + count('idle') + count('running') > 0;
	if (count('unhealthy') > 0) {
		return ['A worker is unhealthy: its container probably fails while it starts. Read its log.'];
	}
	if (count('throttled') > 0 && !isServed) {
		return ['Workers are throttled: no GPU of the chosen types is free.'];
	}
	if (count('initializing') > 0) return ['A worker is still starting: a longer wait can help.'];
	if (isServed) return ['All workers are busy with other jobs.'];
	return [];
}

/** Three short lines - health, workers, stock - and their reading; what is not known is left out. */
export function explainQueue(facts: QueueFacts): string[] {
	return [
		...reading(facts),
		...healthLines(facts.health),
		...workerLines(facts.workers),
		...stockLines(facts),
	];
}

const LONGEST_LINE = 300;

/** The end of a worker's log, from server-sent events; a line that is cut off is left out. */
export function readLogEvents(text: string, most: number): string[] {
	const lines: string[] = [];
	for (const event of text.split('\n')) {
		if (!event.startsWith('data:')) continue;
		try {
			const data: unknown = JSON.parse(event.slice('data:'.length));
			if (isRecord(data) && typeof data.line === 'string') lines.push(data.line.trimEnd());
		} catch {
			// The stream was left in the middle of an event.
		}
	}
	return lines.slice(-most).map((line) => withoutKeys(line.slice(0, LONGEST_LINE)));
}
