/**
 * Runs a command in a process group of its own and ends that group when its starter is gone, however
 * it went: a killed starter cannot clean up, but its channel to this process closes.
 *
 * Usage (by processes.mts only): node guard.mjs <command> [arguments], with an IPC channel.
 */
import { spawn } from 'node:child_process';

/** Time that a program has for an orderly end. */
const GRACE_MS = 8000;

// Detached by the starter, so this process leads the group that its child belongs to.
const child = spawn(process.argv[2], process.argv.slice(3), { stdio: ['ignore', 'inherit', 'inherit'] });
let ending = false;

function end() {
	if (ending) return;
	ending = true;
	// The group gets the signal and with it this process, which stays to see that all end.
	process.kill(-process.pid, 'SIGTERM');
	setTimeout(() => process.kill(-process.pid, 'SIGKILL'), GRACE_MS);
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, end);
process.on('disconnect', end);
child.on('error', (error) => {
	console.error(error.message);
	process.exit(127);
});
child.on('exit', (code, signal) => {
	// Children of the child that outlived it are of no use to anyone.
	ending = true;
	process.removeAllListeners('SIGTERM').on('SIGTERM', () => {});
	process.kill(-process.pid, 'SIGTERM');
	setTimeout(() => process.exit(code ?? (signal ? 128 : 1)), 50);
});
