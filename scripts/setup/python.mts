/** The Python environment of the worker: the CPU lock file installed into a virtual environment. */
import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { entry } from './cache.mts';
import { locks } from './places.mts';
import { findPython } from './programs.mts';
import { tool } from './progress.mts';
import { Remedy } from './remedy.mts';

/** Returns the path of the environment's python. STUDIO_PYTHON names one that has everything already. */
export async function preparePython(fresh: boolean): Promise<string> {
	if (process.env.STUDIO_PYTHON) return process.env.STUDIO_PYTHON;
	const python = findPython();
	if (!existsSync(locks.python)) throw new Remedy(`The lock file ${locks.python} is missing from this clone.`);
	const folder = await entry(
		{
			name: 'python',
			title: `Python ${python.version} environment of the worker`,
			cost: '1.6 GB, two to four minutes',
			files: [locks.python],
			facts: [python.version, process.platform, process.arch],
			gigabytes: 4,
			build: async (beside, place) => {
				await install(python.path, beside);
				moveScripts(join(beside, 'bin'), beside, place);
			},
		},
		fresh,
	);
	return join(folder, 'bin', 'python');
}

async function install(python: string, folder: string): Promise<void> {
	await tool(python, ['-m', 'venv', folder], { failed: 'The virtual environment could not be made.' });
	const inside = join(folder, 'bin', 'python');
	const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--no-compile'];
	// PyTorch comes from where pip is set up to look: an index with its CPU builds in pip's own
	// configuration saves the several GB of CUDA that the general build brings on Linux.
	await tool(inside, [...pip, '--requirement', locks.python], {
		failed: "The worker's Python packages could not be installed. Is the Python package index reachable?",
	});
}

/** The scripts of an environment name its interpreter by its full path, which the renaming changes. */
function moveScripts(bin: string, from: string, to: string): void {
	for (const name of readdirSync(bin)) {
		const file = join(bin, name);
		if (!lstatSync(file).isFile()) continue;
		const text = readFileSync(file, 'latin1');
		if (text.includes(from)) writeFileSync(file, text.replaceAll(from, to), 'latin1');
	}
}
