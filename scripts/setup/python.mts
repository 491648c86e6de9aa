/** The Python environment of the worker: the CPU lock file installed into a virtual environment. */
import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { entry, requireSpace } from './cache.mts';
import { locks } from './places.mts';
import { findPython } from './programs.mts';
import { say, tool } from './progress.mts';
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
	await tellAboutCuda(inside, folder);
	await tool(inside, [...pip, '--requirement', locks.python], {
		failed: "The worker's Python packages could not be installed. Is the Python package index reachable?",
	});
}

/** What the environment takes with the general Linux build of PyTorch, which brings CUDA's libraries, in GB. */
const WITH_CUDA = 9;

/**
 * PyTorch comes from where pip is set up to look. On Linux the general build brings CUDA, several GB that
 * nobody needs here: that is said before the download, and the disk is looked at again.
 */
async function tellAboutCuda(python: string, folder: string): Promise<void> {
	if (process.platform !== 'linux') return;
	const torch = /^torch==\S+/m.exec(readFileSync(locks.python, 'utf8'))?.[0] ?? 'torch';
	const report = await tool(
		python,
		['-m', 'pip', 'install', '--dry-run', '--quiet', '--no-deps', '--disable-pip-version-check', '--report', '-', torch],
		{ failed: "The worker's Python packages could not be found. Is the Python package index reachable?" },
	);
	if (isCpuBuild(report)) return;
	say(
		`pip brings PyTorch with CUDA: about ${WITH_CUDA - 1} GB instead of 1.6. An index with PyTorch's CPU builds in pip's ` +
			'configuration (extra-index-url) saves that.',
	);
	requireSpace(folder, WITH_CUDA, 'The Python environment of the worker');
}

/** Whether pip's installation report names a build of PyTorch for the CPU alone. */
export function isCpuBuild(report: string): boolean {
	const json = report.slice(report.indexOf('{'), report.lastIndexOf('}') + 1);
	const { install } = JSON.parse(json) as { install: Array<{ metadata: { version: string } }> };
	return install.some(({ metadata }) => metadata.version.includes('+cpu'));
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
