import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { endpointItem, readManagedEndpoint } from '../../core/endpoints';
import { withoutSecrets } from '../../core/reading';
import { manageItems } from '../../run/manageItems';
import { Values, pageFields, simplifyField } from '../managedFields';

const show = { resource: ['endpoint'], operation: ['getAll'] };

export const fields: INodeProperties[] = [...pageFields(show), simplifyField(show)];

const subject = { what: 'Endpoint', to: 'list endpoints' };

/** All endpoints that the key sees. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		return async (plane) => {
			const bodies = values.page(await plane.list('serverless', 'endpoints', subject));
			if (!values.simplify()) return bodies.map((body) => withoutSecrets(body) as IDataObject);
			return bodies
				.flatMap((body) => readManagedEndpoint(body) ?? [])
				.map((endpoint) => endpointItem(endpoint) as IDataObject);
		};
	});
}
