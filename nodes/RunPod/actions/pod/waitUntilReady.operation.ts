import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import { bareIdOf } from '../../core/address';
import { JobFailure } from '../../core/failure';
import { podItem } from '../../core/pods';
import { manageItems } from '../../run/manageItems';
import { waitUntilReady } from '../../run/podReady';
import { Values, podField, shownIf } from '../managedFields';
import { readyFields, readyOptions } from './podFields';

const show = { resource: ['pod'], operation: ['waitUntilReady'] };
const own = managementFields.pod;
const limits = managementLimits.pod;

export const fields: INodeProperties[] = [
	podField(show),
	...shownIf(show, [own.port]),
	...readyFields(show, own.waitOnTimeout),
];

/** Waits until the application in a Pod has answered twice. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const id = bareIdOf(values.raw('pod'), 'Pod');
		const options = readyOptions(values, limits.waitOnTimeout);
		return async (plane) => {
			const end = await waitUntilReady(plane, id, options);
			if (end.type === 'ready') {
				const url = plane.api.podUrl(id, options.port);
				const item = podItem(end.pod, { url, isReady: true });
				return { ...item, ready_after_s: end.afterS, health: 'PASSED' } as IDataObject;
			}
			if (end.type === 'stopped') return [];
			const { failure } = end;
			const isEnded = options.onTimeout === 'terminate';
			const subject = { what: 'Pod', id, to: 'terminate Pods' };
			if (isEnded) await plane.remove(`pods/${id}`, subject);
			const fate = isEnded ? 'It was terminated.' : 'It was kept as it is.';
			throw new JobFailure({
				...failure,
				description: `${failure.description} ${fate}`,
				details: { ...failure.details, pod_id: id, terminated: isEnded },
			});
		};
	});
}
