import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { settingFields } from '../../contract/fields';
import { jobInputOf } from '../../core/request';
import { outputAsOf, readJobOptions } from '../../run/jobOptions';
import type { PreparedJob } from '../../run/prepared';
import { runItems } from '../../run/runItems';
import { outputField, outputFieldOf, waitFields } from '../runFields';

const show = { resource: ['job'], operation: ['run'] };

export const fields: INodeProperties[] = [
	{
		displayName: 'Input (JSON)',
		name: 'input',
		type: 'json',
		required: true,
		typeOptions: { rows: 6 },
		default: '',
		placeholder: 'e.g. { "prompt": "a red fox in the snow" }',
		description: 'What the worker gets under the key "input"; it must not be empty',
		displayOptions: { show },
	},
	{
		displayName: 'Options',
		name: 'options',
		type: 'collection',
		placeholder: 'Add option',
		default: {},
		options: [
			settingFields.allowEmptyOutput,
			{
				displayName: 'File Name',
				name: 'filename',
				type: 'string',
				default: '',
				placeholder: 'e.g. fox-in-snow',
				description: 'Name of the files without extension. By default "image".',
			},
			outputField,
			settingFields.outputField,
		],
		displayOptions: { show },
	},
	...waitFields(show),
];

function prepare(context: IExecuteFunctions, itemIndex: number): PreparedJob {
	const options = context.getNodeParameter('options', itemIndex, {}) as IDataObject;
	return {
		input: jobInputOf(context.getNodeParameter('input', itemIndex, '')) as IDataObject,
		options: {
			...readJobOptions.call(context, itemIndex),
			allowEmptyOutput: options.allowEmptyOutput === true,
		},
		binary: {
			field: outputFieldOf(options),
			output: outputAsOf(options.outputAs),
			fileName: options.filename ? String(options.filename) : undefined,
			isRequired: false,
			isAnyShape: true,
		},
	};
}

/** Runs a job of any worker, own or public, that takes jobs from a queue. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await runItems.call(this, (itemIndex) => prepare(this, itemIndex));
}
