import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import { bareIdOf } from '../../core/address';
import { readManagedEndpoint } from '../../core/endpoints';
import type { ManagedEndpoint } from '../../core/endpoints';
import { endpointHealth } from '../../run/endpointHealth';
import { manageItems } from '../../run/manageItems';
import type { Plane } from '../../run/plane';
import { Values, endpointField, shownIf } from '../managedFields';

const show = { resource: ['endpoint'], operation: ['getHealth'] };
const own = managementFields.endpoint;
const limits = managementLimits.endpoint;

export const fields: INodeProperties[] = [
	...shownIf(show, [
		{
			...own.scope,
			options: [
				{ name: 'One Endpoint', value: 'one', description: 'The one that is chosen' },
				{ name: 'All Endpoints', value: 'all', description: 'Every endpoint of the account' },
			],
		},
	]),
	endpointField({ ...show, scope: ['one'] }),
	...shownIf(show, [own.includeDiagnostics]),
	...shownIf({ ...show, includeDiagnostics: [true] }, [own.readyTimeoutS]),
];

/** The endpoint alone may be read by a key that may not list: then its ID has to do. */
async function chosen(plane: Plane, id: string | undefined): Promise<ManagedEndpoint[]> {
	if (id !== undefined) {
		const seen = readManagedEndpoint(await plane.glance(`serverless/${id}`));
		return [seen ?? readManagedEndpoint({ id })!];
	}
	const subject = { what: 'Endpoint', to: 'list endpoints' };
	const bodies = await plane.list('serverless', 'endpoints', subject);
	return bodies.flatMap((body) => readManagedEndpoint(body) ?? []);
}

/** Counts of jobs and workers and one word for them, for one endpoint or for all. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const isAll = values.text(limits.scope) === 'all';
		const id = isAll ? undefined : bareIdOf(values.raw('managedEndpoint'), 'Endpoint');
		const diagnosticsS = values.isOn(limits.includeDiagnostics)
			? values.number(limits.readyTimeoutS)
			: undefined;
		return async (plane) => {
			const items: IDataObject[] = [];
			const endpoints = await chosen(plane, id);
			for (const [number, endpoint] of endpoints.entries()) {
				const item = await endpointHealth(plane, endpoint, diagnosticsS);
				items.push({ id: number, ...item, total_backends: endpoints.length });
			}
			return items;
		};
	});
}
