/** What is generated is what the contract says today. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Other programs are started here: a busy machine needs its time.
jest.setTimeout(300_000);

const root = join(__dirname, '..', '..');
const generator = ['contract/generate.mts', '--check'];

function check(folder: string) {
	const tsx = join(root, 'node_modules', '.bin', 'tsx');
	const run = spawnSync(tsx, generator, { cwd: folder, encoding: 'utf8' });
	return { code: run.status, text: run.stdout + run.stderr };
}

test('generated files are not stale', () => {
	const { code, text } = check(root);
	expect(text).toContain('generated files are up to date');
	expect(code).toBe(0);
});

test('a changed default, a changed file and a left-over file are found', () => {
	const copy = mkdtempSync(join(tmpdir(), 'contract-check-'));
	try {
		const parts = [
			'contract',
			'docs/reference',
			'nodes/RunPod/contract',
			'nodes/RunPod/__schema__',
		];
		for (const part of [
			...parts,
			'worker/studio/contract',
			'scripts/setup',
			'package.json',
			'.prettierrc.json',
		]) {
			cpSync(join(root, part), join(copy, part), { recursive: true });
		}
		symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
		expect(check(copy).code).toBe(0);

		const file = join(copy, 'contract', 'routes', 'create.json');
		writeFileSync(file, readFileSync(file, 'utf8').replace('"default": 1152', '"default": 1144'));
		writeFileSync(join(copy, 'docs', 'reference', 'health.md'), 'by hand\n');
		writeFileSync(join(copy, 'docs', 'reference', 'removed.md'), 'an old route\n');
		const { code, text } = check(copy);
		expect(code).toBe(1);
		expect(text).toContain('stale: nodes/RunPod/contract/fields.ts');
		expect(text).toContain('stale: nodes/RunPod/contract/limits.ts');
		expect(text).toContain('stale: docs/reference/create.md');
		expect(text).toContain('stale: docs/reference/health.md');
		if (!text.includes('Skipped the Python models')) {
			expect(text).toContain('stale: worker/studio/contract/create.py');
			expect(text).toContain('not generated any more: docs/reference/removed.md');
		}
	} finally {
		rmSync(copy, { recursive: true, force: true });
	}
});
