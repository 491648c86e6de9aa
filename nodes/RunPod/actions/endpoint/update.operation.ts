import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import { bareIdOf } from '../../core/address';
import { endpointChange, pauseBody, resumeBody } from '../../core/endpointWish';
import { endpointItem, readManagedEndpoint } from '../../core/endpoints';
import { invalidInput } from '../../core/failure';
import { manageItems } from '../../run/manageItems';
import { known } from '../../run/plane';
import { Values, collection, endpointField, shownIf } from '../managedFields';
import { givenIn, poolsField, rareFields } from './endpointFields';

const show = { resource: ['endpoint'], operation: ['update'] };
const own = managementFields.endpoint;
const limits = managementLimits.endpoint;
const byFields = { ...show, change: ['fields'] };

const changeable: INodeProperties[] = [
	...rareFields,
	{ ...own.name, description: 'New name of the endpoint' },
	{ ...own.image, default: '', description: 'Container image of the workers' },
	poolsField,
	own.templateId,
].sort((one, other) => one.displayName.localeCompare(other.displayName, 'en'));

export const fields: INodeProperties[] = [
	endpointField(show),
	...shownIf(show, [
		{
			...own.change,
			options: [
				{ name: 'Fields', value: 'fields', description: 'The fields that are added below' },
				{
					name: 'Pause',
					value: 'pause',
					description: 'No worker runs any more, so nothing is paid; jobs wait',
				},
				{ name: 'Resume', value: 'resume', description: 'Workers may run again' },
			],
		},
	]),
	collection('Fields', 'fields', byFields, changeable, 'Add field'),
	...shownIf(byFields, [own.replaceEnvironment]),
	...shownIf({ ...show, change: ['resume'] }, [own.maxWorkers]),
];

/** Changes the fields that are set, or pauses and resumes an endpoint. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const id = bareIdOf(values.raw('managedEndpoint'), 'Endpoint');
		const change = values.text(limits.change);
		const given = change === 'fields' ? givenIn(values, 'fields') : {};
		const mostWorkers = change === 'resume' ? values.number(limits.maxWorkers) : 0;
		if (change === 'resume' && mostWorkers === 0) {
			throw invalidInput("'Max Workers' must be at least 1 to resume an endpoint, not 0.");
		}
		const replace = change === 'fields' && values.isOn(limits.replaceEnvironment);
		const subject = { what: 'Endpoint', id, to: 'change endpoints' };
		return async (plane) => {
			const path = `serverless/${id}`;
			let body: Record<string, unknown> = pauseBody;
			if (change === 'resume') body = resumeBody(mostWorkers);
			if (change === 'fields') {
				const now = known(readManagedEndpoint(await plane.read(path, subject)), subject);
				body = endpointChange(given, now, replace);
			}
			const after = await plane.change('PATCH', path, subject, { body });
			return endpointItem(known(readManagedEndpoint(after), subject)) as IDataObject;
		};
	});
}
