/** Models, modes and texts of captions: for the node's dropdowns, the worker's prompts and the docs. */
import { camel, type CaptionSource, type CaptionVariant } from './source.mts';

const print = (value: unknown) => JSON.stringify(value);
const union = (words: string[]) => words.map(print).join(' | ');

/** The modes of a variant: its own, else those of its family, else all of the instruction followers. */
function modesOf(source: CaptionSource, model: string, variant: CaptionVariant) {
	return variant.modes ?? source.models[model].modes ?? source.modes;
}

const choice = ([value, { title }]: [string, { title: string }]) => ({ name: title, value });

/** Sorted as n8n wants long lists, the default first. */
function choices(texts: Record<string, { title: string }>) {
	const first = (value: string) => (value === 'default' ? 0 : 1);
	return Object.entries(texts)
		.map(choice)
		.sort(
			(one, other) =>
				first(one.value) - first(other.value) || one.name.localeCompare(other.name, 'en'),
		);
}

export function captionTypescript(source: CaptionSource): string {
	const models = Object.entries(source.models).map(([model, entry]) => {
		const variants = entry.variants.map((variant) => ({
			name: variant.title,
			value: variant.name,
			modes: Object.keys(modesOf(source, model, variant)),
		}));
		const union = Object.assign({}, ...entry.variants.map((v) => modesOf(source, model, v)));
		const generation = Object.fromEntries(
			Object.entries(entry.generation).map(([name, value]) => [camel(name), value]),
		);
		return `${print(model)}: ${print({
			name: entry.title,
			description: entry.description,
			followsInstructions: entry.follows_instructions,
			defaultVariant: entry.default_variant,
			variants,
			modes: choices(union),
			generation,
		})}`;
	});
	return `export type CaptionModel = ${union(Object.keys(source.models))};

export interface CaptionChoice {
	readonly name: string;
	readonly value: string;
}

export interface CaptionModelText {
	readonly name: string;
	readonly description: string;
	/** Only such a model takes extra instructions, and a length other than any. */
	readonly followsInstructions: boolean;
	readonly defaultVariant: string;
	/** \`modes\` names those of this variant alone. */
	readonly variants: ReadonlyArray<CaptionChoice & { readonly modes: readonly string[] }>;
	/** Modes of all its variants. */
	readonly modes: readonly CaptionChoice[];
	/** Defaults of 'generation_params', by their names in n8n. */
	readonly generation: Readonly<Record<string, number>>;
}

export const captionModels: Readonly<Record<CaptionModel, CaptionModelText>> = { ${models.join(', ')} };

/** Extra instructions. Names in braces are filled from 'prompt_variables'. */
export const captionOptions: readonly CaptionChoice[] = ${print(choices(source.options))};

/** Names of variables that an extra instruction needs, by the instruction. */
export const captionVariables: Readonly<Record<string, readonly string[]>> = ${print(
		Object.fromEntries(
			Object.entries(source.options)
				.map(([name, { text }]) => [
					name,
					[...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1]),
				])
				.filter(([, names]) => names.length > 0),
		),
	)};

/** Words for 'length'; a number of words from \`leastWords\` to \`mostWords\` is the other form. */
export const captionLengths = ${print({
		words: source.lengths,
		leastWords: source.least_words,
		mostWords: source.most_words,
	})} as const;

/** {names}: the variables that have no value, joined by a comma. */
export const missingVariables = ${print(source.missing_variables)};
`;
}

/** A Python literal over several lines. */
function python(value: unknown, indent = ''): string {
	if (typeof value === 'boolean') return value ? 'True' : 'False';
	if (typeof value !== 'object' || value === null) return JSON.stringify(value);
	const deeper = `${indent}    `;
	const lines = Array.isArray(value)
		? value.map((entry) => `${deeper}${python(entry, deeper)},\n`)
		: Object.entries(value).map(
				([key, entry]) => `${deeper}${print(key)}: ${python(entry, deeper)},\n`,
			);
	const [open, close] = Array.isArray(value) ? ['(', ')'] : ['{', '}'];
	return `${open}\n${lines.join('')}${indent}${close}`;
}

