/** No process outlives the command that started it, however that command ends. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from '../../scripts/setup/cache.mts';
import { start } from '../../scripts/running/processes.mts';
import { repository } from '../../scripts/setup/places.mts';

jest.setTimeout(120_000);

/** A program with a child of its own that ignores polite requests; it tells both process IDs. */
const STUBBORN = `
const { spawn } = require('node:child_process');
const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)']);
process.on('SIGTERM', () => {});
setInterval(() => {}, 1000);
console.log('pids', process.pid, child.pid, 'ready');
`;

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'studio-processes-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const PIDS = /pids (\d+) (\d+) ready/;
const numbers = ([, ...all]: RegExpExecArray): number[] => all.map(Number);

async function gone(all: number[]): Promise<boolean> {
	for (let round = 0; round < 400 && all.some(isAlive); round++) await sleep(100);
	return !all.some(isAlive);
}

it('stop() ends a program and its children, also when they ignore the request', async () => {
	const log = join(folder, 'log');
	const running = start({ name: 'P', command: process.execPath, args: ['-e', STUBBORN], env: process.env, log });
	const all = numbers(await running.line(PIDS, 60_000));
	expect(all.every(isAlive)).toBe(true);
	await running.stop();
	expect(await gone(all)).toBe(true);
});

it('a starter that is killed hard leaves nothing behind', async () => {
	const log = join(folder, 'log');
	const script = join(repository, 'test', 'e2e', 'orphan.mts');
	const args = ['--import', 'tsx', script, log, process.execPath, '-e', STUBBORN];
	const starter = spawn(process.execPath, args, { cwd: repository, stdio: ['ignore', 'pipe', 'inherit'] });
	const told = await new Promise<Buffer>((resolve) => starter.stdout.once('data', resolve));
	const all = numbers(PIDS.exec(String(told)) as RegExpExecArray);
	expect(all.every(isAlive)).toBe(true);
	starter.kill('SIGKILL');
	expect(await gone(all)).toBe(true);
});

it('a program that ends before it is ready is told with its last words', async () => {
	const log = join(folder, 'log');
	const args = ['-e', 'console.error("no such model"); process.exit(3)'];
	const running = start({ name: 'The worker', command: process.execPath, args, env: process.env, log });
	await expect(running.line(/listening/, 60_000)).rejects.toThrow(/The worker ended with 3[^]*no such model/);
});
