import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { bareIdOf } from '../../core/address';
import { numberOf, recordOf, textOf } from '../../core/reading';
import { endpointJobs } from '../../run/endpointJobs';
import { manageItems } from '../../run/manageItems';
import { bodyOf } from '../../run/plane';
import { Values, endpointField } from '../managedFields';

const show = { resource: ['endpoint'], operation: ['purgeQueue'] };

export const fields: INodeProperties[] = [endpointField(show)];

/** Takes the jobs that wait out of the queue; those that run go on. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const id = bareIdOf(new Values(this, itemIndex).raw('managedEndpoint'), 'Endpoint');
		const subject = { what: 'Endpoint', id, to: 'purge the queue of the endpoint' };
		return async (plane) => {
			const jobs = await endpointJobs(this, id);
			// What is purged is purged: asking again takes out only what came in between.
			const { reply, attempts } = await plane.ask(async () => await jobs.purgeQueue());
			const body = recordOf(bodyOf(reply, subject, attempts));
			const item: IDataObject = {
				removed: numberOf(body.removed) ?? 0,
				status: textOf(body.status) ?? 'completed',
				endpoint_id: id,
			};
			return item;
		};
	});
}
