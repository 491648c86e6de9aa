import { sleep } from 'n8n-workflow';

/** n8n older than 2.34 sleeps on in spite of a stop: so it sleeps in slices. */
const SLICE_MS = 500;

/**
 * Why a batch of jobs has to end early: the user or a workflow timeout stopped the execution, or
 * another item failed and n8n is told to stop at the first failure.
 */
export class StopSign {
	private siblingFailed = false;
	private release: () => void = () => {};
	/** Resolves at the first reason to stop. */
	readonly stopped: Promise<void>;

	constructor(private readonly signal: AbortSignal | undefined) {
		this.stopped = new Promise((resolve) => {
			this.release = resolve;
			if (signal?.aborted) resolve();
			else signal?.addEventListener('abort', () => resolve(), { once: true });
		});
	}

	get reason(): 'canceled' | 'sibling' | undefined {
		if (this.signal?.aborted) return 'canceled';
		return this.siblingFailed ? 'sibling' : undefined;
	}

	stopOthers(): void {
		this.siblingFailed = true;
		this.release();
	}

	/** Sleeps, but returns soon after a stop. `hard` sleeps on: it is for the cancel itself. */
	async sleep(ms: number, hard = false): Promise<void> {
		const end = Date.now() + ms;
		for (let rest = ms; rest > 0 && (hard || this.reason === undefined); rest = end - Date.now()) {
			try {
				await sleep(Math.min(rest, SLICE_MS), hard ? undefined : this.signal);
			} catch {
				// The stop is told by `reason`.
				return;
			}
		}
	}
}
