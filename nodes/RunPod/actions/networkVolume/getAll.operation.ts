import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import { readVolume, volumeItem } from '../../core/volumes';
import { manageItems } from '../../run/manageItems';
import { Values, collection, pageFields, simplifyField } from '../managedFields';

const show = { resource: ['networkVolume'], operation: ['getAll'] };
const own = managementFields.networkVolume;
const limits = managementLimits.networkVolume;

export const fields: INodeProperties[] = [
	...pageFields(show),
	simplifyField(show),
	collection('Options', 'options', show, [own.pricePerGb, own.pricePerGbAbove]),
];

const subject = { what: 'Network volume', to: 'list network volumes' };

/** All volumes of the account. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const options = values.collection('options');
		const rates = {
			perGb: values.number(limits.pricePerGb, options),
			perGbAbove: values.number(limits.pricePerGbAbove, options),
		};
		return async (plane) => {
			const bodies = values.page(await plane.list('network-volumes', 'networkVolumes', subject));
			if (!values.simplify()) return bodies;
			return bodies
				.flatMap((body) => readVolume(body) ?? [])
				.map((volume) => volumeItem(volume, rates) as IDataObject);
		};
	});
}
