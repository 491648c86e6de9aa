import type { IExecuteFunctions, INodeExecutionData, INodeProperties } from 'n8n-workflow';

import { settingFields } from '../../contract/fields';
import { jobIdOf } from '../../core/address';
import { retryJobs } from '../../run/commandJobs';
import { readJobOptions } from '../../run/jobOptions';

const show = { resource: ['job'], operation: ['retry'] };

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

/** Runs failed jobs again under their ID. It does not wait: Poll Status follows them. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await retryJobs.call(this, (itemIndex) => ({
		jobId: jobIdOf(this.getNodeParameter('jobId', itemIndex, '')),
		options: readJobOptions.call(this, itemIndex),
	}));
}
