/**
 * Starts one of the repository's commands on a fresh clone. Plain Node without dependencies, because
 * it is what brings the dependencies: `npm run demo` and `npm test` must work without `npm install`.
 *
 * Usage: node scripts/start.mjs <command> [arguments], where scripts/<command>.mts is the command.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function fail(sentence) {
	console.error(sentence);
	process.exit(1);
}

/** Whether node_modules holds exactly what the lock file names (npm leaves its own list there). */
function dependenciesArePresent() {
	const hidden = join(root, 'node_modules', '.package-lock.json');
	if (!existsSync(hidden)) return false;
	const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
	const present = JSON.parse(readFileSync(hidden, 'utf8')).packages;
	return Object.entries(wanted).every(
		([path, entry]) =>
			path === '' || entry.optional || entry.devOptional || entry.peer || present[path]?.version === entry.version,
	);
}

function installDependencies() {
	const started = Date.now();
	console.log('[setup] development tools: installing into node_modules (about a minute)');
	// npm tells its own path to the scripts it runs; without it, the one in PATH is asked.
	const [command, first] = process.env.npm_execpath ? [process.execPath, [process.env.npm_execpath]] : ['npm', []];
	// Not `npm ci`: it refuses a lock file that lacks the optional builds for other platforms, and not
	// every registry that a lock file is made with has them. The versions are the locked ones all the same.
	const options = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
	const run = spawnSync(command, [...first, 'install', ...options], { cwd: root, stdio: 'inherit' });
	if (run.error) fail(`npm could not be started: ${run.error.message}. Install npm, e.g. with Node.js from nodejs.org.`);
	if (run.status !== 0) {
		fail('npm could not install the development tools. Read its message above; is the package registry reachable?');
	}
	console.log(`[setup] development tools: ready after ${Math.round((Date.now() - started) / 1000)} s`);
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
	fail(`Node.js ${process.versions.node} is too old: version 20.19 or newer is needed. Get it from nodejs.org.`);
}
if (process.platform === 'win32') {
	fail('Windows is not supported. Run the same command in WSL (Windows Subsystem for Linux).');
}
const command = process.argv[2];
const entry = join(root, 'scripts', `${command}.mts`);
if (!command || !existsSync(entry)) fail(`There is no command '${command ?? ''}' in scripts/.`);

if (!dependenciesArePresent()) installDependencies();
process.chdir(root);
// In this very process: a Ctrl-C then reaches the command itself, and no wrapper stays behind.
const { register } = await import('tsx/esm/api');
register();
const { main } = await import(pathToFileURL(entry).href);
await main(process.argv.slice(3));
