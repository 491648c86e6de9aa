/** The contract itself: its examples and limits hold in JSON Schema, its names fit together. */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parameters, readContract, type Schema } from '../../contract/generator/source.mts';
import { vectors } from './vectors.mts';

const contract = readContract();
const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
addFormats.default(ajv);
ajv.addVocabulary(['x-n8n']);

function named(error: ErrorObject): string {
	const { additionalProperty, missingProperty } = error.params as Record<string, string>;
	return additionalProperty ?? missingProperty ?? error.instancePath.split('/')[1];
}

test('there are routes, and each file is named after its route', () => {
	expect(contract.routes.map(({ route }) => route)).toEqual(
		expect.arrayContaining(['create', 'production', 'health']),
	);
	for (const route of contract.routes)
		expect(route.input.properties?.route.const).toBe(route.route);
});

describe.each(contract.routes.map((route) => [route.route, route] as const))(
	'route %s',
	(_, route) => {
		const check: ValidateFunction = ajv.compile(route.input);

		test.each(vectors(route).map((vector) => [vector.name, vector] as const))(
			'%s',
			(_name, vector) => {
				check(vector.input);
				const refused = [...new Set((check.errors ?? []).map(named))];
				expect(refused).toEqual(vector.invalid === undefined ? [] : [vector.invalid]);
			},
		);

		test('has examples that are taken and examples that are refused', () => {
			const good = route.examples.filter(({ invalid }) => invalid === undefined);
			expect(good.length).toBeGreaterThan(0);
			expect(route.examples.length).toBeGreaterThan(good.length);
		});

		test('has an output schema that compiles', () => {
			expect(ajv.compile(route.output)({})).toBe(false);
		});

		test('has a default within its own limits', () => {
			for (const [name, part] of parameters(route.input)) {
				if (part.default === undefined) continue;
				expect([name, ajv.validate(part, part.default)]).toEqual([name, true]);
			}
		});

		test('names each field once, and no sentence of a label', () => {
			const labels = parameters(route.input).map(([, part]) => part['x-n8n']?.label);
			expect(new Set(labels).size).toBe(labels.length);
			for (const label of labels)
				expect(label).toMatch(/^[A-Z][\w-]*( ([A-Z][\w-]*|of|in|on|per|for))*$/);
		});

		test('fails with known codes only', () => {
			expect(route.failures.length).toBeGreaterThan(0);
			for (const code of route.failures) {
				expect(Object.keys(contract.failures)).toContain(code);
				expect(contract.failures[code].raised_by).toContain('worker');
			}
		});
	},
);

test('job options have labels of their own and defaults within their limits', () => {
	const all = parameters(contract.settings);
	const labels = all.map(([, part]) => part['x-n8n']?.label);
	expect(new Set(labels).size).toBe(labels.length);
	for (const [name, part] of all) {
		if (part.default === undefined) continue;
		expect([name, ajv.validate(part as Schema, part.default)]).toEqual([name, true]);
	}
});

test('no label of a job option is the label of a parameter', () => {
	// 'Mode' of Job > Poll Status stands in no form beside a route's parameters.
	const beside = parameters(contract.settings).filter(([name]) => name !== 'poll_mode');
	const options = new Set(beside.map(([, part]) => part['x-n8n']?.label));
	const clashes = contract.routes
		.flatMap((route) => parameters(route.input))
		.map(([, part]) => part['x-n8n']?.label)
		.filter((label) => options.has(label));
	expect(clashes).toEqual([]);
});

test.each(Object.entries(contract.failures))(
	'failure %s says what happened and what to do',
	(_, entry) => {
		expect(contract.categories).toContain(entry.category);
		expect(entry.raised_by.length).toBeGreaterThan(0);
		expect(entry.remedy).toMatch(/\S.*\.$/);
		// A name in braces that is no word could never be filled in.
		for (const brace of entry.message.match(/\{[^}]*\}/g) ?? [])
			expect(brace).toMatch(/^\{[a-z_]+\}$/);
	},
);

test('final states are the four that a job cannot leave', () => {
	const final = Object.entries(contract.job.states).filter(([, state]) => state.final);
	expect(final.map(([name]) => name).sort()).toEqual([
		'CANCELLED',
		'COMPLETED',
		'FAILED',
		'TIMED_OUT',
	]);
});
