/** What the demo keeps between its runs: n8n's user folder, the login and the IDs of what it stored there. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, keyOf } from '../setup/cache.mts';
import { cacheFolder, locks } from '../setup/places.mts';
import { Remedy } from '../setup/remedy.mts';
import type { Login } from './n8nClient.mts';

interface Memory {
	login: Login;
	credential?: string;
	/** By name of the example: ID in n8n and hash of the file that it was made from. */
	workflows: Record<string, { id: string; hash: string }>;
}

export interface DemoFolder {
	folder: string;
	memory: Memory;
	/** IDs of the workflows that were stored by an earlier run of the demo. */
	earlier: Set<string>;
	save: () => void;
	release: () => void;
}

/** One folder per version of n8n, because an older n8n cannot read a newer one's database. */
export function openDemoFolder(fresh: boolean): DemoFolder {
	const folder = join(cacheFolder(), `demo-${keyOf([join(locks.n8n, 'package-lock.json')])}`);
	const lock = join(folder, 'running.pid');
	const other = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0;
	if (other && other !== process.pid && isAlive(other)) {
		throw new Remedy(
			`A demo is running already (process ${other}). Use that one, end it with Ctrl-C, or give this one a folder of its own with STUDIO_CACHE.`,
		);
	}
	if (fresh) rmSync(folder, { recursive: true, force: true });
	mkdirSync(folder, { recursive: true, mode: 0o700 });
	writeFileSync(lock, String(process.pid));

	const file = join(folder, 'demo.json');
	const memory: Memory = existsSync(file)
		? (JSON.parse(readFileSync(file, 'utf8')) as Memory)
		: {
				// n8n wants a capital letter and a digit.
				login: { email: 'demo@example.com', password: `Demo1-${randomBytes(6).toString('base64url')}` },
				workflows: {},
			};
	const save = (): void => writeFileSync(file, JSON.stringify(memory, null, '\t'), { mode: 0o600 });
	save();
	return { folder, memory, earlier: new Set(), save, release: () => rmSync(lock, { force: true }) };
}

export function hashOf(value: unknown): string {
	return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}
