/** A real n8n in the cache, installed from the lock file in test/e2e/n8n. */
import { copyFileSync, existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { entry } from './cache.mts';
import type { Node24 } from './node24.mts';
import { locks } from './places.mts';
import { findPython, missingForCompiling, npm } from './programs.mts';
import { say, step, tool } from './progress.mts';
import { Remedy } from './remedy.mts';

const lockFiles = ['package.json', 'package-lock.json'].map((name) => join(locks.n8n, name));

/** Returns the folder whose node_modules holds n8n. */
export async function prepareN8n(node24: Node24, fresh: boolean): Promise<string> {
	return await entry(
		{
			name: 'n8n',
			title: 'n8n 2.41.1',
			cost: '2.7 GB, four to six minutes',
			files: lockFiles,
			facts: [process.platform, process.arch, 'with peers'],
			gigabytes: 4,
			build: async (beside) => {
				for (const file of [...lockFiles, join(locks.n8n, '.npmrc')]) {
					copyFileSync(file, join(beside, file.slice(locks.n8n.length + 1)));
				}
				const [command, first] = npm();
				// npm hands this repository's own setting for peers down to its scripts; n8n needs its peers.
				const options = ['--no-save', '--ignore-scripts', '--legacy-peer-deps=false', '--loglevel=error'];
				await tool(command, [...first, 'install', ...options], {
					cwd: beside,
					failed: 'n8n could not be installed. Is the npm registry reachable?',
				});
				await buildDatabaseDriver(join(beside, 'node_modules', 'sqlite3'), node24);
			},
		},
		fresh,
	);
}

/**
 * The native part of sqlite3, which an installation without scripts leaves out. Compiled here with
 * the headers at hand; only where there is no compiler, its authors' prebuilt file is asked for.
 */
async function buildDatabaseDriver(folder: string, node24: Node24): Promise<void> {
	const product = join(folder, 'build', 'Release', 'node_sqlite3.node');
	if (existsSync(product)) return;
	const env = { ...process.env, PATH: `${dirname(node24.node)}${delimiter}${process.env.PATH}` };
	const missing = missingForCompiling();
	if (missing) {
		say(`n8n's database driver: ${missing} is missing, looking for the prebuilt driver`);
		await tool(node24.node, [join(folder, '..', 'prebuild-install', 'bin.js'), '-r', 'napi'], {
			cwd: folder,
			env,
			failed:
				`n8n's database driver (sqlite3) has to be compiled, but ${missing} is missing and no prebuilt driver could be fetched. ` +
				'On Debian and Ubuntu: apt-get install build-essential python3.',
		});
	} else {
		const python = findPython().path;
		await step("Compiling n8n's database driver (about a minute)", () =>
			tool(node24.node, [node24.gyp, 'rebuild', `--nodedir=${node24.headers}`, `--python=${python}`], {
				cwd: folder,
				env,
				failed: "n8n's database driver (sqlite3) could not be compiled.",
			}),
		);
	}
	if (!existsSync(product)) throw new Remedy(`n8n's database driver was not made: ${product} is missing.`);
}
