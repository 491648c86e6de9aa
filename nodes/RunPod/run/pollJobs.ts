import type { IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';
import { NodeOperationError } from 'n8n-workflow';

import type { PreparedPoll } from './prepared';

/** Looks at jobs that exist already, one per input item, and never submits one. */
export async function pollJobs(
	this: IExecuteFunctions,
	prepare: (itemIndex: number) => PreparedPoll,
): Promise<INodeExecutionData[][]> {
	throw new NodeOperationError(this.getNode(), `not connected yet: ${typeof prepare}`);
}
