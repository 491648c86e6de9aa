/** Programs that the machine must bring, each with the sentence for where it is missing. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Remedy } from './remedy.mts';

/** First of the named programs that stands in PATH, as a full path. */
export function which(...names: string[]): string | undefined {
	for (const name of names) {
		for (const folder of (process.env.PATH ?? '').split(delimiter)) {
			const path = join(folder, name);
			try {
				accessSync(path, constants.X_OK);
				return path;
			} catch {
				// Not here: the next folder is asked.
			}
		}
	}
	return undefined;
}

export interface Python {
	path: string;
	/** e.g. '3.11' */
	version: string;
}

const PROBE = 'import sys; print("%d.%d" % sys.version_info[:2])';

/** A Python between 3.10 and 3.14 (what the RunPod SDK supports) that can make virtual environments. */
export function findPython(): Python {
	const seen: string[] = [];
	for (const name of ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python3.14', 'python']) {
		const path = which(name);
		if (!path) continue;
		const version = spawnSync(path, ['-c', PROBE], { encoding: 'utf8' }).stdout?.trim() ?? '';
		const minor = /^3\.(\d+)$/.exec(version)?.[1];
		if (minor === undefined) continue;
		seen.push(version);
		if (Number(minor) < 10 || Number(minor) > 14) continue;
		// Debian packs venv and its bundled pip apart from Python.
		if (spawnSync(path, ['-c', 'import venv, ensurepip']).status !== 0) {
			throw new Remedy(
				`Python ${version} cannot make virtual environments. On Debian and Ubuntu: apt-get install python${version}-venv (or python3-venv).`,
			);
		}
		return { path, version };
	}
	const found = seen.length > 0 ? ` Found: ${[...new Set(seen)].join(', ')}.` : '';
	throw new Remedy(
		`Python 3.10 to 3.14 is needed.${found} On Debian and Ubuntu: apt-get install python3 python3-venv; else from python.org.`,
	);
}

/** What is missing for compiling C++, or undefined when all is there. */
export function missingForCompiling(): string | undefined {
	if (!which('make', 'gmake')) return 'make';
	if (!which('c++', 'g++', 'clang++')) return 'a C++ compiler';
	return undefined;
}

/** npm as a command with its first arguments: the npm that started us, else the one in PATH. */
export function npm(): [string, string[]] {
	if (process.env.npm_execpath?.endsWith('.js')) return [process.execPath, [process.env.npm_execpath]];
	const path = which('npm');
	if (!path) throw new Remedy('npm is needed. It comes with Node.js from nodejs.org; on Debian: apt-get install npm.');
	return [path, []];
}
