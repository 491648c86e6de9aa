/** Who imports whom in TypeScript; the worker's rooms are checked by import-linter. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root, trackedFiles } from './tree.mts';

// Other programs are started here: a busy machine needs its time.
jest.setTimeout(300_000);

interface Violation {
	from: string;
	to: string;
	rule: { name: string };
}

interface Summary {
	violations: Violation[];
	totalCruised: number;
	totalDependenciesCruised: number;
}

const folders = [
	'nodes',
	'credentials',
	'index.ts',
	'emulator',
	'test',
	'scripts',
	'contract',
	'bench',
];

function cruise(folder: string): Summary {
	const command = join(root, 'node_modules', '.bin', 'depcruise');
	const there = folders.filter((name) => existsSync(join(folder, name)));
	let text: string;
	try {
		text = execFileSync(
			command,
			['--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...there],
			{
				cwd: folder,
				encoding: 'utf8',
				maxBuffer: 1e8,
				stdio: ['ignore', 'pipe', 'ignore'],
			},
		);
	} catch (error) {
		// Found violations are an exit code, too; the report is complete.
		text = (error as { stdout: string }).stdout;
	}
	return (JSON.parse(text) as { summary: Summary }).summary;
}

const lines = (summary: Summary) =>
	summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);

test('every room imports only what it may', () => {
	const summary = cruise(root);
	// With a compiler that the cruiser does not know it finds nothing, and nothing is wrong with that.
	expect(summary.totalCruised).toBeGreaterThan(50);
	expect(summary.totalDependenciesCruised).toBeGreaterThan(100);
	expect(lines(summary)).toEqual([]);
});

/** One wrong import per rule, so that no rule can stop working unnoticed. */
const wrong: Array<[rule: string, file: string, text: string]> = [
	[
		'contract-and-core-know-types-of-n8n-only',
		'nodes/A/core/a.ts',
		"export { sleep } from 'n8n-workflow';",
	],
	['contract-imports-nothing', 'nodes/A/contract/b.ts', "export { a } from '../core/pure';"],
	['core-is-pure', 'nodes/A/core/c.ts', "export { readFileSync } from 'node:fs';"],
	['transport-knows-no-caller', 'nodes/A/transport/d.ts', "export { r } from '../run/r';"],
	['run-knows-no-operation', 'nodes/A/run/e.ts', "export { o } from '../actions/o.operation';"],
	['actions-use-run', 'nodes/A/actions/f.ts', "export { t } from '../transport/http';"],
	[
		'no-operation-imports-another',
		'nodes/A/actions/g.operation.ts',
		"export { o } from './o.operation';",
	],
	['node-file-only-assembles', 'nodes/A/H.node.ts', "export { a } from './core/pure';"],
	['credentials-stand-alone', 'credentials/i.ts', "export { r } from '../nodes/A/run/r';"],
	[
		'emulator-is-an-independent-witness',
		'emulator/j.mts',
		"export { a } from '../nodes/A/core/pure.ts';",
	],
	[
		'from-outside-means-from-outside',
		'test/e2e/k.mts',
		"export { a } from '../../nodes/A/core/pure.ts';",
	],
	[
		'nothing-published-needs-tools',
		'nodes/A/run/l.ts',
		"export { j } from '../../../emulator/j.mts';",
	],
	['no-circles', 'nodes/A/core/m.ts', "export { n } from './n'; export const m = 1;"],
	['everything-is-found', 'nodes/A/run/q.ts', "export { gone } from './gone';"],
	['index-only-exports', 'index.ts', "export { a } from './nodes/A/core/pure';"],
];

test('every rule catches its own wrong import', () => {
	const folder = mkdtempSync(join(tmpdir(), 'layers-'));
	const write = (file: string, text: string) => {
		mkdirSync(dirname(join(folder, file)), { recursive: true });
		writeFileSync(join(folder, file), text);
	};
	try {
		for (const name of ['.dependency-cruiser.cjs', 'tsconfig.json', 'tsconfig.tools.json']) {
			write(name, readFileSync(join(root, name), 'utf8'));
		}
		write('node_modules/n8n-workflow/package.json', '{"name":"n8n-workflow","main":"index.js"}');
		write('node_modules/n8n-workflow/index.js', 'exports.sleep = () => {};');
		write('nodes/A/core/pure.ts', 'export const a = 1;');
		write('nodes/A/core/n.ts', "export { m } from './m'; export const n = 1;");
		write('nodes/A/run/r.ts', 'export const r = 1;');
		write('nodes/A/transport/http.ts', 'export const t = 1;');
		write('nodes/A/actions/o.operation.ts', 'export const o = 1;');
		for (const [, file, text] of wrong) write(file, text);
		const found = lines(cruise(folder)).map((line) => line.split(' -> ')[0]);
		for (const [rule, file] of wrong) expect(found).toContain(`${rule}: ${file}`);
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
});

test('decisions take clock and chance as arguments', () => {
	const impure = /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.|\brandomUUID\b/;
	const files = trackedFiles().filter((name) => /^nodes\/[^/]+\/core\//.test(name));
	expect(files.length).toBeGreaterThan(3);
	expect(files.filter((name) => impure.test(readFileSync(join(root, name), 'utf8')))).toEqual([]);
});

test("n8n's HTTP functions stand in one file", () => {
	const files = trackedFiles().filter((name) => /^nodes\/.*\.ts$/.test(name));
	const calls = files.filter((name) =>
		/\.\s*(httpRequest|httpRequestWithAuthentication)\b/.test(
			readFileSync(join(root, name), 'utf8'),
		),
	);
	expect(calls.map((name) => name.split('/').slice(-2).join('/'))).toEqual(['transport/http.ts']);
});
