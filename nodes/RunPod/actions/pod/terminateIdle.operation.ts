import type { IExecuteFunctions, INodeExecutionData, INodeProperties } from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import type { IdleRules } from '../../core/podIdle';
import { manageItems } from '../../run/manageItems';
import { reapPods } from '../../run/reapPods';
import { Values, shownIf } from '../managedFields';

const show = { resource: ['pod'], operation: ['terminateIdle'] };
const own = managementFields.pod;
const limits = managementLimits.pod;

export const fields: INodeProperties[] = shownIf(show, [
	own.nameTag,
	{
		...own.idleWhen,
		options: [
			{
				name: 'Both Clocks Ran Out',
				value: 'both',
				description: 'The GPU is quiet and nobody has asked',
			},
			{ name: 'Either Clock Ran Out', value: 'either', description: 'One of the two is enough' },
			{ name: 'GPU Idle Ran Out', value: 'gpu', description: 'Only the GPU counts' },
			{ name: 'No Request Ran Out', value: 'request', description: 'Only requests count' },
		],
	},
	own.gpuIdleS,
	own.gpuThreshold,
	own.requestIdleS,
	own.idleAction,
	own.dryRun,
	own.port,
	own.telemetryPath,
]);

/** Ends the Pods of a tag that nobody uses; what is not known for sure is left alone. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const options = {
			tag: values.text(limits.nameTag),
			dryRun: values.isOn(limits.dryRun),
			port: values.number(limits.port),
			path: values.text(limits.telemetryPath),
			healthTimeoutS: limits.healthTimeoutS.default,
			rules: {
				when: values.text(limits.idleWhen) as IdleRules['when'],
				action: values.text(limits.idleAction) as IdleRules['action'],
				gpuIdleS: values.number(limits.gpuIdleS),
				gpuThreshold: values.number(limits.gpuThreshold),
				requestIdleS: values.number(limits.requestIdleS),
			},
		};
		return async (plane) => await reapPods(plane, options);
	});
}
