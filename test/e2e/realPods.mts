/** Pods of the emulated account that are real: each runs the worker in pod mode as a process of its own. */
import { randomBytes } from 'node:crypto';
import type { RunningEmulator } from '../../emulator/server.mts';
import type { N8nClient } from '../../scripts/running/n8nClient.mts';
import { DEMO_WORKER } from '../../scripts/running/worker.mts';

/** The GPU type that the emulated account has most of. */
export const GPU = 'Emulated GPU 24';

/** From now on a Pod starts the worker with the demo set. What the Pod was created with stays, but for these. */
export function startWorkersInPods({ control }: RunningEmulator, python: string): void {
	const { args, env } = DEMO_WORKER;
	const process = {
		command: [python, ...args],
		env: { ...env, RUN_MODE: 'pod', PORT: '{port}', RUNPOD_MANAGEMENT_URL: '{url}/management/v2' },
	};
	control.addPodScript({ script: { provisionMs: 0, startMs: 0, process } });
}

export const podProxy = ({ url }: RunningEmulator): string => `${url}/_pods/{pod}-{port}`;

/** The credential whose token a new worker asks for; its host is that of the emulated proxy. Returns token and ID. */
export async function savePodToken(client: N8nClient, { url }: RunningEmulator): Promise<{ token: string; id: string }> {
	const token = randomBytes(24).toString('base64url');
	const data = { serverType: 'studio', baseUrl: url, token };
	return { token, id: await client.saveCredential('Worker in a Pod', 'runPodWorkerApi', data) };
}
