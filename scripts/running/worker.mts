/** The worker with the demo set on the CPU, in either of its two modes. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { repository } from '../setup/places.mts';
import { start } from './processes.mts';
import type { Running } from './processes.mts';

/** Loading torch and diffusers on a busy machine takes the better part of this. */
const READY_MS = 180_000;

export interface PodWorker extends Running {
	url: string;
	token: string;
}

/** How the worker is started, by whomever: its arguments and its settings for the demo. */
export const DEMO_WORKER = {
	args: ['-u', join(repository, 'worker', 'handler.py')],
	env: {
		HOST: '127.0.0.1',
		MODEL_SET: 'demo',
		// Everything that is loaded lies in the repository: nothing may be looked for outside.
		HF_HUB_OFFLINE: '1',
		PYTHONDONTWRITEBYTECODE: '1',
	},
};

function startWorker(python: string, log: string, settings: Record<string, string>): Running {
	const { args, env } = DEMO_WORKER;
	return start({ name: 'The worker', command: python, args, env: { ...process.env, ...env, ...settings }, log });
}

/** Pod mode: a server of its own on 127.0.0.1 with a token made for this run. */
export async function startPodWorker(python: string, log: string, settings: Record<string, string> = {}): Promise<PodWorker> {
	const token = randomBytes(24).toString('base64url');
	const worker = startWorker(python, log, { RUN_MODE: 'pod', PORT: '0', AUTH_TOKEN: token, ...settings });
	const [, url] = await worker.line(/listening on (http:\/\/\S+)/, READY_MS);
	return { ...worker, url, token };
}

/** Serverless mode: attached to a job platform by the addresses that RunPod gives its workers. */
export function startServerlessWorker(python: string, log: string, settings: Record<string, string>): Running {
	return startWorker(python, log, { RUN_MODE: 'serverless', ...settings });
}
