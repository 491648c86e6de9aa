/** Finds the Python environment that holds datamodel-code-generator. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../scripts/setup/places.mts';
import { repository } from './source.mts';

/** STUDIO_PYTHON names the interpreter; else it is the newest environment that setup has made. */
export function findPython(environment: NodeJS.ProcessEnv = process.env): string | undefined {
	if (environment.STUDIO_PYTHON) return environment.STUDIO_PYTHON;
	const cache = cacheFolder();
	if (!existsSync(cache)) return undefined;
	const found = readdirSync(cache)
		.filter((name) => name.startsWith('python-'))
		.map((name) => join(cache, name, 'bin', 'python'))
		.filter((path) => existsSync(path))
		.sort((one, other) => statSync(other).mtimeMs - statSync(one).mtimeMs);
	return found[0];
}

/** What decides how the models are written: the generator and its formatters, as pyproject pins them. */
function pins(): Map<string, string> {
	const project = join(repository, 'worker', 'pyproject.toml');
	const text = existsSync(project) ? readFileSync(project, 'utf8') : '';
	const found = text.matchAll(
		/"(datamodel-code-generator|black|isort)(?:\[[^\]]*\])?==([^"\s;]+)/g,
	);
	return new Map([...found].map(([, name, version]) => [name, version]));
}

/** Tells why the interpreter cannot generate, or nothing when it can. */
export function pythonMissing(python: string | undefined): string | undefined {
	if (!python) return 'no Python environment was found; STUDIO_PYTHON may name its interpreter';
	const wanted = pins();
	const names = ['datamodel-code-generator', 'black', 'isort'];
	const script = `import importlib.metadata as m; print(*[m.version(n) for n in ${JSON.stringify(names)}])`;
	let versions: string[];
	try {
		versions = execFileSync(python, ['-c', script], {
			encoding: 'utf8',
			stdio: ['ignore', 'pipe', 'ignore'],
		})
			.trim()
			.split(' ');
	} catch {
		return `${python} cannot run datamodel-code-generator with black and isort`;
	}
	// Another version would find files stale that are not.
	const other = names.findIndex(
		(name, index) => (wanted.get(name) ?? versions[index]) !== versions[index],
	);
	return other < 0
		? undefined
		: `${python} has ${names[other]} ${versions[other]}, pinned is ${wanted.get(names[other])}`;
}
