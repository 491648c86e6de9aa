import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { fields as routeFields, settingFields } from '../../contract/fields';
import { settings } from '../../contract/limits';
import { invalidInput } from '../../core/failure';
import { buildInput, problemOf } from '../../core/request';
import { baseNameOf, sourceRulesOf } from '../../core/sources';
import { readSources } from '../../run/inputs';
import { outputAsOf, readJobOptions } from '../../run/jobOptions';
import type { PreparedJob } from '../../run/prepared';
import { runItems } from '../../run/runItems';
import { outputField, outputFieldOf, waitFields } from '../runFields';
import { sourceOptions, sourceFields } from '../sourceFields';

const show = { resource: ['image'], operation: ['upscale'] };
const byTarget = { show: { ...show, sizeBy: ['target'] } };

/** The factor is there only where the size is given by it; everything else always. */
const mainFields = routeFields.upscale.main.map((field): INodeProperties => {
	const isFactor = field.name === 'upscaleFactor';
	return { ...field, displayOptions: { show: isFactor ? { ...show, sizeBy: ['factor'] } : show } };
});

export const fields: INodeProperties[] = [
	...sourceFields(show),
	{
		...settingFields.sizeBy,
		options: [
			{ name: 'Factor', value: 'factor', description: 'So many times wider and higher' },
			{ name: 'Target Size', value: 'target', description: 'Exactly this width and height' },
		],
		displayOptions: { show },
	},
	{ ...settingFields.targetWidth, displayOptions: byTarget },
	{ ...settingFields.targetHeight, displayOptions: byTarget },
	...mainFields,
	{ ...outputField, displayOptions: { show } },
	{
		displayName: 'Options',
		name: 'options',
		type: 'collection',
		placeholder: 'Add option',
		default: {},
		options: [...routeFields.upscale.options, ...sourceOptions, settingFields.outputField].sort(
			(one, other) => one.displayName.localeCompare(other.displayName, 'en'),
		),
		displayOptions: { show },
	},
	...waitFields(show),
];

/** Each edge under its own name: 'Target Width' says more than the first entry of a list. */
function targetEdge(
	context: IExecuteFunctions,
	itemIndex: number,
	setting: 'targetWidth' | 'targetHeight',
): number {
	const edge = Number(context.getNodeParameter(setting, itemIndex, settings[setting].default));
	const problem = problemOf(settings[setting], edge);
	if (problem !== undefined) throw invalidInput(problem);
	return edge;
}

/** Reads and checks one item; throws before anything was submitted. */
async function prepare(context: IExecuteFunctions, itemIndex: number): Promise<PreparedJob> {
	const options = context.getNodeParameter('options', itemIndex, {}) as IDataObject;
	const jobOptions = readJobOptions.call(context, itemIndex);
	const values: Record<string, unknown> = { ...options };
	for (const { name } of mainFields) {
		// Without a fallback that is a value, n8n throws for a field that is not shown.
		values[name] = context.getNodeParameter(name, itemIndex, null);
	}
	if (context.getNodeParameter('sizeBy', itemIndex, settings.sizeBy.default) === 'target') {
		delete values.upscaleFactor;
		values.finalResolution = [
			targetEdge(context, itemIndex, 'targetWidth'),
			targetEdge(context, itemIndex, 'targetHeight'),
		];
	}
	// Before the images are looked at, which takes time: the placeholder stands for one of them.
	const input = buildInput('upscale', { ...values, images: ['-'] });
	delete input.images;
	const images = await readSources(context, itemIndex, sourceRulesOf(options), jobOptions);
	const given = typeof input.filename === 'string' ? input.filename : undefined;
	return {
		input: input as IDataObject,
		images,
		mayAskForLinks: true,
		options: jobOptions,
		binary: {
			field: outputFieldOf(options),
			output: outputAsOf(context.getNodeParameter('outputAs', itemIndex, null)),
			fileName: given ?? `${baseNameOf(images[0]?.fileName) ?? 'image'}-up`,
		},
	};
}

export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await runItems.call(this, async (itemIndex) => await prepare(this, itemIndex));
}
