/** The node's form and its check of values say what the contract says. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { INodeProperties, INodePropertyCollection, INodePropertyOptions } from 'n8n-workflow';
import { camel, parameters, readContract, type Schema } from '../../contract/generator/source.mts';
import { limits } from '../../nodes/RunPod/contract/limits.ts';
import type { Route } from '../../nodes/RunPod/contract/routes.ts';
import { buildInput, problemOf } from '../../nodes/RunPod/core/request.ts';
import { RunPod } from '../../nodes/RunPod/RunPod.node.ts';
import { minimal, vectors } from './vectors.mts';

const contract = readContract();
const form = new RunPod().description.properties;
const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);

type Entry = INodeProperties | INodePropertyOptions | INodePropertyCollection;

/** The form and, one level down, what its collections offer; with the conditions of both levels. */
function fieldsFor(shown: Record<string, string>): INodeProperties[] {
	const visible = (field: INodeProperties) =>
		Object.entries(shown).every(([name, value]) => {
			const values = field.displayOptions?.show?.[name];
			return values === undefined || values.includes(value);
		});
	const isField = (entry: Entry): entry is INodeProperties =>
		'displayName' in entry && 'type' in entry;
	return form.filter(visible).flatMap((field) => {
		return field.type === 'collection' ? (field.options ?? []).filter(isField) : [field];
	});
}

function expectField(field: INodeProperties, part: Schema) {
	expect(field.displayName).toBe(part['x-n8n']?.label);
	if (part.default !== undefined) expect(field.default).toBe(part.default);
	expect(field.typeOptions?.minValue).toBe(part.minimum);
	expect(field.typeOptions?.maxValue).toBe(part.maximum);
	if (part.enum) {
		const values = (field.options as INodePropertyOptions[]).map(({ value }) => value);
		expect([...values].sort()).toEqual([...part.enum].sort());
	}
}

const offered = contract.routes.flatMap((route) =>
	route['x-n8n'] ? [[route.route, route, route['x-n8n']] as const] : [],
);

test('the node offers routes', () => expect(offered.length).toBeGreaterThan(1));

describe.each(offered)('form of route %s', (name, route, { resource, operation }) => {
	const generated = parameters(route.input).filter(([, part]) => part['x-n8n']?.group !== 'own');
	if (generated.length === 0) return;

	test.each(generated)('%s', (parameter, part) => {
		const found = fieldsFor({ resource, operation, route: name }).filter(
			(field) => field.name === camel(parameter),
		);
		expect(found.map((field) => field.name)).toEqual([camel(parameter)]);
		expectField(found[0], part);
	});
});

test.each(parameters(contract.settings))('job option %s', (name, part) => {
	const found = form
		.flatMap((field): Entry[] => [
			field,
			...(field.type === 'collection' ? (field.options ?? []) : []),
		])
		.filter((entry): entry is INodeProperties => 'type' in entry && entry.name === camel(name));
	expect(found.length).toBeGreaterThan(0);
	for (const field of found) expectField(field, part);
});

const managed = contract.management.flatMap(({ resource, fields }) =>
	parameters(fields)
		.filter(([, part]) => part['x-n8n']?.group !== 'own')
		.map(([name, part]) => [resource, name, part] as const),
);

test.each(managed)('field of %s: %s', (resource, name, part) => {
	const found = form
		.filter((field) => field.displayOptions?.show?.resource?.includes(resource))
		.flatMap((field): Entry[] => [
			field,
			...(field.type === 'collection' ? (field.options ?? []) : []),
		])
		.filter((entry): entry is INodeProperties => 'type' in entry && entry.name === camel(name));
	expect(found.length).toBeGreaterThan(0);
	// The image that Update offers has no default: what is not added stays as it is.
	for (const field of found) if (field.default !== '') expectField(field, part);
});

describe.each(contract.routes.map((route) => [route.route as Route, route] as const))(
	'check of route %s',
	(name, route) => {
		const check = ajv.compile(route.input);

		test.each(vectors(route).map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
			const table = new Map(limits[name].map((limit) => [limit.name, limit]));
			const refused = Object.entries(vector.input)
				.filter(([parameter]) => parameter !== 'route')
				.filter(([parameter, value]) => {
					const limit = table.get(parameter);
					return limit === undefined || problemOf(limit, value) !== undefined;
				})
				.map(([parameter]) => parameter);
			const missing = limits[name]
				.filter((limit) => limit.required && !(limit.name in vector.input))
				.map((limit) => limit.name);
			expect([...refused, ...missing]).toEqual(
				vector.invalid === undefined ? [] : [vector.invalid],
			);
		});

		test.each(vectors(route).map((vector) => [vector.name, vector] as const))(
			'nothing that the worker refuses is submitted: %s',
			(_, vector) => {
				const values = Object.fromEntries(
					Object.entries(vector.input).map(([key, value]) => [camel(key), value]),
				);
				let built: Record<string, unknown> | undefined;
				try {
					built = buildInput(name, values);
				} catch (error) {
					expect(error).toMatchObject({ failure: { code: 'INVALID_INPUT' } });
				}
				if (built) expect([built, check(built), check.errors]).toEqual([built, true, null]);
				if (vector.invalid === undefined && values.topK === undefined) expect(built).toBeDefined();
			},
		);

		test('another word for a value is replaced', () => {
			for (const limit of limits[name]) {
				for (const [word, value] of Object.entries(limit.aliases ?? {})) {
					const built = buildInput(name, { ...minimal(route), [limit.parameter]: word });
					expect(built[limit.name]).toBe(value);
				}
			}
		});
	},
);
