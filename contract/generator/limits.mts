/** One row per parameter: what both the n8n fields and the checks of the node are made of. */
import { camel, parameters, type Schema } from './source.mts';

export interface Row {
	name: string;
	parameter: string;
	label: string;
	type: string;
	required: boolean;
	group: 'main' | 'options';
	default?: unknown;
	minimum?: number;
	maximum?: number;
	multipleOf?: number;
	minLength?: number;
	maxLength?: number;
	pattern?: string;
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
	'enum',
] as const;

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
	for (const keyword of copied) {
		if (part[keyword] !== undefined) Object.assign(result, { [keyword]: part[keyword] });
	}
	if (text.aliases) result.aliases = text.aliases;
	return result;
}

export function rows(schema: Schema): Row[] {
	return parameters(schema).map(([name, part]) =>
		row(name, part, schema.required?.includes(name) ?? false),
	);
}
