import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { bareIdOf } from '../../core/address';
import { endpointItem, readManagedEndpoint } from '../../core/endpoints';
import { withoutSecrets } from '../../core/reading';
import { manageItems } from '../../run/manageItems';
import { known } from '../../run/plane';
import { Values, endpointField, simplifyField } from '../managedFields';

const show = { resource: ['endpoint'], operation: ['get'] };

export const fields: INodeProperties[] = [endpointField(show), simplifyField(show)];

/** One endpoint with its settings. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const id = bareIdOf(values.raw('managedEndpoint'), 'Endpoint');
		const subject = { what: 'Endpoint', id, to: 'read endpoints' };
		return async (plane) => {
			const body = await plane.read(`serverless/${id}`, subject);
			const endpoint = known(readManagedEndpoint(body), subject);
			return (values.simplify() ? endpointItem(endpoint) : withoutSecrets(body)) as IDataObject;
		};
	});
}
