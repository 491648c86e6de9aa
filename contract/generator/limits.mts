/** One row per parameter: what both the n8n fields and the checks of the node are made of. */
import { camel, parameters, type Schema } from './source.mts';

export interface Row {
	name: string;
	parameter: string;
	label: string;
	type: string;
	required: boolean;
	group: 'main' | 'options' | 'own';
	default?: unknown;
	minimum?: number;
	maximum?: number;
	multipleOf?: number;
	minLength?: number;
	maxLength?: number;
	pattern?: string;
	minItems?: number;
	maxItems?: number;
	/** What each entry of a list may be. */
	items?: { type: string } & Partial<Row>;
	/** What an object may hold. */
	properties?: Row[];
	/** What each value of an object with free keys may be. */
	values?: { type: string } & Partial<Row>;
	/** What a text of a given pattern looks like, in words. */
	form?: string;
	enum?: Array<string | number>;
	aliases?: Record<string, string>;
}

const copied = [
	'default',
	'minimum',
	'maximum',
	'multipleOf',
	'minLength',
	'maxLength',
	'pattern',
	'minItems',
	'maxItems',
	'enum',
] as const;

const limitsOf = (part: Schema): Partial<Row> =>
	Object.fromEntries(copied.flatMap((key) => (part[key] === undefined ? [] : [[key, part[key]]])));

export function row(name: string, part: Schema, required: boolean): Row {
	const text = part['x-n8n'];
	if (!text) throw new Error(`The parameter '${name}' has no label under x-n8n`);
	if (typeof part.type !== 'string') throw new Error(`The parameter '${name}' needs one type`);
	const result: Row = {
		name,
		parameter: camel(name),
		label: text.label,
		type: part.type,
		required,
		group: text.group ?? 'main',
	};
	Object.assign(result, limitsOf(part));
	if (part.type === 'array' && typeof part.items?.type === 'string') {
		result.items = { type: part.items.type, ...limitsOf(part.items) };
		// The parts of an entry that is an object, each with its label.
		if (part.items.properties) result.items.properties = rows(part.items);
	}
	if (part.type === 'object' && part.properties) result.properties = rows(part);
	const values = part.additionalProperties;
	if (typeof values === 'object' && typeof values.type === 'string') {
		result.values = { type: values.type, ...limitsOf(values) };
	}
	if (part.pattern !== undefined && part.pattern !== '\\S') result.form = part.description;
	if (text.aliases) result.aliases = text.aliases;
	return result;
}

export function rows(schema: Schema): Row[] {
	return parameters(schema).map(([name, part]) =>
		row(name, part, schema.required?.includes(name) ?? false),
	);
}
