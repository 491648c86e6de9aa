/** The Python environment of the worker: the CPU lock file installed into a virtual environment. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { entry } from './cache.mts';
import { locks } from './places.mts';
import { findPython } from './programs.mts';
import { say, tool } from './progress.mts';
import { Remedy } from './remedy.mts';

/** PyTorch's builds without CUDA: on Linux the general index has only the ones with several GB of it. */
const CPU_BUILDS = 'https://download.pytorch.org/whl/cpu';

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
			build: (beside) => install(python.path, beside),
		},
		fresh,
	);
	return join(folder, 'bin', 'python');
}

async function install(python: string, folder: string): Promise<void> {
	await tool(python, ['-m', 'venv', folder], { failed: 'The virtual environment could not be made.' });
	const inside = join(folder, 'bin', 'python');
	const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--no-compile'];
	const torch = /^torch==\S+/m.exec(readFileSync(locks.python, 'utf8'))?.[0].replace(/\+cpu$/, '');
	if (!torch) throw new Remedy(`${locks.python} does not pin torch.`);
	if (process.platform === 'linux') {
		// First of all and alone, so that nothing else can bring the CUDA build.
		try {
			await tool(inside, [...pip, '--retries', '1', '--timeout', '30', '--index-url', CPU_BUILDS, '--no-deps', torch], {
				failed: 'no CPU build',
			});
		} catch {
			say("PyTorch's CPU builds are out of reach: taking the build of the configured package index");
		}
	}
	await tool(inside, [...pip, '--requirement', locks.python], {
		failed: "The worker's Python packages could not be installed. Is the Python package index reachable?",
	});
}
