/** The output schemas that the editor shows before the first run. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { INodePropertyOptions } from 'n8n-workflow';
import { readContract } from '../../contract/generator/source.mts';
import type { Schema } from '../../contract/generator/source.mts';
import { RunPod } from '../../nodes/RunPod/RunPod.node.ts';

const folder = join(__dirname, '..', '..', 'nodes', 'RunPod', '__schema__', 'v1.0.0');
const form = new RunPod().description.properties;
const operations = form
	.filter(({ name }) => name === 'operation')
	.flatMap((field) =>
		(field.options as INodePropertyOptions[]).map(({ value }) => [
			`${String(field.displayOptions?.show?.resource?.[0])}/${String(value)}`,
		]),
	);

const schemaOf = (operation: string) =>
	JSON.parse(readFileSync(join(folder, `${operation}.json`), 'utf8')) as Schema;

function keys(schema: Schema): string[] {
	return Object.entries(schema.properties ?? {}).flatMap(([name, part]) => [
		name,
		...keys(part),
		...(part.items ? keys(part.items) : []),
	]);
}

/** What RunPod's management API serves has no job behind it. */
const isManaged = (operation: string) =>
	readContract().management.some(({ resource }) => operation.startsWith(`${resource}/`));

test.each(readContract().management)('the contract knows the items of $resource', (source) => {
	const known = Object.keys(source.outputs).map((name) => `${source.resource}/${name}`);
	const offered = operations.flat().filter((name) => name.startsWith(`${source.resource}/`));
	expect(known.sort()).toEqual(offered.sort());
});

test('the node has operations', () => expect(operations.length).toBeGreaterThan(1));

test.each(operations)('%s has one', (operation) => {
	expect(existsSync(join(folder, `${operation}.json`))).toBe(true);
	if (isManaged(operation)) return;
	// Cancel and Retry hand on the platform's answer alone.
	const isCommand = ['job/cancel', 'job/retry'].includes(operation);
	expect(Object.keys(schemaOf(operation).properties ?? {})).toEqual(
		expect.arrayContaining(isCommand ? ['id', 'status'] : ['job', 'files', 'timeline']),
	);
});

test('that of image/generate shows what both routes give, without base64', () => {
	const schema = schemaOf('image/generate');
	expect(keys(schema)).toEqual(
		expect.arrayContaining(['aesthetic_score', 'score_model', 'upscaler', 'final_width', 'seed']),
	);
	expect(keys(schema)).not.toContain('image');
	expect(JSON.stringify(schema)).not.toMatch(/base64|x-n8n|"const"/);
});
