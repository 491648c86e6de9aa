/** Where things lie: the clone, the folders with lock files, and the cache outside the clone. */
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const packageName = 'n8n-nodes-runpod-studio';

export const locks = {
	node24: join(repository, 'scripts', 'setup', 'node24'),
	n8n: join(repository, 'test', 'e2e', 'n8n'),
	python: join(repository, 'worker', 'requirements-cpu.lock'),
};

/** The cache folder: STUDIO_CACHE, else a folder of our own in the user's cache directory. */
export function cacheFolder(): string {
	if (process.env.STUDIO_CACHE) return resolve(process.env.STUDIO_CACHE);
	const user =
		process.env.XDG_CACHE_HOME ??
		join(homedir(), process.platform === 'darwin' ? join('Library', 'Caches') : '.cache');
	return join(user, packageName);
}
