import type { Policy } from './run';
import type { JobOptions } from './options';
import type { Peers } from './schedule';

/** The rules of a job that this run starts and, unless told otherwise, waits for. */
export function policyOf(options: JobOptions, peers: Peers): Policy {
	return {
		until: options.waitForResult === 'dontWait' ? 'submit' : 'end',
		queueTimeoutMs: options.queueTimeoutS * 1000,
		runTimeoutMs: Math.round(options.runTimeoutS * 1000),
		cap: options.cap,
		intervalMs: options.pollIntervalMs,
		cancelOnStop: options.cancelOnStop,
		mostRestMs: options.mostRestS ? options.mostRestS * 1000 : undefined,
		mayBeEmpty: options.allowEmptyOutput,
		endpointId: options.target.kind === 'endpoint' ? options.target.endpointId : undefined,
		peers,
	};
}
