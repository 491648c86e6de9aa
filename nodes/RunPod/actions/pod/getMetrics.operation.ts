import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import { bareIdOf } from '../../core/address';
import { readPod } from '../../core/pods';
import type { PodFacts } from '../../core/pods';
import { isRecord } from '../../core/state';
import { manageItems } from '../../run/manageItems';
import { known } from '../../run/plane';
import { askApplication } from '../../run/podReady';
import { Values, podField, shownIf } from '../managedFields';

const show = { resource: ['pod'], operation: ['getMetrics'] };
const own = managementFields.pod;
const limits = managementLimits.pod;

export const fields: INodeProperties[] = [
	podField(show),
	...shownIf(show, [own.port, own.telemetryPath]),
];

/** The platform's figures in the shape of the worker's telemetry. */
function platformMetrics({ id, runtime }: PodFacts): IDataObject {
	return {
		source: 'platform',
		id,
		ts: Date.now() / 1000,
		gpus: (runtime?.gpus ?? []).map(({ util, memoryUtil }, index) => ({
			index,
			utilization_gpu_percent: util ?? null,
			memory_percent: memoryUtil ?? null,
		})),
		cpu: { percent: runtime?.cpu ?? null },
		memory: { percent: runtime?.memory ?? null },
		process: { uptime_sec: runtime?.uptimeS ?? null },
		worker: null,
	};
}

/** What the worker in the Pod tells about its machine, else what RunPod shows of it. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const id = bareIdOf(values.raw('pod'), 'Pod');
		const subject = { what: 'Pod', id, to: 'read Pods' };
		const ask = {
			port: values.number(limits.port),
			healthTimeoutS: limits.healthTimeoutS.default,
		};
		const path = values.text(limits.telemetryPath);
		return async (plane) => {
			const pod = known(readPod(await plane.read(`pods/${id}`, subject)), subject);
			if (pod.status === 'RUNNING') {
				const reply = await askApplication(plane, id, ask, path);
				const body = reply.kind === 'ok' ? reply.body : undefined;
				if (isRecord(body)) return { source: 'worker', id, ...body } as IDataObject;
			}
			return platformMetrics(pod);
		};
	});
}
