import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import { bareIdOf } from '../../core/address';
import { readVolume, volumeItem } from '../../core/volumes';
import { manageItems } from '../../run/manageItems';
import { known } from '../../run/plane';
import { Values, collection, simplifyField, volumeField } from '../managedFields';

const show = { resource: ['networkVolume'], operation: ['get'] };
const own = managementFields.networkVolume;
const limits = managementLimits.networkVolume;

export const fields: INodeProperties[] = [
	volumeField(show),
	simplifyField(show),
	collection('Options', 'options', show, [own.pricePerGb, own.pricePerGbAbove]),
];

/** One volume, with an estimate of what it costs. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const id = bareIdOf(values.raw('networkVolume'), 'Network Volume');
		const options = values.collection('options');
		const rates = {
			perGb: values.number(limits.pricePerGb, options),
			perGbAbove: values.number(limits.pricePerGbAbove, options),
		};
		const subject = { what: 'Network volume', id, to: 'read network volumes' };
		return async (plane) => {
			const body = await plane.read(`network-volumes/${id}`, subject);
			const volume = known(readVolume(body), subject);
			return (values.simplify() ? volumeItem(volume, rates) : body) as IDataObject;
		};
	});
}
