/** Progress lines with times, so that a long step can be told from a stuck one. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { repository } from './places.mts';
import { Remedy } from './remedy.mts';

const guard = join(repository, 'scripts', 'running', 'guard.mjs');

const begin = Date.now();
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** One line with the time since the command began. */
export function say(text: string): void {
	console.log(`[${seconds(Date.now() - begin).padStart(8)}] ${text}`);
}

/** Runs one step between a line that announces it and one that tells how long it took. */
export async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
	const started = Date.now();
	say(`${title} ...`);
	// The line comes again every half minute: some steps take minutes without a word of their own.
	const alive = setInterval(() => say(`${title}: still at it after ${seconds(Date.now() - started)}`), 30_000);
	try {
		const result = await work();
		say(`${title}: done in ${seconds(Date.now() - started)}`);
		return result;
	} finally {
		clearInterval(alive);
	}
}

export interface ToolOptions {
	cwd?: string;
	env?: NodeJS.ProcessEnv;
	/** Sentence for the case that the tool fails; its last lines of output follow. */
	failed: string;
}

/** Runs a tool silently and returns its output; on failure throws the given sentence and the output's tail. */
export async function tool(command: string, args: string[], options: ToolOptions): Promise<string> {
	// Under the guard, which ends the tool and all its children when this process is gone.
	const child = spawn(process.execPath, [guard, command, ...args], {
		cwd: options.cwd,
		env: options.env ?? process.env,
		detached: true,
		stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
	});
	let output = '';
	let text = '';
	child.stdout?.on('data', (chunk: Buffer) => {
		output += chunk;
		text += chunk;
	});
	child.stderr?.on('data', (chunk: Buffer) => (text += chunk));
	const code = await new Promise<number | string>((resolve) => {
		child.once('error', (error) => resolve(error.message));
		child.once('close', (status, signal) => resolve(status ?? signal ?? 'unknown'));
	});
	if (code !== 0) {
		const tail = text.trimEnd().split('\n').slice(-25).join('\n');
		throw new Remedy(`${options.failed}\n--- ${command} ended with ${code}; its last lines:\n${tail}`);
	}
	return output;
}
