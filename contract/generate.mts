/**
 * Derives from the contract everything that can be derived: `npm run generate` writes it,
 * `npm run generate:check` fails with the list of files that are not what the contract says.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { docsFiles } from './generator/docs.mts';
import { findPython, pythonMissing } from './generator/interpreter.mts';
import { previewFiles } from './generator/preview.mts';
import { pythonModels, pythonTables } from './generator/python.mts';
import { readContract, repository } from './generator/source.mts';
import { typescriptFiles } from './generator/typescript.mts';

/** Folders in which nothing is written by hand: a file that is not generated any more must go. */
const owned: Record<string, string> = {
	'nodes/RunPod/contract': '.ts',
	'nodes/RunPod/__schema__': '.json',
	'docs/reference': '.md',
	'worker/studio/contract': '.py',
};

function leftOvers(files: Map<string, string>): string[] {
	return Object.entries(owned).flatMap(([folder, ending]) => {
		const path = join(repository, folder);
		if (!existsSync(path)) return [];
		return readdirSync(path, { recursive: true, encoding: 'utf8' })
			.filter((name) => name.endsWith(ending))
			.map((name) => `${folder}/${name}`)
			.filter((name) => !files.has(name));
	});
}

async function main(check: boolean): Promise<number> {
	const contract = readContract();
	const files = new Map([
		...(await typescriptFiles(contract)),
		...previewFiles(contract),
		...docsFiles(contract),
		...pythonTables(contract),
	]);
	const python = findPython();
	const missing = pythonMissing(python);
	if (missing === undefined) {
		for (const [name, text] of pythonModels(contract, python as string)) files.set(name, text);
	} else {
		console.log(`Skipped the Python models of ${contract.routes.length} routes: ${missing}.`);
	}

	const gone = missing === undefined ? leftOvers(files) : [];
	const stale = [...files].filter(([name, text]) => {
		const path = join(repository, name);
		return !existsSync(path) || readFileSync(path, 'utf8') !== text;
	});
	if (check) {
		for (const [name] of stale) console.log(`stale: ${name}`);
		for (const name of gone) console.log(`not generated any more: ${name}`);
		const wrong = stale.length + gone.length;
		console.log(
			wrong
				? `${wrong} files are stale; run: npm run generate`
				: `${files.size} generated files are up to date`,
		);
		return wrong ? 1 : 0;
	}
	for (const [name, text] of stale) {
		mkdirSync(dirname(join(repository, name)), { recursive: true });
		writeFileSync(join(repository, name), text);
		console.log(`wrote ${name}`);
	}
	for (const name of gone) {
		rmSync(join(repository, name));
		console.log(`removed ${name}`);
	}
	console.log(`${files.size} generated files, ${stale.length + gone.length} changed`);
	return missing === undefined ? 0 : 1;
}

process.exitCode = await main(process.argv.includes('--check'));
