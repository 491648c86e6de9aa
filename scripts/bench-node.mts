/** npm run bench:node: the node against the usual ways to run jobs; builds the package and loads what was built. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { main as bench } from '../bench/node.mts';
import { withCleanEnd } from './running/processes.mts';
import { repository } from './setup/places.mts';
import { program } from './testing/stage.mts';

export async function main(args: string[]): Promise<void> {
	await withCleanEnd(async () => {
		const isBuilt = existsSync(join(repository, 'dist', 'nodes', 'RunPod', 'RunPod.node.js'));
		if (!isBuilt || !args.includes('--built')) await program('npm', ['run', '--silent', 'build']);
		await bench();
		return 0;
	});
}
