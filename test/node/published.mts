/**
 * What the node sends, against RunPod's published OpenAPI document of the management plane. The
 * document is none of this project's files; its path stands in RUNPOD_OPENAPI.
 */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

const document = process.env.RUNPOD_OPENAPI;

interface Seen {
	method: string;
	path: string;
	status?: number;
	body?: unknown;
}

/** ajv 8 forgets what it has evaluated when an `if` fails: the same in other words. */
function withoutIf(_: string, value: unknown): unknown {
	if (typeof value !== 'object' || value === null || !('unevaluatedProperties' in value))
		return value;
	const { if: condition, then, allOf = [], ...rest } = value as Record<string, unknown>;
	if (condition === undefined) return value;
	return { ...rest, allOf: [...(allOf as unknown[]), { anyOf: [{ not: condition }, then] }] };
}

/** The path of the document that an address belongs to, and its parts. */
function templateOf(paths: object, address: string): string | undefined {
	const parts = address.replace('/management', '').split('/');
	return Object.keys(paths).find((template) => {
		const wanted = template.split('/');
		return (
			wanted.length === parts.length &&
			wanted.every((part, n) => part.startsWith('{') || part === parts[n])
		);
	});
}

function problemsOf(sent: Seen[]): string[] {
	const doc = JSON.parse(readFileSync(document!, 'utf8'), withoutIf) as Record<string, any>;
	const ajv = new Ajv2020({ strict: false, allErrors: true });
	formats.default(ajv);
	ajv.addFormat('uri', true);
	ajv.addSchema(doc, 'published');
	const check = (schema: unknown, value: unknown) => {
		const resolved = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"published#/')) as object;
		const validate = ajv.compile(resolved);
		return validate(value) ? undefined : ajv.errorsText(validate.errors);
	};
	const resolve = (value: Record<string, any>) =>
		value.$ref === undefined
			? value
			: (value.$ref as string)
					.split('/')
					.slice(1)
					.reduce((at: Record<string, any>, key) => at[key], doc);
	return sent.flatMap(({ method, path, body }) => {
		const url = new URL(path, 'http://account');
		const where = `${method} ${path}`;
		const template = templateOf(doc.paths as object, url.pathname);
		const known = template && doc.paths[template][method.toLowerCase()];
		if (!known) return [`${where}: the document has no such call`];
		const shared = (doc.paths[template].parameters ?? []) as Array<Record<string, any>>;
		const parameters = [...shared, ...((known.parameters ?? []) as Array<Record<string, any>>)].map(
			resolve,
		);
		const problems = [...url.searchParams].flatMap(([name, text]) => {
			// A misspelt filter would be ignored, and everything come back.
			const parameter = parameters.find((one) => one.in === 'query' && one.name === name);
			if (parameter === undefined) return [`${where}: there is no parameter ${name}`];
			const tries = [text, Number(text), [text]].map((value) => check(parameter.schema, value));
			return tries.includes(undefined) ? [] : [`${where}: ${name} ${tries[0]}`];
		});
		if (body === undefined) return problems;
		const wrong = check(known.requestBody.content['application/json'].schema, body);
		return wrong === undefined
			? problems
			: [...problems, `${where}: ${JSON.stringify(body)} ${wrong}`];
	});
}

/** Remembers the requests of a file's tests, and checks them when all have run. */
export function published() {
	const sent: Seen[] = [];
	return {
		remember: (requests: Seen[]) => {
			// What a test makes the platform refuse says nothing about the shape.
			sent.push(
				...requests.filter(
					({ path, status }) => path.startsWith('/management/v2/') && status !== 422,
				),
			);
		},
		check: () => {
			if (document === undefined) return;
			const bodies = sent.filter(({ body }) => body !== undefined).length;
			const problems = problemsOf(sent);
			console.info(
				`${sent.length} requests, ${bodies} with a body, were checked against the published document: ${problems.length} refused.`,
			);
			expect(sent.length).toBeGreaterThan(0);
			expect(problems).toEqual([]);
		},
	};
}
