/** npm run bench:worker: the worker's speed against plain diffusers; arguments go on to bench/worker.py. */
import { join } from 'node:path';
import { withCleanEnd } from './running/processes.mts';
import { repository } from './setup/places.mts';
import { preparePython } from './setup/python.mts';
import { program } from './testing/stage.mts';

export async function main(args: string[]): Promise<void> {
	await withCleanEnd(async () => {
		const python = await preparePython(false);
		return program(python, [join(repository, 'bench', 'worker.py'), ...args]);
	});
}
