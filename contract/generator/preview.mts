/** The output schemas that n8n's editor shows before an operation has run for the first time. */
import { type Contract, type RouteSource, type Schema } from './source.mts';

/** Base64 never stays in an item: the file goes into a binary field. */
function simplified(schema: Schema): Schema {
	const { 'x-n8n': _labels, description: _description, required: _required, ...kept } = schema;
	const result: Schema = { ...kept };
	delete result.additionalProperties;
	if (schema.properties) {
		result.properties = Object.fromEntries(
			Object.entries(schema.properties)
				.filter(([, part]) => part.contentEncoding !== 'base64')
				.map(([name, part]) => [name, simplified(part)]),
		);
	}
	if (schema.items) result.items = simplified(schema.items);
	if (schema.const !== undefined) return { type: typeof schema.const };
	return result;
}

/** Several routes behind one operation: the editor shows what any of them gives. */
function merged(schemas: Schema[]): Schema {
	const properties: Record<string, Schema> = {};
	for (const schema of schemas) {
		for (const [name, part] of Object.entries(schema.properties ?? {})) {
			const known = properties[name];
			properties[name] = known?.properties ? merged([known, part]) : (known ?? part);
		}
	}
	return { type: 'object', properties };
}

export function previewFiles(contract: Contract): Map<string, string> {
	const operations = new Map<string, RouteSource[]>();
	for (const route of contract.routes) {
		const place = route['x-n8n'];
		if (!place) continue;
		const key = `${place.resource}/${place.operation}`;
		operations.set(key, [...(operations.get(key) ?? []), route]);
	}
	const item = simplified(contract.job.item);
	const command: Schema = {
		type: 'object',
		properties: { id: { type: 'string' }, status: { type: 'string' } },
	};
	const previews = new Map<string, Schema>([
		['job/cancel', command],
		['job/pollStatus', merged([item])],
		['job/retry', command],
		['job/run', merged([item])],
	]);
	for (const [key, routes] of operations) {
		previews.set(key, merged([...routes.map((route) => simplified(route.output)), item]));
	}
	for (const { resource, outputs } of contract.management) {
		for (const [operation, output] of Object.entries(outputs)) {
			previews.set(`${resource}/${operation}`, simplified(output));
		}
	}
	return new Map(
		[...previews].map(([key, schema]) => [
			`nodes/RunPod/__schema__/v1.0.0/${key}.json`,
			JSON.stringify({ ...schema, version: 1 }, null, 2) + '\n',
		]),
	);
}
