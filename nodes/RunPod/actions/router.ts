import type { IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';
import { NodeOperationError } from 'n8n-workflow';

import * as caption from './caption';
import * as image from './image';
import * as job from './job';
import { managedExecutes } from './managed';

type Execute = (this: IExecuteFunctions) => Promise<INodeExecutionData[][]>;

/** Keys are the values of 'Resource' and 'Operation'. A Map: a value can come from an expression. */
const operations = new Map<string, Execute>([
	['caption.generate', caption.generate.execute],
	['caption.getModels', caption.getModels.execute],
	['image.generate', image.generate.execute],
	['image.score', image.score.execute],
	['image.upscale', image.upscale.execute],
	['job.cancel', job.cancel.execute],
	['job.pollStatus', job.pollStatus.execute],
	['job.retry', job.retry.execute],
	['job.run', job.run.execute],
	...managedExecutes,
]);

/** An operation takes all items at once: it decides how many jobs run side by side. */
export async function router(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	const resource = this.getNodeParameter('resource', 0);
	const operation = this.getNodeParameter('operation', 0);
	const execute = operations.get(`${resource}.${operation}`);
	if (!execute) {
		throw new NodeOperationError(
			this.getNode(),
			`'Operation' has the value '${operation}', which the resource '${resource}' does not know`,
			{ description: "Choose 'Resource' and 'Operation' from their lists." },
		);
	}
	return await execute.call(this);
}
