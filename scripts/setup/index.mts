/** Everything that demo, tests and screenshots need besides the clone. */
import { prepareN8n } from './n8n.mts';
import { prepareNode24 } from './node24.mts';
import { preparePackage } from './nodePackage.mts';
import { preparePython } from './python.mts';
import { findPython } from './programs.mts';

export interface Prepared {
	/** Path of Node.js 24. */
	node: string;
	/** Folder whose node_modules holds n8n. */
	n8n: string;
	/** Path of the worker environment's python. */
	python: string;
	/** Folder with the files of our package. */
	packed: string;
}

export async function prepare(fresh: boolean): Promise<Prepared> {
	findPython(); // What is missing is told at once, not after minutes of other work.
	const node24 = await prepareNode24(fresh);
	const python = await preparePython(fresh);
	const n8n = await prepareN8n(node24, fresh);
	const packed = await preparePackage(fresh);
	return { node: node24.node, n8n, python, packed };
}
