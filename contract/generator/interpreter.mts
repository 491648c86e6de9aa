/** Finds the Python environment that holds datamodel-code-generator. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * STUDIO_PYTHON names the interpreter; without it the newest environment in the cache of setup is
 * taken. Which of several environments it is does not matter: the generator's version is pinned.
 */
export function findPython(environment: NodeJS.ProcessEnv = process.env): string | undefined {
	if (environment.STUDIO_PYTHON) return environment.STUDIO_PYTHON;
	const base =
		environment.STUDIO_CACHE ??
		join(environment.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'n8n-nodes-runpod-studio');
	if (!existsSync(base)) return undefined;
	const found = readdirSync(base)
		.map((name) => join(base, name, 'bin', 'python'))
		.filter((path) => existsSync(path))
		.sort((one, other) => statSync(other).mtimeMs - statSync(one).mtimeMs);
	return found[0];
}
