import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { settingFields } from '../../contract/fields';
import { sourceRulesOf } from '../../core/sources';
import { readSources } from '../../run/inputs';
import type { SourceImage } from '../../run/inputs';
import { readJobOptions } from '../../run/jobOptions';
import type { PreparedJob } from '../../run/prepared';
import { runItems } from '../../run/runItems';
import { waitFields } from '../runFields';
import { sourceOptions, sourceFields } from '../sourceFields';

const show = { resource: ['image'], operation: ['score'] };

export const fields: INodeProperties[] = [
	...sourceFields(show),
	{
		displayName: 'Options',
		name: 'options',
		type: 'collection',
		placeholder: 'Add option',
		default: {},
		options: [settingFields.keepSource, ...sourceOptions],
		displayOptions: { show },
	},
	...waitFields(show),
];

/** What `files` tells of a scored image. */
const described = ({ field, fileName, original, width, height }: SourceImage) => ({
	field,
	fileName,
	...original,
	width,
	height,
	url: null,
});

type Described = ReturnType<typeof described>;

/** Reads and checks one item; throws before anything was submitted. `seen` keeps no image. */
async function prepare(
	context: IExecuteFunctions,
	itemIndex: number,
	seen: Map<number, Described[]>,
): Promise<PreparedJob> {
	const options = readJobOptions.call(context, itemIndex);
	const rules = sourceRulesOf(context.getNodeParameter('options', itemIndex, {}) as IDataObject);
	const images = await readSources(context, itemIndex, rules, options);
	seen.set(itemIndex, images.map(described));
	return {
		input: { route: 'score' },
		images,
		options,
		binary: { field: settingFields.outputField.name, isRequired: false },
	};
}

/** A picture stays with its score: `files` names the scored images in the order of the scores. */
function withSource(
	context: IExecuteFunctions,
	item: INodeExecutionData,
	seen: Map<number, Described[]>,
): INodeExecutionData {
	const { pairedItem } = item;
	const itemIndex =
		typeof pairedItem === 'object' && !Array.isArray(pairedItem) ? pairedItem.item : undefined;
	if (itemIndex === undefined || item.json.error !== undefined) return item;
	const options = context.getNodeParameter('options', itemIndex, {}) as IDataObject;
	const { binary } = context.getInputData()[itemIndex] ?? {};
	if (options.keepSource === false || binary === undefined) return item;
	const files = (seen.get(itemIndex) ?? []).filter(({ field }) => field !== null);
	return { ...item, json: { ...item.json, files }, binary };
}

export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	const seen = new Map<number, Described[]>();
	const [items = []] = await runItems.call(
		this,
		async (itemIndex) => await prepare(this, itemIndex, seen),
	);
	return [items.map((item) => withSource(this, item, seen))];
}
