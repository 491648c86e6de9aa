import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { buildInput } from '../../core/request';
import { readJobOptions } from '../../run/jobOptions';
import { runItems } from '../../run/runItems';
import { waitFields } from '../runFields';

const show = { resource: ['caption'], operation: ['getModels'] };

export const fields: INodeProperties[] = waitFields(show);

/** A job like any other: only the worker knows what is installed on it. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await runItems.call(this, (itemIndex) => ({
		input: buildInput('models', {}) as IDataObject,
		options: readJobOptions.call(this, itemIndex),
		binary: { field: 'data', isRequired: false },
	}));
}
