/**
 * Entries of the cache are complete or absent: each is built in a folder beside its place and then
 * renamed. The name carries a hash of everything that decides its content, so a changed lock file
 * makes a new entry and never mends an old one.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './places.mts';
import { say, step } from './progress.mts';
import { Remedy } from './remedy.mts';

export interface Entry {
	name: string;
	title: string;
	/** How large it is and how long it takes, for those who wait. */
	cost?: string;
	/** Files whose content decides the entry. */
	files: string[];
	/** Further facts that decide it, e.g. the platform. */
	facts?: string[];
	/** Free space that building it takes, in GB. */
	gigabytes: number;
	/** Builds into `folder`, which then becomes `place`: for files that carry their own path. */
	build: (folder: string, place: string) => Promise<void>;
}

export function keyOf(files: string[], facts: string[] = []): string {
	const hash = createHash('sha256');
	for (const file of files) hash.update(readFileSync(file)).update('\0');
	for (const fact of facts) hash.update(fact).update('\0');
	return hash.digest('hex').slice(0, 12);
}

/** The folder of an entry, built first when it is absent or `fresh` asks for a new one. */
export async function entry(wanted: Entry, fresh: boolean): Promise<string> {
	const root = cacheFolder();
	const place = join(root, `${wanted.name}-${keyOf(wanted.files, wanted.facts)}`);
	if (existsSync(place) && !fresh) {
		say(`${wanted.title}: found in the cache`);
		return place;
	}
	mkdirSync(root, { recursive: true });
	removeLeftovers(root);
	requireSpace(root, wanted.gigabytes, wanted.title);

	const beside = join(root, `.building-${process.pid}-${wanted.name}`);
	mkdirSync(beside);
	try {
		await step(wanted.cost ? `${wanted.title} (${wanted.cost})` : wanted.title, () => wanted.build(beside, place));
		const old = join(root, `.building-${process.pid}-old`);
		if (existsSync(place)) renameSync(place, old);
		renameSync(beside, place);
		rmSync(old, { recursive: true, force: true });
	} finally {
		rmSync(beside, { recursive: true, force: true });
	}
	return place;
}

/** Folders that a killed set-up left behind; those of living processes stay. */
function removeLeftovers(root: string): void {
	for (const name of readdirSync(root)) {
		const pid = /^\.building-(\d+)-/.exec(name)?.[1];
		if (pid && !isAlive(Number(pid))) rmSync(join(root, name), { recursive: true, force: true });
	}
}

export function isAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
}

/** Throws a sentence with the remedy when the disk of `folder` has less free space. */
export function requireSpace(folder: string, gigabytes: number, title: string): void {
	const { bavail, bsize } = statfsSync(folder);
	const free = (bavail * bsize) / 1e9;
	if (free < gigabytes) {
		throw new Remedy(
			`${title} needs ${gigabytes} GB of free disk space in ${folder}, but there are ${free.toFixed(1)} GB. ` +
				'Free some space, or name a folder on another disk with the environment variable STUDIO_CACHE.',
		);
	}
}