export function captionPython(source: CaptionSource): string {
	const texts = (entries: Record<string, { text: string }>) =>
		Object.fromEntries(Object.entries(entries).map(([name, { text }]) => [name, text]));
	const titles = (entries: Record<string, { title: string }>) =>
		Object.fromEntries(Object.entries(entries).map(([name, { title }]) => [name, title]));
	const models = Object.entries(source.models).map(([model, entry]) => [
		model,
		{
			title: entry.title,
			follows_instructions: entry.follows_instructions,
			default_variant: entry.default_variant,
			generation: entry.generation,
			variants: Object.fromEntries(
				entry.variants.map((variant) => [
					variant.name,
					{
						title: variant.title,
						license: variant.license,
						vram_gb: variant.vram_gb,
						modes: texts(modesOf(source, model, variant)),
					},
				]),
			),
		},
	]);
	const constants: Array<[string, unknown]> = [
		['SYSTEM_TEXT', source.system_text],
		['MISSING_VARIABLES', source.missing_variables],
		['DEFAULT_MODEL', source.default_model],
		['LENGTHS', source.lengths],
		['LENGTH_TEXT', source.length_text],
		['WORDS_TEXT', source.words_text],
		['MODES', texts(source.modes)],
		['OPTIONS', texts(source.options)],
		['OPTION_TITLES', titles(source.options)],
		['MODELS', Object.fromEntries(models)],
	];
	return `"""Models, modes, extra instructions and texts of captions. Memory in GB (2^30 bytes)."""

${constants.map(([name, value]) => `${name} = ${python(value)}\n`).join('\n')}`;
}

export function captionPage(
	source: CaptionSource,
	table: (head: string[], lines: string[][]) => string,
): string {
	const code = (text: string) => '`' + text + '`';
	const text = (value: string) => (value ? value.replaceAll('<', '&lt;') : 'none is needed');
	const memory = (needs: Record<string, number>) =>
		Object.entries(needs)
			.map(([precision, gb]) => `${precision} ${gb ? `from ${gb} GB` : 'on any GPU'}`)
			.join(', ');
	const variants = Object.entries(source.models).flatMap(([model, entry]) =>
		entry.variants.map((variant) => [
			code(model),
			code(variant.name) + (variant.name === entry.default_variant ? ' (default)' : ''),
			Object.keys(modesOf(source, model, variant)).length > 3
				? 'all below'
				: Object.entries(modesOf(source, model, variant))
						.map(([name, mode]) => `${code(name)}: ${text(mode.text)}`)
						.join('; '),
			memory(variant.vram_gb),
			variant.license,
		]),
	);
	const parameters = Object.keys(Object.values(source.models)[0].generation);
	const rows = (entries: Record<string, { title: string; text: string }>) =>
		Object.entries(entries).map(([name, entry]) => [code(name), entry.title, entry.text]);
	return [
		'# Models and texts of captions\n',
		`${source.title}\n`,
		'## Models\n',
		table(['Model', 'Variant', 'Modes', 'Precision that auto takes', 'Licence'], variants),
		'## Generation parameters\n',
		table(
			['Model', ...parameters.map(code)],
			Object.entries(source.models).map(([model, entry]) => [
				code(model),
				...parameters.map((name) => String(entry.generation[name])),
			]),
		),
		'## Modes of JoyCaption\n',
		`System text: "${source.system_text}" A length adds "${source.length_text}" or "${source.words_text}"\n`,
		table(['Mode', 'Name', 'Text'], rows(source.modes)),
		'## Extra instructions\n',
		"They are joined by spaces and stand below the mode's text, with an empty line between.\n",
		table(['Option', 'Name', 'Text'], rows(source.options)),
	].join('\n');
}
