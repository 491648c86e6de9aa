/** Child processes that never outlive the command that started them. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { repository } from '../setup/places.mts';
import { Remedy } from '../setup/remedy.mts';

export interface Running {
	name: string;
	pid: number;
	/** File with all that the process wrote. */
	log: string;
	/** Resolves with the first match of the pattern in its output; rejects when it ends before or time is up. */
	line: (pattern: RegExp, timeoutMs: number) => Promise<RegExpExecArray>;
	/** Resolves when the process has ended. */
	ended: Promise<number>;
	/** Ends the process and all that it started; resolves when they are gone. */
	stop: () => Promise<void>;
}

export interface StartOptions {
	name: string;
	command: string;
	args: string[];
	env: NodeJS.ProcessEnv;
	cwd?: string;
	log: string;
}

const running = new Set<Running>();

/** Starts a program under the guard; everything it writes goes to the log file. */
export function start(options: StartOptions): Running {
	mkdirSync(dirname(options.log), { recursive: true });
	const log = createWriteStream(options.log);
	const guard = join(repository, 'scripts', 'running', 'guard.mjs');
	const child: ChildProcess = spawn(process.execPath, [guard, options.command, ...options.args], {
		cwd: options.cwd,
		env: options.env,
		detached: true,
		stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
	});
	let text = '';
	const watchers = new Set<() => void>();
	for (const stream of [child.stdout, child.stderr]) {
		stream?.on('data', (chunk: Buffer) => {
			log.write(chunk);
			// Enough for every line that is waited for; a chatty server does not fill the memory.
			text = (text + chunk.toString()).slice(-200_000);
			for (const look of watchers) look();
		});
	}
	let code: number | undefined;
	// What still holds the group together after its leader is gone had its chance for an orderly end.
	child.once('exit', () => {
		setTimeout(() => {
			try {
				process.kill(-self.pid, 'SIGKILL');
			} catch {
				// Nothing is left of the group: the usual case.
			}
		}, 3000).unref();
	});
	// Not 'close': after a disconnect() Node.js 20 does not always emit it.
	const streams = [child.stdout, child.stderr].map((stream) => stream && once(stream, 'close'));
	const ended = Promise.all([once(child, 'exit'), ...streams]).then(([[status]]) => {
		code = (status as number | null) ?? 1;
		log.end();
		running.delete(self);
		for (const look of watchers) look();
		return code;
	});

	const line = (pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> =>
		new Promise((resolve, reject) => {
			const timer = setTimeout(
				() => settle(new Remedy(`${options.name} did not become ready within ${timeoutMs / 1000} s.\n${tail(options.log)}`)),
				timeoutMs,
			);
			function settle(result: RegExpExecArray | Error): void {
				clearTimeout(timer);
				watchers.delete(look);
				if (result instanceof Error) reject(result);
				else resolve(result);
			}
			function look(): void {
				const found = pattern.exec(text);
				if (found) settle(found);
				else if (code !== undefined) settle(new Remedy(`${options.name} ended with ${code}.\n${text.slice(-3000)}`));
			}
			watchers.add(look);
			look();
		});

	const self: Running = {
		name: options.name,
		pid: child.pid ?? 0,
		log: options.log,
		line,
		ended,
		stop: async () => {
			if (child.connected) child.disconnect();
			await ended;
		},
	};
	running.add(self);
	return self;
}

/** Ends everything that start() has started and that still runs. */
export async function stopAll(): Promise<void> {
	await Promise.all([...running].map((one) => one.stop()));
}

/** Last lines of a log file, for messages. */
export function tail(file: string, lines = 20): string {
	try {
		return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
	} catch {
		return '(no log)';
	}
}

/**
 * Runs `work` until it ends or the command is told to end (Ctrl-C, SIGTERM, a closed terminal, the
 * starter gone); then stops all children and ends this process with the given exit code.
 */
export async function withCleanEnd(work: (stopped: Promise<void>) => Promise<number>): Promise<never> {
	let tell = (): void => {};
	const stopped = new Promise<void>((resolve) => (tell = resolve));
	for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, tell);
	// npm passes on the signals it gets, but nothing when it is killed hard.
	const parent = process.ppid;
	const watch = setInterval(() => process.env.npm_lifecycle_event && process.ppid !== parent && tell(), 1000);
	// A command that is told to end while it prepares does not finish what it was at.
	const interrupted = stopped.then(() => new Promise<number>((resolve) => setTimeout(resolve, 200, 130)));
	let code = 1;
	try {
		code = await Promise.race([work(stopped), interrupted]);
	} finally {
		clearInterval(watch);
		await stopAll();
	}
	process.exit(code);
}
