/** Our own package as a user gets it: built, and exactly the files that npm would publish. */
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageName, repository } from './places.mts';
import { npm } from './programs.mts';
import { step, tool } from './progress.mts';

export async function buildPackage(): Promise<void> {
	const [command, first] = npm();
	await step('Building the node package', () =>
		tool(command, [...first, 'run', 'build'], { cwd: repository, failed: 'The package could not be built.' }),
	);
}

/** Puts the packed files where n8n keeps community packages of the given user folder. */
export async function placePackage(userFolder: string): Promise<void> {
	const [command, first] = npm();
	const listed = await tool(command, [...first, 'pack', '--dry-run', '--json', '--ignore-scripts'], {
		cwd: repository,
		failed: 'npm could not list the files of the package.',
	});
	// npm 11 answers a list, later ones an object by package name.
	const answer = JSON.parse(listed) as Record<string, { files: { path: string }[] }>;
	const files = Object.values(answer)[0].files;
	const target = join(userFolder, '.n8n', 'nodes', 'node_modules', packageName);
	rmSync(target, { recursive: true, force: true });
	for (const { path } of files) {
		mkdirSync(dirname(join(target, path)), { recursive: true });
		cpSync(join(repository, path), join(target, path));
	}
}
