import type { IExecuteFunctions, INodeExecutionData, INodeProperties } from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import { bareIdOf } from '../../core/address';
import { openJobs, readHealth } from '../../core/endpoints';
import { JobFailure, failureOf } from '../../core/failure';
import { endpointJobs } from '../../run/endpointJobs';
import { manageItems } from '../../run/manageItems';
import { bodyOf, known } from '../../run/plane';
import type { Plane } from '../../run/plane';
import { Values, endpointField, shownIf } from '../managedFields';

const show = { resource: ['endpoint'], operation: ['delete'] };

export const fields: INodeProperties[] = [
	endpointField(show),
	...shownIf(show, [managementFields.endpoint.force]),
];

/** Throws ENDPOINT_BUSY where jobs wait or run: they would be lost. */
async function checkQuiet(context: IExecuteFunctions, plane: Plane, id: string): Promise<void> {
	const jobs = await endpointJobs(context, id);
	const { reply } = await plane.ask(async () => await jobs.health());
	// An endpoint that is gone has no jobs; the deletion tells it.
	if (reply.kind === 'http' && reply.status === 404) return;
	const to = 'read the health of the endpoint, which tells whether jobs run';
	const subject = { what: 'Endpoint', id, to };
	const count = openJobs(known(readHealth(bodyOf(reply, subject)), subject));
	if (count === 0) return;
	const details = { endpoint_id: id, jobs: count };
	throw new JobFailure(failureOf('ENDPOINT_BUSY', { endpoint: id, jobs: count }, { details }));
}

/** Deletes the named endpoint, for good. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const id = bareIdOf(values.raw('managedEndpoint'), 'Endpoint');
		const isForced = values.isOn(managementLimits.endpoint.force);
		const subject = { what: 'Endpoint', id, to: 'delete endpoints' };
		return async (plane) => {
			if (!isForced) await checkQuiet(this, plane, id);
			const wasThere = await plane.remove(`serverless/${id}`, subject);
			return { deleted: true, id, was_gone: !wasThere };
		};
	});
}
