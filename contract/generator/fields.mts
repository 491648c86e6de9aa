/** n8n's form fields, built from the contract the way n8n's own rules want them. */
import { camel, parameters, type Schema } from './source.mts';

type Field = Record<string, unknown>;

/** Values of a dropdown; n8n wants five and more of them sorted by name. */
function options(name: string, part: Schema) {
	const names = part['x-n8n']?.options ?? {};
	const list = (part.enum ?? []).map((value) => {
		const label = names[String(value)];
		if (!label)
			throw new Error(`The value '${value}' of '${name}' has no name under x-n8n.options`);
		return { name: label, value };
	});
	return list.length < 5
		? list
		: list.sort((one, other) => one.name.localeCompare(other.name, 'en'));
}

/** n8n needs a default in every field; without one in the contract nothing is sent until set. */
function emptyValue(part: Schema): unknown {
	if (part.default !== undefined) return part.default;
	if (part.type === 'boolean') return false;
	if (part.type === 'integer' || part.type === 'number') return part.minimum ?? 0;
	return part.enum?.[0] ?? '';
}

/** A description of one sentence goes without its full stop. */
function sentence(text: string): string {
	return /\.\s/.test(text) ? text : text.replace(/\.$/, '');
}

export function field(name: string, part: Schema, required: boolean): Field {
	const text = part['x-n8n'];
	if (!text) throw new Error(`The parameter '${name}' has no label under x-n8n`);
	const number = part.type === 'integer' || part.type === 'number';
	const type = part.enum ? 'options' : number ? 'number' : part.type;
	const typeOptions: Field = {};
	if (part.minimum !== undefined) typeOptions.minValue = part.minimum;
	if (part.maximum !== undefined) typeOptions.maxValue = part.maximum;
	if (number) typeOptions.numberPrecision = part.type === 'integer' ? 0 : 2;
	if (text.rows) typeOptions.rows = text.rows;
	return {
		displayName: text.label,
		name: camel(name),
		type,
		...(required ? { required: true } : {}),
		...(Object.keys(typeOptions).length ? { typeOptions } : {}),
		...(part.enum ? { options: options(name, part) } : {}),
		default: emptyValue(part),
		...(text.placeholder ? { placeholder: text.placeholder } : {}),
		...(part.description ? { description: sentence(part.description) } : {}),
		...(text.hint ? { hint: text.hint } : {}),
	};
}

/**
 * Fields of one route: those in the form in the contract's order, those in "Options" by label. What
 * has no field of its own kind in n8n (files, pairs of numbers) is left to its operation.
 */
export function fields(schema: Schema): { main: Field[]; options: Field[]; parts: Record<string, Field[]> } {
	const all = parameters(schema);
	const build = (entries: Array<[string, Schema]>) =>
		entries.map(([name, part]) => field(name, part, schema.required?.includes(name) ?? false));
	return {
		main: build(all.filter(([, part]) => part['x-n8n']?.group === undefined)),
		options: build(all.filter(([, part]) => part['x-n8n']?.group === 'options')).sort(
			(one, other) => String(one.displayName).localeCompare(String(other.displayName), 'en'),
		),
		// Parameters that are objects, or lists of them: a field for each of their parts.
		parts: Object.fromEntries(
			all
				.map(([name, part]): [string, Schema] => [name, part.items?.properties ? part.items : part])
				.filter(([, part]) => part.properties)
				.map(([name, part]) => [camel(name), build(parameters(part))]),
		),
	};
}
