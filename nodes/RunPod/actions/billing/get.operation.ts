import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import { billingItem, billingPath, timeOf } from '../../core/billing';
import type { BillingScope } from '../../core/billing';
import { manageItems } from '../../run/manageItems';
import { known } from '../../run/plane';
import { Values, shownIf, simplifyField } from '../managedFields';

const show = { resource: ['billing'], operation: ['get'] };
const own = managementFields.billing;
const limits = managementLimits.billing;

const timeField = (displayName: string, name: string, description: string): INodeProperties => ({
	displayName,
	name,
	type: 'dateTime',
	default: '',
	description,
	displayOptions: { show },
});

export const fields: INodeProperties[] = [
	...shownIf(show, [own.scope]),
	timeField(
		limits.startTime.label,
		'startTime',
		'Begin of the time, in UTC unless it names a zone; RunPod chooses one when empty',
	),
	timeField(
		limits.endTime.label,
		'endTime',
		'End of the time, in UTC unless it names a zone; now when empty',
	),
	...shownIf(show, [own.bucketSize]),
	...shownIf({ ...show, scope: ['serverless'] }, [own.endpointFilter]),
	simplifyField(show),
];

const subject = { what: 'Bill', to: 'read bills' };

/** What RunPod charged: records by time, and their sums. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const question = {
			scope: values.text(limits.scope) as BillingScope,
			startTime: timeOf(values.raw('startTime'), limits.startTime.label),
			endTime: timeOf(values.raw('endTime'), limits.endTime.label),
			bucketSize: values.text(limits.bucketSize),
			endpointId: values.text(limits.endpointFilter),
		};
		const path = billingPath(question);
		return async (plane) => {
			const body = await plane.read(path, subject);
			const item = known(billingItem(body, question), subject);
			return (values.simplify() ? item : body) as IDataObject;
		};
	});
}
