import type { NodeExecutionHint } from 'n8n-workflow';

/** What is worth a line above the output of a run that went well. */

/** A worker that took longer than this to start is worth a hint. */
export const LONG_START_MS = 30_000;

export interface Happened {
	/** Jobs whose id was handed on without waiting. */
	handedOver: number;
	/** Why the fallback took jobs over, one reason per job. */
	tookOver: string[];
	slowStarts: number;
}

export function hintsOf({ handedOver, tookOver, slowStarts }: Happened): NodeExecutionHint[] {
	const hints: NodeExecutionHint[] = [];
	const add = (type: NodeExecutionHint['type'], message: string) =>
		hints.push({ message, type, location: 'outputPane' });
	if (handedOver > 0) {
		add(
			'info',
			`${handedOver} job(s) go on at RunPod. Fetch each result with Job > Poll Status, at the latest 30 minutes after its end.`,
		);
	}
	if (tookOver.length > 0) {
		add(
			'warning',
			`${tookOver.length} job(s) were taken over by the fallback, because: ${tookOver[0]}`,
		);
	}
	if (slowStarts > 0) {
		add(
			'info',
			`${slowStarts} job(s) waited more than ${LONG_START_MS / 1000} seconds for a worker to start. A batch keeps the worker warm.`,
		);
	}
	return hints;
}
