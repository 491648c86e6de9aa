import type { IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';
import { NodeOperationError } from 'n8n-workflow';

import type { PreparedJob } from './prepared';

/**
 * Runs one job per input item. `prepare` is called for every item before the first submit and
 * throws on bad input, so that bad input costs nothing.
 */
export async function runItems(
	this: IExecuteFunctions,
	prepare: (itemIndex: number) => PreparedJob,
): Promise<INodeExecutionData[][]> {
	throw new NodeOperationError(this.getNode(), `not connected yet: ${typeof prepare}`);
}
