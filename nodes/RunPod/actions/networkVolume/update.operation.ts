import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import { bareIdOf } from '../../core/address';
import { invalidInput } from '../../core/failure';
import { checkGrows, readVolume, volumeItem } from '../../core/volumes';
import { manageItems } from '../../run/manageItems';
import { known } from '../../run/plane';
import { Values, collection, volumeField } from '../managedFields';

const show = { resource: ['networkVolume'], operation: ['update'] };
const own = managementFields.networkVolume;
const limits = managementLimits.networkVolume;

export const fields: INodeProperties[] = [
	volumeField(show),
	collection('Fields', 'fields', show, [own.name, own.sizeGb], 'Add field'),
	collection('Options', 'options', show, [own.pricePerGb, own.pricePerGbAbove]),
];

/** Renames a volume or makes it larger. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const id = bareIdOf(values.raw('networkVolume'), 'Network Volume');
		const given = values.collection('fields');
		const options = values.collection('options');
		const name = given.name === undefined ? undefined : values.text(limits.name, given);
		const size = given.sizeGb === undefined ? undefined : values.number(limits.sizeGb, given);
		if (name === '') throw invalidInput(`'${limits.name.label}' must not be empty.`);
		if (name === undefined && size === undefined) {
			throw invalidInput("Nothing to change: add at least one field under 'Fields'.");
		}
		const rates = {
			perGb: values.number(limits.pricePerGb, options),
			perGbAbove: values.number(limits.pricePerGbAbove, options),
		};
		const subject = { what: 'Network volume', id, to: 'change network volumes' };
		return async (plane) => {
			const path = `network-volumes/${id}`;
			const now = known(readVolume(await plane.read(path, subject)), subject);
			if (size !== undefined) checkGrows(now, size);
			const body = {
				...(name === undefined ? {} : { name }),
				...(size === undefined ? {} : { size }),
			};
			const after = await plane.change('PATCH', path, subject, { body });
			return volumeItem(known(readVolume(after), subject), rates) as IDataObject;
		};
	});
}
