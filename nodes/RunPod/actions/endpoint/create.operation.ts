import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import { knownPools } from '../../core/catalog';
import { endpointBody, endpointWish } from '../../core/endpointWish';
import {
	endpointItem,
	hasName,
	readManagedEndpoint,
	readManagedEndpoints,
} from '../../core/endpoints';
import { manageItems } from '../../run/manageItems';
import { Values, collection, shownIf } from '../managedFields';
import { givenIn, poolsField, rareFields } from './endpointFields';

const show = { resource: ['endpoint'], operation: ['create'] };
const own = managementFields.endpoint;
const limits = managementLimits.endpoint;

export const fields: INodeProperties[] = [
	...shownIf(show, [
		{
			...own.preset,
			options: [
				{ name: 'Caption', value: 'caption', description: 'Captions: 24 GB, 50 GB of disk' },
				{ name: 'Forge', value: 'forge', description: 'Style, remix, inpaint: 24 to 48 GB' },
				{ name: 'None', value: 'none', description: 'Only what is set here' },
				{
					name: 'Playground',
					value: 'playground',
					description: 'Create and Production images: 24 GB, an RTX 3090 or better a 4090',
				},
				{
					name: 'SwarmUI',
					value: 'swarmui',
					description: 'SwarmUI: 24 GB for work, 16 GB for trials',
				},
			],
		},
		own.name,
		own.image,
		own.templateId,
		poolsField,
	]),
	collection('Options', 'endpointOptions', show, rareFields),
];

const subject = { what: 'Endpoint', to: 'create endpoints' };

/** Deploys a worker in one call; an endpoint of that name is handed on instead of a second one. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const byHand = values.list(limits.gpuPools).length > 0;
		const wish = endpointWish(values.text(limits.preset), {
			...givenIn(values, 'endpointOptions'),
			name: values.text(limits.name),
			image: values.raw('image'),
			templateId: values.text(limits.templateId),
			gpuPools: values.list(limits.gpuPools),
		});
		return async (plane) => {
			const catalog = await plane.catalog('SERVERLESS');
			const gpuPools =
				catalog === undefined ? wish.gpuPools : knownPools(wish.gpuPools, catalog, byHand);
			const body = endpointBody({ ...wish, gpuPools });
			const find = async () => {
				const endpoints = await plane.list('serverless', 'endpoints', subject);
				const all = readManagedEndpoints({ endpoints }) ?? [];
				return all.find((endpoint) => hasName(endpoint, wish.name));
			};
			const before = await find();
			if (before !== undefined) {
				plane.hints.add(
					`An endpoint '${wish.name}' was there already and was left as it is. Endpoint > Update changes it.`,
				);
			}
			const endpoint =
				before ?? (await plane.create('serverless', body, subject, find, readManagedEndpoint));
			return { ...endpointItem(endpoint), created: before === undefined } as IDataObject;
		};
	});
}
