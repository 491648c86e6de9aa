import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import { bareIdOf } from '../../core/address';
import { invalidInput } from '../../core/failure';
import { readVolume, readVolumes, volumeItem } from '../../core/volumes';
import { manageItems } from '../../run/manageItems';
import { known } from '../../run/plane';
import { Values, collection, locator, shownIf } from '../managedFields';

const show = { resource: ['networkVolume'], operation: ['create'] };
const own = managementFields.networkVolume;
const limits = managementLimits.networkVolume;

export const fields: INodeProperties[] = [
	...shownIf(show, [{ ...own.name, required: true }]),
	locator({
		label: limits.dataCenter.label,
		name: 'dataCenter',
		search: 'searchDataCenters',
		description: 'Where the volume lies, and where its endpoints and Pods have to run',
		placeholder: 'e.g. EU-RO-1',
		show,
	}),
	...shownIf(show, [own.sizeGb, own.volumeType]),
	collection('Options', 'options', show, [own.pricePerGb, own.pricePerGbAbove]),
];

const subject = { what: 'Network volume', to: 'create network volumes' };

/** Creates a volume; one of that name in the data center is handed on instead of a second one. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const options = values.collection('options');
		const name = values.text(limits.name);
		if (name === '') throw invalidInput(`'${limits.name.label}' must not be empty.`);
		const dataCenter = bareIdOf(values.raw('dataCenter'), limits.dataCenter.label);
		const type = values.text(limits.volumeType);
		const body = {
			name,
			size: values.number(limits.sizeGb),
			dataCenter,
			...(type === limits.volumeType.default ? {} : { type }),
		};
		const rates = {
			perGb: values.number(limits.pricePerGb, options),
			perGbAbove: values.number(limits.pricePerGbAbove, options),
		};
		return async (plane) => {
			const path = 'network-volumes';
			const find = async () => {
				const networkVolumes = await plane.list(path, 'networkVolumes', subject);
				const all = readVolumes({ networkVolumes }) ?? [];
				return all.find((one) => one.name === name && one.dataCenter === dataCenter);
			};
			const before = await find();
			const volume = known(
				before ?? (await plane.create(path, body, subject, find, readVolume)),
				subject,
			);
			return { ...volumeItem(volume, rates), created: before === undefined } as IDataObject;
		};
	});
}
