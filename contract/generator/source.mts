/** Reads the hand-written contract and turns it into plain schemas without references. */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const contractFolder = join(dirname(fileURLToPath(import.meta.url)), '..');
export const repository = join(contractFolder, '..');

export interface FieldText {
	label: string;
	rows?: number;
	placeholder?: string;
	hint?: string;
	/** `options`: the field stands in that collection; `own`: the operation writes its own fields for it. */
	group?: 'options' | 'own';
	/** Display name of each value of an enum. */
	options?: Record<string, string>;
	/** Other words that are read as a value of the enum. */
	aliases?: Record<string, string>;
}

export interface Schema {
	type?: string | string[];
	const?: unknown;
	enum?: Array<string | number>;
	default?: unknown;
	description?: string;
	minimum?: number;
	maximum?: number;
	multipleOf?: number;
	minLength?: number;
	maxLength?: number;
	pattern?: string;
	minItems?: number;
	maxItems?: number;
	format?: string;
	contentEncoding?: string;
	properties?: Record<string, Schema>;
	required?: string[];
	items?: Schema;
	additionalProperties?: boolean | Schema;
	'x-n8n'?: FieldText;
	[keyword: string]: unknown;
}

export interface Example {
	name: string;
	input: Record<string, unknown>;
	/** The parameter that must be refused; the example is good when it is missing. */
	invalid?: string;
}

export interface RouteSource {
	route: string;
	title: string;
	description: string;
	/** The operation of the node that runs the route; without one the node does not offer it. */
	'x-n8n'?: { resource: string; operation: string };
	input: Schema;
	output: Schema;
	failures: string[];
	examples: Example[];
}

export interface FailureSource {
	category: string;
	message: string;
	remedy: string;
	retryable: boolean;
	fallback: boolean;
	raised_by: Array<'worker' | 'node'>;
}

export interface JobSource {
	states: Record<string, { final: boolean; label: string }>;
	limits: Record<string, number>;
	progress: Schema;
	/** What the node adds to the item of a job. */
	item: Schema;
}

interface CaptionText {
	title: string;
	text: string;
}

export interface CaptionVariant {
	name: string;
	title: string;
	license: string;
	/** Least memory of a GPU in GB by precision, best precision first. */
	vram_gb: Record<string, number>;
	/** Without any the variant has the modes of its family. */
	modes?: Record<string, CaptionText>;
}

export interface CaptionSource {
	title: string;
	system_text: string;
	missing_variables: string;
	default_model: string;
	lengths: string[];
	least_words: number;
	most_words: number;
	length_text: string;
	words_text: string;
	/** Modes of the models that follow instructions. */
	modes: Record<string, CaptionText>;
	options: Record<string, CaptionText>;
	models: Record<
		string,
		{
			title: string;
			description: string;
			follows_instructions: boolean;
			default_variant: string;
			variants: CaptionVariant[];
			modes?: Record<string, CaptionText>;
			generation: Record<string, number>;
		}
	>;
}

/** One resource of the node that RunPod's management API serves; no worker sees its fields. */
export interface ManagementSource {
	resource: string;
	title: string;
	description: string;
	fields: Schema;
	/** What each operation hands on, with Simplify on. */
	outputs: Record<string, Schema>;
	/** Values that a word fills in for fields that were not set by hand. */
	presets?: Record<string, Record<string, unknown>>;
}

export interface Contract {
	routes: RouteSource[];
	categories: string[];
	failures: Record<string, FailureSource>;
	job: JobSource;
	settings: Schema;
	captions: CaptionSource;
	management: ManagementSource[];
	packageVersion: string;
}

type Json = Record<string, unknown>;

function readJson(path: string): Json {
	return JSON.parse(readFileSync(path, 'utf8')) as Json;
}

/**
 * Replaces each `$ref` by a copy of its target. Keywords beside the reference win, one by one:
 * a shared part is the same everywhere, but each route sets its own default.
 */
export function dereference(value: unknown, file: string, seen: string[] = []): unknown {
	if (Array.isArray(value)) return value.map((entry) => dereference(entry, file, seen));
	if (typeof value !== 'object' || value === null) return value;
	const { $ref: reference, ...own } = value as Json;
	const rest = Object.fromEntries(
		Object.entries(own).map(([key, entry]) => [key, dereference(entry, file, seen)]),
	);
	if (typeof reference !== 'string') return rest;
	const [relative, pointer = ''] = reference.split('#');
	const target = relative ? resolve(dirname(file), relative) : file;
	const place = `${target}#${pointer}`;
	if (seen.includes(place))
		throw new Error(`The reference ${reference} in ${file} runs in a circle`);
	let part: unknown = readJson(target);
	for (const step of pointer.split('/').filter(Boolean)) part = (part as Json | undefined)?.[step];
	if (part === undefined) throw new Error(`The reference ${reference} in ${file} leads nowhere`);
	return { ...(dereference(part, target, [...seen, place]) as Json), ...rest };
}

export function readContract(folder = contractFolder): Contract {
	const read = (name: string) =>
		dereference(readJson(join(folder, name)), join(folder, name)) as Json;
	const errors = read('errors.json');
	const all = (part: string) =>
		readdirSync(join(folder, part))
			.filter((name) => name.endsWith('.json'))
			.sort()
			.map((name) => read(join(part, name)) as unknown);
	const routes = all('routes') as RouteSource[];
	const manifest = readJson(join(repository, 'package.json'));
	return {
		routes,
		categories: errors.categories as string[],
		failures: errors.codes as Record<string, FailureSource>,
		job: read('job.json') as unknown as JobSource,
		settings: read('settings.json') as Schema,
		captions: read('caption_texts.json') as unknown as CaptionSource,
		management: all('management') as ManagementSource[],
		packageVersion: String(manifest.version),
	};
}

/** The parameters a user can set: everything but the word that names the route. */
export function parameters(schema: Schema): Array<[string, Schema]> {
	return Object.entries(schema.properties ?? {}).filter(([, part]) => part.const === undefined);
}

export function camel(name: string): string {
	return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

export function pascal(name: string): string {
	const word = camel(name);
	return word[0].toUpperCase() + word.slice(1);
}
