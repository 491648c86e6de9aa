/**
 * The programs of Redis and PostgreSQL, for n8n in queue mode. Installed ones are used; else Debian's
 * packages are unpacked into the cache, which needs no rights and changes nothing on the machine.
 */
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { entry, keyOf } from './cache.mts';
import { cacheFolder } from './places.mts';
import { which } from './programs.mts';
import { say, tool } from './progress.mts';

const PACKAGES = ['redis-server', 'postgresql'];
export const databasesMissing = `Redis and PostgreSQL were not found: install Debian's packages ${PACKAGES.join(' and ')}`;

export interface Databases {
	/** Path of redis-server. */
	redis: string;
	/** Folder with initdb and postgres. */
	postgres: string;
	/** Unpacked packages that the programs come from, with their libraries; undefined for installed ones. */
	unpacked?: string;
}

const NAME = 'databases';
const OS_RELEASE = '/etc/os-release';
const facts = (): string[] => [process.arch, ...PACKAGES];

export function findDatabases(): Databases | undefined {
	const redis = which('redis-server');
	const postgres = postgresIn('/') ?? folderOf(which('initdb'));
	if (redis && postgres) return { redis, postgres };
	if (!existsSync(OS_RELEASE)) return undefined;
	const unpacked = join(cacheFolder(), `${NAME}-${keyOf([OS_RELEASE], facts())}`);
	const [own, ownPostgres] = [join(unpacked, 'usr/bin/redis-server'), postgresIn(unpacked)];
	const isComplete = (redis ?? existsSync(own)) && (postgres ?? ownPostgres);
	return isComplete ? { redis: redis ?? own, postgres: postgres ?? ownPostgres ?? '', unpacked } : undefined;
}

/** Debian keeps PostgreSQL's programs out of PATH, by version. */
function postgresIn(root: string): string | undefined {
	const versions = join(root, 'usr', 'lib', 'postgresql');
	if (!existsSync(versions)) return undefined;
	const folders = readdirSync(versions).map((version) => join(versions, version, 'bin'));
	return folders.filter((folder) => existsSync(join(folder, 'initdb'))).sort().at(-1);
}

const folderOf = (program: string | undefined): string | undefined => program && dirname(realpathSync(program));

/** Unpacks what is missing. Where that cannot be done the tests that need it are skipped with a sentence. */
export async function provideDatabases(fresh: boolean): Promise<void> {
	const aptGet = which('apt-get');
	if (findDatabases() || !aptGet || !existsSync(OS_RELEASE)) return;
	try {
		await entry(
			{
				name: NAME,
				title: 'Redis and PostgreSQL of Debian for the tests of queue mode',
				cost: '0.2 GB, half a minute',
				files: [OS_RELEASE],
				facts: facts(),
				gigabytes: 0.6,
				build: (folder) => unpack(aptGet, folder),
			},
			fresh,
		);
	} catch (error) {
		say((error as Error).message.split('\n')[0]);
	}
}

/** Package lists and downloads lie in the folder, too: the system's own stay untouched. */
async function unpack(aptGet: string, folder: string): Promise<void> {
	const apt = join(folder, 'apt');
	mkdirSync(join(apt, 'lists', 'partial'), { recursive: true });
	mkdirSync(join(apt, 'archives', 'partial'), { recursive: true });
	const places = [`Dir::State::lists=${apt}/lists`, `Dir::Cache=${apt}`, 'Debug::NoLocking=1', 'APT::Sandbox::User='];
	const options = places.flatMap((place) => ['-o', place]);
	const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
	await tool(aptGet, [...options, 'update'], { env, failed: "Debian's package lists could not be fetched." });
	const install = ['install', '--download-only', '--yes', '--no-install-recommends', ...PACKAGES];
	await tool(aptGet, [...options, ...install], { env, failed: `Debian's packages ${PACKAGES} could not be fetched.` });
	for (const name of readdirSync(join(apt, 'archives')).filter((file) => file.endsWith('.deb'))) {
		const failed = `${name} could not be unpacked.`;
		await tool('dpkg-deb', ['--extract', join(apt, 'archives', name), folder], { failed });
	}
	rmSync(apt, { recursive: true });
}

/** Where the loader finds the libraries of unpacked programs. */
export function loaderPath({ unpacked }: Databases): NodeJS.ProcessEnv {
	if (!unpacked) return {};
	const all = join(unpacked, 'usr', 'lib');
	const own = readdirSync(all).filter((name) => name.endsWith('-linux-gnu'));
	return { LD_LIBRARY_PATH: own.map((name) => join(all, name)).join(':') };
}
