import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import { bareIdOf } from '../../core/address';
import { isHealthy } from '../../core/podReady';
import { podItem, readPod } from '../../core/pods';
import { withoutSecrets } from '../../core/reading';
import { manageItems } from '../../run/manageItems';
import { known } from '../../run/plane';
import { askApplication } from '../../run/podReady';
import { Values, podField, shownIf, simplifyField } from '../managedFields';

const show = { resource: ['pod'], operation: ['get'] };
const own = managementFields.pod;
const limits = managementLimits.pod;

export const fields: INodeProperties[] = [
	podField(show),
	...shownIf(show, [own.checkHealth, own.port]),
	...shownIf({ ...show, checkHealth: [true] }, [own.healthPath]),
	simplifyField(show),
];

/** One Pod, and whether its application answers. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const id = bareIdOf(values.raw('pod'), 'Pod');
		const subject = { what: 'Pod', id, to: 'read Pods' };
		const port = values.number(limits.port);
		const mayAsk = values.isOn(limits.checkHealth);
		const path = mayAsk ? values.text(limits.healthPath) : '';
		return async (plane) => {
			const body = await plane.read(`pods/${id}`, subject);
			if (!values.simplify()) return withoutSecrets(body) as IDataObject;
			const pod = known(readPod(body), subject);
			const ask = { port, healthTimeoutS: limits.healthTimeoutS.default };
			const isAsked = mayAsk && pod.status === 'RUNNING' && pod.runtime !== undefined;
			const isReady = isAsked && isHealthy(await askApplication(plane, id, ask, path));
			const health = isAsked ? (isReady ? 'PASSED' : 'FAILED') : null;
			return {
				...podItem(pod, { url: plane.api.podUrl(id, port), isReady }),
				health,
			} as IDataObject;
		};
	});
}
