import type { IExecuteFunctions } from 'n8n-workflow';

import { leftBy } from '../core/batch';
import type { Failure } from '../core/failure';
import type { JobView } from '../core/state';
import { hintsOf, LONG_START_MS } from './hints';

/** What happened in a run that people have to be told about at its end. */
export class Tally {
	/** Jobs that may still run although nobody waits for them. */
	readonly left: string[] = [];
	/** Why the fallback took jobs over. */
	readonly tookOver: string[] = [];
	handedOver = 0;
	private slowStarts = 0;

	started({ delayTime }: JobView): void {
		if ((delayTime ?? 0) > LONG_START_MS) this.slowStarts += 1;
	}

	remember(failure: Failure): void {
		const job = leftBy(failure);
		if (job !== undefined) this.left.push(job);
	}

	hint(context: IExecuteFunctions, hasSubmitted: boolean): void {
		const { tookOver, slowStarts } = this;
		const handedOver = hasSubmitted ? this.handedOver : 0;
		for (const hint of hintsOf({ handedOver, tookOver, slowStarts })) {
			context.addExecutionHints(hint);
		}
	}
}
