/** The compiled package in n8n's own loader: what an instance finds after the install. */
import './environment.mts';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PackageDirectoryLoader } from 'n8n-core';
import type { INodeType } from 'n8n-workflow';
import { NodeHelpers } from 'n8n-workflow';

const root = resolve(__dirname, '../..');
let folder: string;
let loader: PackageDirectoryLoader;

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), 'runpod-studio-loader-'));
	const compiler = join(root, 'node_modules/typescript/bin/tsc');
	execFileSync(process.execPath, [compiler, '-p', root, '--outDir', join(folder, 'dist')]);
	for (const icon of ['runpod.svg', 'runpod.dark.svg']) {
		cpSync(join(root, 'nodes/RunPod', icon), join(folder, 'dist/nodes/RunPod', icon));
	}
	// n8n-workflow is found from the package, as in n8n's own folder.
	symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
	cpSync(join(root, 'package.json'), join(folder, 'package.json'));
	loader = new PackageDirectoryLoader(folder);
	await loader.loadAll();
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the node and its credentials load from the manifest', () => {
	expect(Object.keys(loader.known.nodes)).toEqual(['runPod']);
	expect(Object.keys(loader.known.credentials).sort()).toEqual([
		'runPodApi',
		'runPodStorageApi',
		'runPodWorkerApi',
	]);
	expect(new Set(loader.known.credentials.runPodApi.supportedNodes)).toEqual(new Set(['runPod']));
});

test('icons, codex and lists are there', () => {
	const [node] = loader.types.nodes;
	expect(node.iconUrl).toMatchObject({ light: expect.stringContaining('runpod.svg') });
	expect(node.codex?.categories).toContain('AI');
	expect(node.codex?.alias?.length).toBeGreaterThan(3);
	const { methods, description } = loader.getNode('runPod').type as INodeType;
	const wanted = JSON.stringify(description).matchAll(/"(?:searchList|loadOptions)Method":"(\w+)"/g);
	const known = Object.keys({ ...methods?.listSearch, ...methods?.loadOptions });
	expect(new Set([...wanted].map(([, name]) => name))).toEqual(new Set(known));
});

test('an AI Agent may use it as a tool', () => {
	const [node] = loader.types.nodes;
	expect(node.usableAsTool).toBe(true);
	expect(NodeHelpers.isSubNodeType(node)).toBe(false);
});
