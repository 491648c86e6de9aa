import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { settingFields } from '../../contract/fields';
import { settings } from '../../contract/limits';
import { jobIdOf } from '../../core/address';
import { invalidInput } from '../../core/failure';
import { problemOf } from '../../core/request';
import { outputAsOf, readJobOptions } from '../../run/jobOptions';
import { pollJobs } from '../../run/pollJobs';
import type { PreparedPoll } from '../../run/prepared';
import { outputField, outputFieldOf, storageField } from '../runFields';

const show = { resource: ['job'], operation: ['pollStatus'] };
const whileWaiting = { show: { ...show, pollMode: ['untilFinished'] } };

export const fields: INodeProperties[] = [
	{ ...settingFields.jobId, required: true, displayOptions: { show } },
	{
		...settingFields.pollMode,
		options: [
			{
				name: 'Once',
				value: 'once',
				description: 'Hand on the state of the job now, with the result if it is finished',
			},
			{
				name: 'Until Finished',
				value: 'untilFinished',
				description: 'Wait for the end of the job, and hand on its result',
			},
		],
		displayOptions: { show },
	},
	{ ...settingFields.pollIntervalMs, displayOptions: whileWaiting },
	{ ...settingFields.pollTimeoutS, displayOptions: whileWaiting },
	{ ...settingFields.simplify, displayOptions: { show } },
	{
		displayName: 'Options',
		name: 'options',
		type: 'collection',
		placeholder: 'Add option',
		default: {},
		options: [
			{
				displayName: 'File Name',
				name: 'filename',
				type: 'string',
				default: '',
				placeholder: 'e.g. fox-in-snow',
				description: 'Name of the file without extension. By default the name that the job has.',
			},
			outputField,
			settingFields.outputField,
		],
		displayOptions: { show },
	},
	{
		displayName: 'Job Options',
		name: 'jobOptions',
		type: 'collection',
		placeholder: 'Add option',
		default: {},
		options: [
			settingFields.costEstimate,
			settingFields.maxParallelJobs,
			settingFields.requestTimeoutS,
			storageField,
		],
		displayOptions: { show },
	},
];

function prepare(context: IExecuteFunctions, itemIndex: number): PreparedPoll {
	const options = context.getNodeParameter('options', itemIndex, {}) as IDataObject;
	const untilFinished = context.getNodeParameter('pollMode', itemIndex) === 'untilFinished';
	const timeout = settings.pollTimeoutS;
	const timeoutS = untilFinished
		? Number(context.getNodeParameter('pollTimeoutS', itemIndex))
		: timeout.default;
	const problem = problemOf(timeout, timeoutS);
	if (problem !== undefined) throw invalidInput(problem);
	return {
		jobId: jobIdOf(context.getNodeParameter('jobId', itemIndex, '')),
		mode: untilFinished ? 'untilFinished' : 'once',
		timeoutS,
		options: readJobOptions.call(context, itemIndex),
		binary: {
			field: outputFieldOf(options),
			output: outputAsOf(options.outputAs),
			fileName: options.filename ? String(options.filename) : undefined,
		},
	};
}

/** Looks at jobs by their ID, of whatever origin: submitted by this node, elsewhere, or long ago. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await pollJobs.call(this, (itemIndex) => prepare(this, itemIndex));
}
