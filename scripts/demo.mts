/**
 * npm run demo: a real n8n with this package, a real worker on the CPU, and a first image.
 *
 *   npm run demo -- --once     ends after the first image
 *   npm run demo -- --fresh    prepares everything anew and forgets the demo's n8n
 *   npm run demo -- --port N   port of the editor (default: a free one)
 */
import { parseArgs } from 'node:util';
import { startDemo } from './running/demo.mts';
import { withCleanEnd } from './running/processes.mts';
import { explain, Remedy } from './setup/remedy.mts';

function options(args: string[]): { once: boolean; fresh: boolean; port: number } {
	try {
		const { values } = parseArgs({
			args,
			options: { once: { type: 'boolean' }, fresh: { type: 'boolean' }, port: { type: 'string' } },
		});
		const port = Number(values.port ?? 0);
		if (!Number.isInteger(port) || port < 0 || port > 65535) throw new Error(`'${values.port}' is no port.`);
		return { once: values.once ?? false, fresh: values.fresh ?? false, port };
	} catch (error) {
		throw new Remedy(`${(error as Error).message} Known options: --once, --fresh, --port NUMBER.`);
	}
}

export async function main(args: string[]): Promise<void> {
	await withCleanEnd(async (stopped) => {
		try {
			const { once, fresh, port } = options(args);
			const demo = await startDemo({ fresh, port });
			console.log(`
The first image: ${demo.image}
It was made by a small demo model that was trained for this repository: it draws single objects on
plain grounds. On a GPU the same worker serves Playground v2.5.
`);
			if (once) return 0;
			console.log(`Type a sentence, get the picture:  ${demo.form}
n8n's editor, with the workflow:   ${demo.editor}
    e-mail:   ${demo.login.email}
    password: ${demo.login.password}

Ctrl-C ends n8n and the worker.`);
			await stopped;
			console.log('\nEnding n8n and the worker ...');
			return 0;
		} catch (error) {
			console.error(`\n${explain(error)}`);
			return 1;
		}
	});
}
