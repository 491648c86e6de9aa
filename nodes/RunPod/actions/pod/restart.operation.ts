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

const show = { resource: ['pod'], operation: ['restart'] };

export const fields: INodeProperties[] = [podField(show)];

/** Restarts the container of a running Pod. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const id = bareIdOf(new Values(this, itemIndex).raw('pod'), 'Pod');
		const subject = { what: 'Pod', id, to: 'restart Pods' };
		return async (plane) => {
			const pod = known(readPod(await plane.act(id, 'restart', subject)), subject);
			const url = plane.api.podUrl(id, managementLimits.pod.port.default);
			return podItem(pod, { url }) as IDataObject;
		};
	});
}
