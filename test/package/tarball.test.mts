/** What npm would publish: built from a copy of the sources, packed, unpacked and scanned. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
	cpSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root, trackedFiles } from './tree.mts';

// Other programs are started here: a busy machine needs its time.
jest.setTimeout(300_000);

const needed =
	/^(nodes|credentials)\/|^(index\.ts|gulpfile\.js|package\.json|tsconfig\.json|README\.md|LICENSE|\.npmrc)$/;

/** Files that lie about in such a folder and must never be published. */
const strays = [
	'docs/pictures/screenshot.png',
	'nodes/RunPod/notes.png',
	'worker/demo_set/weights/model.safetensors',
	'worker/demo_set/grid.svg',
	'tsconfig.tsbuildinfo',
	'.env',
];

let folder: string;
let packed: string;
let files: string[];

function run(command: string, ...args: string[]): string {
	const done = spawnSync(command, args, { cwd: folder, encoding: 'utf8', maxBuffer: 1e8 });
	if (done.status !== 0)
		throw new Error(`${command} ${args.join(' ')}: ${done.stdout}${done.stderr}`);
	return done.stdout;
}

beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), 'package-'));
	for (const name of trackedFiles().filter((file) => needed.test(file))) {
		mkdirSync(dirname(join(folder, name)), { recursive: true });
		cpSync(join(root, name), join(folder, name));
	}
	for (const name of strays) {
		mkdirSync(dirname(join(folder, name)), { recursive: true });
		writeFileSync(join(folder, name), 'stray');
	}
	symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
	run('npm', 'run', 'build');
	const [{ filename }] = JSON.parse(run('npm', 'pack', '--json')) as Array<{ filename: string }>;
	run('tar', '-xzf', filename);
	packed = join(folder, 'package');
	files = readdirSync(packed, { recursive: true, withFileTypes: true, encoding: 'utf8' })
		.filter((entry) => entry.isFile())
		.map((entry) => join(entry.parentPath, entry.name).slice(packed.length + 1));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('holds dist, README, LICENSE and package.json, nothing else', () => {
	const outside = files.filter((name) => !name.startsWith('dist/')).sort();
	expect(outside).toEqual(['LICENSE', 'README.md', 'package.json']);
	const inside = files.filter((name) => name.startsWith('dist/'));
	expect(inside.filter((name) => !/^dist\/(index\.|nodes\/|credentials\/)/.test(name))).toEqual([]);
	expect(inside.filter((name) => !/\.(js|js\.map|d\.ts|json|svg)$/.test(name))).toEqual([]);
	expect(inside.filter((name) => /test|demo_set|tsbuildinfo/.test(name))).toEqual([]);
});

test('holds every compiled source, icon, codex and output schema', () => {
	for (const name of trackedFiles().filter((file) => /^(nodes|credentials)\//.test(file))) {
		expect(files).toContain(`dist/${name.replace(/\.ts$/, '.js')}`);
	}
	expect(files.filter((name) => name.endsWith('.svg')).length).toBeGreaterThan(0);
	expect(files.filter((name) => name.includes('__schema__')).length).toBeGreaterThan(1);
});

test('can be loaded with n8n-workflow alone', () => {
	const script = `const p = require('./package'); const names = [];
		for (const file of [...p.n8n.nodes, ...p.n8n.credentials]) names.push(...Object.keys(require('./' + file)));
		console.log(JSON.stringify(names));`;
	const text = execFileSync(process.execPath, ['-e', script], { cwd: packed, encoding: 'utf8' });
	expect(JSON.parse(text)).toEqual(
		expect.arrayContaining(['RunPod', 'RunPodApi', 'RunPodWorkerApi']),
	);
});

function scan(place: string, ...patterns: string[]) {
	const script = join(__dirname, 'scan.mjs');
	const text = execFileSync(process.execPath, [script, place, ...patterns], {
		encoding: 'utf8',
		maxBuffer: 1e8,
		// The lint's plugin takes NODE_ENV=test for a test of its own and forgets the file names.
		env: { ...process.env, NODE_ENV: 'production' },
	});
	return JSON.parse(text) as { passed: boolean; message?: string; details?: string };
}

test("n8n's scan passes on what is packed", () => {
	const verdict = scan(packed, '**/*.js', 'package.json');
	expect(verdict).toEqual({ passed: true });
});

test("n8n's scan passes on the sources", () => {
	const verdict = scan(folder, 'package.json', '{nodes,credentials}/**/*.{js,ts,json}');
	expect(verdict).toEqual({ passed: true });
});

test("n8n's scan is awake", () => {
	writeFileSync(join(packed, 'dist', 'wrong.js'), 'setTimeout(() => console.log(process.env), 1);');
	expect(scan(packed, '**/*.js', 'package.json').passed).toBe(false);
});
