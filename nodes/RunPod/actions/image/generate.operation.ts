import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { fields as routeFields, settingFields } from '../../contract/fields';
import type { Route } from '../../contract/routes';
import { routes } from '../../contract/routes';
import { invalidInput } from '../../core/failure';
import { modelNameOf } from '../../core/models';
import { buildInput } from '../../core/request';
import { outputAsOf, readJobOptions } from '../../run/jobOptions';
import type { PreparedJob } from '../../run/prepared';
import { runItems } from '../../run/runItems';
import { outputField, outputFieldOf, waitFields } from '../runFields';

/** The worker's routes that make an image from text. */
const choices = ['create', 'production'] as const satisfies readonly Route[];

const show = { resource: ['image'], operation: ['generate'] };

/** A field that all routes define alike is one field; where defaults differ, each has its own. */
function routeForm(): INodeProperties[] {
	const form = new Map<string, { field: INodeProperties; route: string[] }>();
	for (const route of choices) {
		for (const field of routeFields[route].main) {
			const key = JSON.stringify(field);
			const known = form.get(key);
			if (known) known.route.push(route);
			else form.set(key, { field, route: [route] });
		}
	}
	return [...form.values()].map(({ field, route }) => ({
		...field,
		displayOptions: { show: { ...show, route } },
	}));
}

/** LoRAs are pairs, which the contract has no field for. */
const lorasField: INodeProperties = {
	displayName: 'LoRAs',
	name: 'loras',
	type: 'fixedCollection',
	typeOptions: { multipleValues: true },
	placeholder: 'Add LoRA',
	default: {},
	description:
		'Small files on the volume that change the style or add a subject; they must fit the model',
	options: [
		{
			displayName: 'LoRA',
			name: 'lora',
			values: routeFields.create.parts.loras ?? [],
		},
	],
};

/** In older workflows the value is the plain name, which goes on working. */
const modelField = (field: INodeProperties): INodeProperties => ({
	...field,
	type: 'resourceLocator',
	default: { mode: 'list', value: '' },
	hint: 'The list asks a worker that is idle. It never starts one: that would cost money.',
	modes: [
		{
			displayName: 'From List',
			name: 'list',
			type: 'list',
			typeOptions: { searchListMethod: 'searchModels', searchable: false },
		},
		{
			displayName: 'By Name',
			name: 'name',
			type: 'string',
			placeholder: field.placeholder,
		},
	],
});

interface Chosen {
	name?: unknown;
	weight?: unknown;
}

/** As the worker wants them; an expression may give the list itself. */
function lorasOf(given: unknown): unknown[] | undefined {
	const list = Array.isArray(given) ? given : (given as { lora?: Chosen[] } | undefined)?.lora;
	const named = (list ?? []).map((entry: Chosen) => ({
		name: String(entry.name ?? '').trim(),
		weight: Number(entry.weight ?? 1),
	}));
	return named.length > 0 ? named : undefined;
}

function optionsOf(route: Route): INodeProperties {
	const options = [
		...routeFields[route].options.map((field) =>
			field.name === 'model' ? modelField(field) : field,
		),
		lorasField,
		settingFields.outputField,
		settingFields.roundSize,
	].sort((one, other) => one.displayName.localeCompare(other.displayName, 'en'));
	return {
		displayName: 'Options',
		name: 'options',
		type: 'collection',
		placeholder: 'Add option',
		default: {},
		options,
		displayOptions: { show: { ...show, route: [route] } },
	};
}

const routeField: INodeProperties = {
	displayName: 'Route',
	name: 'route',
	type: 'options',
	options: choices.map((route) => ({
		name: routes[route].title,
		value: route,
		description: routes[route].description,
	})),
	default: 'create',
	description: 'How much work goes into the image',
	displayOptions: { show },
};

const [prompt, ...rest] = routeForm();

export const fields: INodeProperties[] = [
	prompt,
	routeField,
	...rest,
	{ ...outputField, displayOptions: { show } },
	...choices.map(optionsOf),
	...waitFields(show),
];

function isRoute(value: unknown): value is (typeof choices)[number] {
	return choices.some((choice) => choice === value);
}

/** Reads and checks one item; throws before anything was submitted. */
function prepare(context: IExecuteFunctions, itemIndex: number): PreparedJob {
	const route = context.getNodeParameter('route', itemIndex);
	if (!isRoute(route)) {
		throw invalidInput(`'Route' must be one of ${choices.join(', ')}, not '${String(route)}'.`);
	}
	const options = context.getNodeParameter('options', itemIndex, {}) as IDataObject;
	const values: Record<string, unknown> = { ...options };
	for (const { name } of routeFields[route].main) {
		values[name] = context.getNodeParameter(name, itemIndex, undefined);
	}
	values.model = modelNameOf(options.model);
	values.loras = lorasOf(options.loras);
	const input = buildInput(route, values, options.roundSize === true);
	return {
		input: input as IDataObject,
		mayAskForLinks: true,
		options: readJobOptions.call(context, itemIndex),
		binary: {
			field: outputFieldOf(options),
			output: outputAsOf(context.getNodeParameter('outputAs', itemIndex, null)),
			fileName: typeof input.filename === 'string' ? input.filename : undefined,
			prompt: String(input.prompt),
		},
	};
}

export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await runItems.call(this, (itemIndex) => prepare(this, itemIndex));
}
