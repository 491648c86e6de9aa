import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { managementLimits } from '../../contract/management';
import { bareIdOf } from '../../core/address';
import { podItem, readPod } from '../../core/pods';
import { manageItems } from '../../run/manageItems';
import { known } from '../../run/plane';
import { Values, podField } from '../managedFields';

const show = { resource: ['pod'], operation: ['stop'] };

export const fields: INodeProperties[] = [podField(show)];

/** Stops a Pod: the GPU is free, the container disk is wiped, the volume disk stays and is paid. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const id = bareIdOf(new Values(this, itemIndex).raw('pod'), 'Pod');
		const subject = { what: 'Pod', id, to: 'stop Pods' };
		return async (plane) => {
			const pod = known(readPod(await plane.act(id, 'stop', subject)), subject);
			const url = plane.api.podUrl(id, managementLimits.pod.port.default);
			return podItem(pod, { url }) as IDataObject;
		};
	});
}
