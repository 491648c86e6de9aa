/** Redis and PostgreSQL on free ports of 127.0.0.1, empty, with their files in a folder of their own. */
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loaderPath } from '../setup/databases.mts';
import type { Databases } from '../setup/databases.mts';
import { tool } from '../setup/progress.mts';
import { freePort } from './ports.mts';
import { start } from './processes.mts';

const READY_MS = 60_000;

export interface RunningDatabases {
	/** n8n's own settings for queue mode with these two. */
	environment: Record<string, string>;
	/** Removes the files; the processes end with stopAll(). */
	remove: () => void;
}

export async function startDatabases(found: Databases): Promise<RunningDatabases> {
	const folder = mkdtempSync(join(tmpdir(), 'studio-databases-'));
	// Another user than its owner passes through the folder (see below).
	chmodSync(folder, 0o711);
	const programs = readable(found, folder);
	const password = randomBytes(18).toString('hex');
	const env = { ...process.env, ...loaderPath(programs) };
	const [redis, postgres] = await Promise.all([
		startRedis(programs, folder, password, env),
		startPostgres(programs, folder, password, env),
	]);
	return {
		environment: {
			EXECUTIONS_MODE: 'queue',
			QUEUE_BULL_REDIS_HOST: '127.0.0.1',
			QUEUE_BULL_REDIS_PORT: String(redis),
			QUEUE_BULL_REDIS_PASSWORD: password,
			DB_TYPE: 'postgresdb',
			DB_POSTGRESDB_HOST: '127.0.0.1',
			DB_POSTGRESDB_PORT: String(postgres),
			DB_POSTGRESDB_DATABASE: 'postgres',
			DB_POSTGRESDB_USER: 'n8n',
			DB_POSTGRESDB_PASSWORD: password,
		},
		remove: () => rmSync(folder, { recursive: true, force: true }),
	};
}

async function startRedis({ redis }: Databases, folder: string, password: string, env: NodeJS.ProcessEnv): Promise<number> {
	const port = await freePort();
	const settings = { port: String(port), bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no', requirepass: password };
	const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
	const log = join(folder, 'redis.log');
	await start({ name: 'Redis', command: redis, args, env, log }).line(/Ready to accept connections/, READY_MS);
	return port;
}

/** PostgreSQL refuses to run as root: then it runs as a user without rights. */
async function startPostgres(programs: Databases, folder: string, password: string, env: NodeJS.ProcessEnv): Promise<number> {
	const own = join(folder, 'postgres');
	const [data, word] = [join(own, 'data'), join(own, 'password')];
	mkdirSync(own, { mode: 0o700 });
	writeFileSync(word, password);
	const before = isRoot() ? asOther(own, word) : [];
	const program = (name: string): string[] => [...before, join(programs.postgres, name)];
	const [initdb, ...first] = program('initdb');
	const options = ['-D', data, '-U', 'n8n', '-A', 'scram-sha-256', '--pwfile', word, '-E', 'UTF8', '--no-locale', '--no-sync'];
	await tool(initdb, [...first, ...options], { cwd: own, env, failed: 'PostgreSQL could not make its database.' });
	const port = await freePort();
	const settings = {
		port: String(port),
		listen_addresses: '127.0.0.1',
		unix_socket_directories: '',
		fsync: 'off',
		// In files of the folder: nothing stays in the system's memory when it is killed.
		dynamic_shared_memory_type: 'mmap',
	};
	const [command, ...args] = program('postgres');
	for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`);
	const log = join(folder, 'postgres.log');
	const running = start({ name: 'PostgreSQL', command, args: [...args, '-D', data], env, cwd: own, log });
	await running.line(/ready to accept connections/, READY_MS);
	return port;
}

const isRoot = (): boolean => process.getuid?.() === 0;

/** The words that start a command as another user, who then owns the given files. */
function asOther(...files: string[]): string[] {
	const users = readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':'));
	const other = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody') ?? [];
	const [, , uid, gid] = other;
	for (const file of files) chownSync(file, Number(uid), Number(gid));
	return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
}

/** The cache of root is closed to other users: the programs then run from a copy. */
function readable(programs: Databases, folder: string): Databases {
	const { unpacked } = programs;
	if (!unpacked || !isRoot()) return programs;
	const copy = join(folder, 'programs');
	cpSync(unpacked, copy, { recursive: true, verbatimSymlinks: true });
	const moved = (path: string): string => (path.startsWith(unpacked) ? copy + path.slice(unpacked.length) : path);
	return { redis: moved(programs.redis), postgres: moved(programs.postgres), unpacked: copy };
}
