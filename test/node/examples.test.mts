/**
 * The example workflows can be imported as they are: each field of ours exists, is shown for its
 * operation, and has a value that the form offers.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type {
	INode,
	INodeProperties,
	INodePropertyCollection,
	INodePropertyOptions,
} from 'n8n-workflow';
import { NodeHelpers } from 'n8n-workflow';
import { RunPod } from '../../nodes/RunPod/RunPod.node.ts';

const { description } = new RunPod();
const OURS = 'n8n-nodes-runpod-studio.runPod';
const folder = resolve(__dirname, '../../examples');

interface Example {
	name: string;
	nodes: INode[];
	connections: Record<string, { main: Array<Array<{ node: string }>> }>;
}
const examples = readdirSync(folder).map((file): [string, Example] => [
	file,
	JSON.parse(readFileSync(join(folder, file), 'utf8')) as Example,
]);
const ours = examples.flatMap(([file, { nodes }]) =>
	nodes
		.filter(({ type }) => type === OURS)
		.map((node): [string, INode] => [`${file}, ${node.name}`, node]),
);

type Entry = INodeProperties | INodePropertyOptions | INodePropertyCollection;
const isExpression = (value: unknown) => typeof value === 'string' && value.startsWith('=');

/** What is wrong with a value, by the path of its field. */
function wrongs(path: string, field: INodeProperties, value: unknown): string[] {
	const options = (field.options ?? []) as Entry[];
	if (isExpression(value)) return [];
	if (field.type === 'collection' || field.type === 'fixedCollection') {
		return Object.entries(value as object).flatMap(([name, inner]) => {
			const option = options.find((one) => one.name === name);
			if (option === undefined) return [`${path}.${name} is not known`];
			if (!('values' in option)) return wrongs(`${path}.${name}`, option as INodeProperties, inner);
			const fields = (option as INodePropertyCollection).values;
			return [inner]
				.flat()
				.flatMap((one) =>
					wrongs(`${path}.${name}`, { ...field, type: 'collection', options: fields }, one),
				);
		});
	}
	if (field.type !== 'options') return [];
	const words = options.map((one) => ('value' in one ? one.value : undefined));
	return words.includes(value as string) ? [] : [`${path} has no option '${String(value)}'`];
}

test('there are examples with nodes of ours', () => expect(ours.length).toBeGreaterThan(10));

test.each(ours)('%s has fields and values of the form', (_name, node) => {
	const { parameters } = node;
	const shown = NodeHelpers.getNodeParameters(
		description.properties,
		parameters,
		true,
		false,
		node,
		description,
	)!;
	expect(Object.keys(parameters).filter((name) => !(name in shown))).toEqual([]);
	const isShown = (field: INodeProperties) =>
		NodeHelpers.displayParameter(shown, field, node, description);
	const found = Object.entries(parameters).flatMap(([name, value]) => {
		const field = description.properties.find((one) => one.name === name && isShown(one))!;
		return wrongs(name, field, value);
	});
	expect(found).toEqual([]);
});

test.each(ours)('%s lacks no credential, and has none that is not asked for', (_name, node) => {
	const shown = NodeHelpers.getNodeParameters(
		description.properties,
		node.parameters,
		true,
		false,
		node,
		description,
	)!;
	const asked = description.credentials!.filter((one) =>
		NodeHelpers.displayParameter(shown, one, node, description),
	);
	const chosen = Object.keys(node.credentials ?? {});
	expect(asked.map(({ name }) => name)).toEqual(expect.arrayContaining(chosen));
	expect(chosen).toEqual(
		expect.arrayContaining(asked.filter(({ required }) => required).map(({ name }) => name)),
	);
	// An ID would be one of somebody else's n8n.
	expect(Object.values(node.credentials ?? {}).map(({ id }) => id)).toEqual(chosen.map(() => ''));
});

test.each(examples)('%s hangs together', (_file, { nodes, connections }) => {
	const names = nodes.map(({ name }) => name);
	expect(new Set(names).size).toBe(names.length);
	const reached = Object.values(connections).flatMap(({ main }) =>
		main.flat().map(({ node }) => node),
	);
	expect(names).toEqual(expect.arrayContaining([...reached, ...Object.keys(connections)]));
	const alone = nodes.filter(
		({ name, type }) => !reached.includes(name) && !/[tT]rigger$|stickyNote$/.test(type),
	);
	expect(alone.map(({ name }) => name)).toEqual([]);
	// Nodes that other nodes are asked for by name.
	for (const [, name] of JSON.stringify(nodes).matchAll(/\$\('([^']+)'\)/g))
		expect(names).toContain(name);
});

test('no two nodes of the examples have one ID', () => {
	const ids = examples.flatMap(([, { nodes }]) => nodes.map(({ id }) => id));
	expect(new Set(ids).size).toBe(ids.length);
});
