/** Our own package as a user gets it: built, and exactly the files that npm would publish. */
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { entry } from './cache.mts';
import { packageName, repository } from './places.mts';
import { npm } from './programs.mts';
import { tool } from './progress.mts';

/** All that decides the content of the package. */
const SOURCES = ['package.json', 'package-lock.json', 'tsconfig.json', 'gulpfile.js', 'index.ts', 'README.md', 'LICENSE'];
const FOLDERS = ['nodes', 'credentials'];

function sources(): string[] {
	const inside = FOLDERS.flatMap((folder) =>
		readdirSync(join(repository, folder), { recursive: true, withFileTypes: true })
			.filter((file) => file.isFile())
			.map((file) => join(file.parentPath, file.name)),
	);
	return [...SOURCES.map((name) => join(repository, name)), ...inside.sort()];
}

/** Returns a folder with the packed files; builds the package when its sources have changed. */
export async function preparePackage(fresh: boolean): Promise<string> {
	return await entry(
		{
			name: 'package',
			title: 'The node package of this clone',
			files: sources(),
			gigabytes: 0.1,
			build: async (beside) => {
				const [command, first] = npm();
				await tool(command, [...first, 'run', 'build'], { cwd: repository, failed: 'The package could not be built.' });
				for (const path of await packedFiles()) {
					mkdirSync(dirname(join(beside, path)), { recursive: true });
					cpSync(join(repository, path), join(beside, path));
				}
			},
		},
		fresh,
	);
}

/** Paths of the files that npm would publish. */
async function packedFiles(): Promise<string[]> {
	const [command, first] = npm();
	const listed = await tool(command, [...first, 'pack', '--dry-run', '--json', '--ignore-scripts'], {
		cwd: repository,
		failed: 'npm could not list the files of the package.',
	});
	// npm 11 answers a list, later ones an object by package name.
	const answer = JSON.parse(listed) as Record<string, { files: Array<{ path: string }> }>;
	return Object.values(answer)[0].files.map(({ path }) => path);
}

/** Puts the packed files where n8n keeps community packages of the given user folder. */
export function placePackage(packed: string, userFolder: string): void {
	const target = join(userFolder, '.n8n', 'nodes', 'node_modules', packageName);
	rmSync(target, { recursive: true, force: true });
	cpSync(packed, target, { recursive: true });
}
