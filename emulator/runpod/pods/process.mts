/**
 * A Pod that is real: a process with the Pod's environment, in a group of its own. The emulator knows
 * nothing of what it runs; the command comes from the test.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import type { Pod } from './pod.mts';
import type { ProcessScript } from './script.mts';

export class PodProcess {
	/** Where the Pod's first HTTP port answers on this machine. */
	port?: number;
	onLine: (line: string) => void = () => undefined;
	/** The process ended without being told to. */
	onExit: () => void = () => undefined;
	private child?: ChildProcess;
	private ended = false;
	private readonly script: ProcessScript;

	constructor(
		private readonly pod: Pod,
		private readonly key: string,
		private readonly url: string,
	) {
		if (pod.script.process === undefined) throw new Error('the Pod has no process');
		this.script = pod.script.process;
	}

	/** Resolves when the process exists; it serves later. */
	async start(): Promise<void> {
		const port = await freePort();
		if (this.ended) return;
		this.port = port;
		const [command, ...args] = this.script.command.map((text) => this.fill(text));
		const child = spawn(command, args, {
			cwd: this.script.cwd,
			env: this.environment(port),
			detached: true,
			stdio: ['ignore', 'pipe', 'pipe'],
		});
		this.child = child;
		for (const stream of [child.stdout, child.stderr])
			createInterface({ input: stream }).on('line', (line) => this.onLine(line));
		child.once('exit', () => {
			if (!this.ended) this.onExit();
		});
		await new Promise<void>((resolve, reject) => {
			child.once('spawn', resolve);
			child.once('error', reject);
		});
	}

	/** Ends the whole group: SIGTERM, then SIGKILL. Resolves when the process is gone. */
	async end(): Promise<void> {
		this.ended = true;
		const { child } = this;
		if (child?.pid === undefined) return;
		if (child.exitCode === null && child.signalCode === null) {
			const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
			this.signal('SIGTERM');
			const last = setTimeout(() => this.signal('SIGKILL'), this.script.graceMs);
			await gone;
			clearTimeout(last);
		}
		// What the process started may still be there.
		this.signal('SIGKILL');
	}

	private signal(name: NodeJS.Signals): void {
		try {
			process.kill(-(this.child?.pid ?? 0), name);
		} catch {
			// Nobody of the group is left.
		}
	}

	/** The Pod's own variables stand over the machine's, those of the test over both, the platform's over all. */
	private environment(port: number): NodeJS.ProcessEnv {
		const env = this.script.env;
		return {
			...process.env,
			PORT: String(port),
			...(this.pod.body.env as Record<string, string> | undefined),
			...Object.fromEntries(Object.entries(env).map(([name, text]) => [name, this.fill(text)])),
			RUNPOD_POD_ID: this.pod.id,
			RUNPOD_API_KEY: this.key,
		};
	}

	private fill(text: string): string {
		return text
			.replaceAll('{pod}', this.pod.id)
			.replaceAll('{port}', String(this.port))
			.replaceAll('{key}', this.key)
			.replaceAll('{url}', this.url);
	}
}

/** A port that is free now: real Pods share one machine here. */
async function freePort(): Promise<number> {
	const server = createServer();
	await new Promise<void>((resolve, reject) => {
		server.once('error', reject);
		server.listen(0, '127.0.0.1', resolve);
	});
	const { port } = server.address() as { port: number };
	await new Promise((resolve) => server.close(resolve));
	return port;
}
