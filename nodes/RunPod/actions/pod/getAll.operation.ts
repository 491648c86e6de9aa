import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import { hasTag, podItem, readPod } from '../../core/pods';
import { withoutSecrets } from '../../core/reading';
import { manageItems } from '../../run/manageItems';
import { Values, pageFields, shownIf, simplifyField } from '../managedFields';

const show = { resource: ['pod'], operation: ['getAll'] };
const own = managementFields.pod;
const limits = managementLimits.pod;

export const fields: INodeProperties[] = [
	...shownIf(show, [own.tagFilter, own.statusFilter, own.port]),
	...pageFields(show),
	simplifyField(show),
];

const subject = { what: 'Pod', to: 'list Pods' };

/** The Pods of the account, by tag and status. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const tag = values.text(limits.tagFilter);
		const status = values.text(limits.statusFilter);
		const port = values.number(limits.port);
		return async (plane) => {
			const all = (await plane.list('pods', 'pods', subject)).flatMap((body) => {
				const pod = readPod(body);
				return pod === undefined ? [] : [{ body, pod }];
			});
			const found = all.filter(
				({ pod }) =>
					(tag === '' || hasTag(pod, tag)) && (status === 'any' || pod.status === status),
			);
			return values.page(found).map(({ body, pod }) => {
				const url = plane.api.podUrl(pod.id, port);
				return (values.simplify() ? podItem(pod, { url }) : withoutSecrets(body)) as IDataObject;
			});
		};
	});
}
