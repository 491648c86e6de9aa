/** What package.json promises to n8n and to npm. */
import { read, trackedFiles } from './tree.mts';

const manifest = JSON.parse(read('package.json')) as Record<string, unknown> & {
	devDependencies: Record<string, string>;
	scripts: Record<string, string>;
	n8n: { credentials: string[]; nodes: string[]; strict: boolean; n8nNodesApiVersion: number };
};

test('n8n finds it as a community node', () => {
	expect(manifest.name).toMatch(/^n8n-nodes-/);
	expect(manifest.keywords).toContain('n8n-community-node-package');
	expect(manifest.license).toBe('MIT');
	expect(manifest.version).toMatch(/^[1-9]\d*\.\d+\.\d+/);
	expect(manifest.n8n.n8nNodesApiVersion).toBe(1);
	expect(manifest.n8n.strict).toBe(true);
});

test('it brings nothing along and asks for n8n-workflow alone', () => {
	expect(manifest.dependencies).toBeUndefined();
	expect(manifest.optionalDependencies).toBeUndefined();
	expect(manifest.bundledDependencies ?? manifest.bundleDependencies).toBeUndefined();
	expect(manifest.overrides).toBeUndefined();
	expect(manifest.peerDependencies).toEqual({ 'n8n-workflow': '*' });
	expect(manifest.files).toEqual(['dist']);
});

const libraries = ['n8n-workflow', 'n8n-core', 'axios', 'jest', 'eslint-plugin-n8n-nodes-base'];

test.each(libraries)('%s is a tool of the project', (name) => {
	expect(manifest.devDependencies[name]).toBeDefined();
});

test('tools have exact versions, and none is listed twice', () => {
	for (const [name, version] of Object.entries(manifest.devDependencies)) {
		expect([name, version]).toEqual([name, expect.stringMatching(/^\d+\.\d+\.\d+$/)]);
	}
});

test('installing runs no script', () => {
	const forbidden = [
		'prepare',
		'preinstall',
		'install',
		'postinstall',
		'prepublish',
		'preprepare',
		'postprepare',
	];
	expect(Object.keys(manifest.scripts).filter((name) => forbidden.includes(name))).toEqual([]);
});

test('every node and credential file is registered', () => {
	const sources = trackedFiles().filter((name) => /\.(node|credentials)\.ts$/.test(name));
	const registered = [...manifest.n8n.nodes, ...manifest.n8n.credentials];
	expect(sources.length).toBeGreaterThan(1);
	expect(registered.sort()).toEqual(
		sources.map((name) => `dist/${name.replace(/\.ts$/, '.js')}`).sort(),
	);
});

test('every node has its codex, with the links without which n8n drops it', () => {
	for (const entry of manifest.n8n.nodes) {
		const codex = JSON.parse(read(entry.replace(/^dist\//, '').replace(/\.js$/, '.json'))) as {
			node: string;
			resources: { primaryDocumentation: Array<{ url: string }> };
		};
		expect(codex.node).toMatch(new RegExp(`^${String(manifest.name)}\\.`));
		expect(codex.resources.primaryDocumentation[0].url).toMatch(/^https:\/\//);
	}
});

test('the gulpfile stays a copy of three kinds of files', () => {
	expect(read('gulpfile.js').split('\n').length).toBeLessThanOrEqual(40);
});
