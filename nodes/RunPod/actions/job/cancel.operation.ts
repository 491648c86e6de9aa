import type { IExecuteFunctions, INodeExecutionData, INodeProperties } from 'n8n-workflow';

import { settingFields } from '../../contract/fields';
import { jobIdOf } from '../../core/address';
import { cancelJobs } from '../../run/commandJobs';
import { readJobOptions } from '../../run/jobOptions';

const show = { resource: ['job'], operation: ['cancel'] };

export const fields: INodeProperties[] = [
	{ ...settingFields.jobId, required: true, displayOptions: { show } },
	{
		displayName: 'Job Options',
		name: 'jobOptions',
		type: 'collection',
		placeholder: 'Add option',
		default: {},
		options: [settingFields.maxParallelJobs, settingFields.requestTimeoutS],
		displayOptions: { show },
	},
];

/** Ends jobs by their ID, of whatever origin. A job that is over keeps its state, and that is told. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await cancelJobs.call(this, (itemIndex) => ({
		jobId: jobIdOf(this.getNodeParameter('jobId', itemIndex, '')),
		options: readJobOptions.call(this, itemIndex),
	}));
}
