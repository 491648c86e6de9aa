/** The files of the project as git sees them. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(__dirname, '..', '..');

/** Tracked files and new ones that git does not ignore, relative to the root, with forward slashes. */
export function trackedFiles(): string[] {
	const text = execFileSync(
		'git',
		['ls-files', '--cached', '--others', '--exclude-standard', '-z'],
		{
			cwd: root,
			encoding: 'utf8',
			maxBuffer: 1e8,
		},
	);
	return [...new Set(text.split('\0'))]
		.filter((name) => name && existsSync(join(root, name)))
		.sort();
}

export function read(name: string): string {
	return readFileSync(join(root, name), 'utf8');
}

/** Written by a tool, not by hand: lock files and what the contract's generator writes. */
export function isGenerated(name: string): boolean {
	return (
		/(^|\/)package-lock\.json$|\.lock$/.test(name) ||
		/^(nodes\/[^/]+\/(contract|__schema__)|worker\/studio\/contract|docs\/reference)\//.test(name)
	);
}
