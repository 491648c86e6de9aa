/** Which stages there are, in which order: the cheap and telling ones first. */
import { provideDatabases } from '../setup/databases.mts';
import type { Prepared } from '../setup/index.mts';
import { prepare } from '../setup/index.mts';
import { npm } from '../setup/programs.mts';
import { preparePython } from '../setup/python.mts';
import { provideBrowser } from './chromium.mts';
import { jest, pytest } from './runners.mts';
import { check } from './stage.mts';
import type { Stage } from './stage.mts';

const npmRun = (name: string, script: string, env?: () => NodeJS.ProcessEnv): Stage => {
	const [command, first] = npm();
	return check(name, command, [...first, 'run', '--silent', script], env);
};

export function fullStages(fresh: boolean): Stage[] {
	let prepared: Prepared | undefined;
	const need = (): Prepared => {
		if (!prepared) throw new Error('Not run: the preparation failed.');
		return prepared;
	};
	const python = (): NodeJS.ProcessEnv => ({ STUDIO_PYTHON: need().python });
	return [
		{
			name: 'preparation',
			run: async () => {
				prepared = await prepare(fresh);
				await provideBrowser();
				await provideDatabases(fresh);
				return { passed: 1, failed: 0, skipped: [] };
			},
		},
		npmRun('lint', 'lint'),
		npmRun('types', 'typecheck'),
		npmRun('build', 'build'),
		npmRun('contract is fresh', 'generate:check', python),
		jest('unit and contract tests', ['core', 'contract'], python),
		// They mostly wait for one another's polls: more of them than cores at a time saves minutes.
		jest('node tests', ['node'], python, ['--maxWorkers=4']),
		jest('package tests', ['package'], python),
		jest('emulator tests', ['emulator'], python),
		pytest('worker tests', () => need().python, ['--ignore=worker/tests/image']),
		// Where it cannot be built, it is skipped and says why.
		pytest('image', () => need().python, [], 'worker/tests/image'),
		// The servers of the tests are shared, and two cores do not carry two sets of them.
		jest('end-to-end tests', ['e2e'], () => ({ ...python(), STUDIO_PREPARED: JSON.stringify(need()) }), ['--runInBand']),
	];
}

/** Under a minute with the Python environment in the cache: no n8n, no browser, no server, no model. */
export function quickStages(): Stage[] {
	let python = '';
	return [
		{
			name: 'preparation',
			run: async () => {
				python = await preparePython(false);
				return { passed: 1, failed: 0, skipped: [] };
			},
		},
		npmRun('types', 'typecheck'),
		jest('unit and contract tests', ['core', 'contract'], () => ({}), ['--testPathIgnorePatterns=generated.test']),
		pytest('worker tests without models and servers', () => python, [
			'-m',
			'not slow',
			...['engines', 'routes', 'serve', 'image'].map((folder) => `--ignore=worker/tests/${folder}`),
		]),
	];
}
