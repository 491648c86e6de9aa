/** One stage of the tests: a program that runs, and what it counted. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { say } from '../setup/progress.mts';
import { repository } from '../setup/places.mts';

export interface Result {
	passed: number;
	failed: number;
	/** One sentence for each test that was skipped. */
	skipped: string[];
}

export interface Stage {
	name: string;
	run: () => Promise<Result>;
}

export interface Outcome extends Result {
	name: string;
	seconds: number;
}

/** No stage may take longer: something hangs then, and the rest shall still be told. */
const LIMIT_MS = 15 * 60_000;

/** Runs a program in the repository with its output on the terminal; returns its exit code. */
export async function program(command: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
	const guard = join(repository, 'scripts', 'running', 'guard.mjs');
	const child = spawn(process.execPath, [guard, command, ...args], {
		cwd: repository,
		env: { ...process.env, ...env },
		detached: true,
		stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
	});
	const timer = setTimeout(() => {
		say(`Stopped after ${LIMIT_MS / 60_000} minutes.`);
		child.disconnect();
	}, LIMIT_MS);
	try {
		return await new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
	} finally {
		clearTimeout(timer);
	}
}

/** A stage whose program says yes or no. */
export function check(name: string, command: string, args: string[], env: () => NodeJS.ProcessEnv = () => ({})): Stage {
	return {
		name,
		run: async () => {
			const good = (await program(command, args, env())) === 0;
			return { passed: good ? 1 : 0, failed: good ? 0 : 1, skipped: [] };
		},
	};
}

/** Runs the stages in order, all of them; one that cannot run counts as failed. */
export async function runStages(stages: Stage[]): Promise<Outcome[]> {
	const outcomes: Outcome[] = [];
	for (const stage of stages) {
		const started = Date.now();
		say(`== ${stage.name}`);
		let result: Result;
		try {
			result = await stage.run();
		} catch (error) {
			console.error(error instanceof Error ? error.message : error);
			result = { passed: 0, failed: 1, skipped: [] };
		}
		outcomes.push({ name: stage.name, seconds: (Date.now() - started) / 1000, ...result });
	}
	return outcomes;
}

/** Prints the table of stages; its last line is `N passed, N failed`. Returns the exit code. */
export function summarize(outcomes: Outcome[]): number {
	const sum = (of: (one: Outcome) => number): number => outcomes.reduce((total, one) => total + of(one), 0);
	const width = Math.max(...outcomes.map((one) => one.name.length));
	console.log('');
	for (const one of outcomes) {
		const mark = one.failed > 0 ? 'FAILED' : 'ok';
		const skipped = one.skipped.length > 0 ? `, ${one.skipped.length} skipped` : '';
		console.log(
			`${one.name.padEnd(width)}  ${mark.padEnd(6)}  ${one.seconds.toFixed(1).padStart(6)} s  ${one.passed} passed, ${one.failed} failed${skipped}`,
		);
		for (const sentence of one.skipped) console.log(`${' '.repeat(width)}  skipped: ${sentence}`);
	}
	const failed = sum((one) => one.failed);
	const passed = sum((one) => one.passed);
	console.log(`\n${sum((one) => one.seconds).toFixed(0)} s in all`);
	console.log(`${passed} passed, ${failed} failed`);
	// Nothing that passed means that nothing was tested.
	return failed === 0 && passed > 0 ? 0 : 1;
}
