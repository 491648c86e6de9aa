import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeProperties,
} from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import { bareIdOf } from '../../core/address';
import { isPausedEndpoint, readManagedEndpoint } from '../../core/endpoints';
import { JobFailure, failureOf } from '../../core/failure';
import { recordOf, textOf, textsOf } from '../../core/reading';
import { runHealthJob } from '../../run/endpointJobs';
import { holdWorker } from '../../run/holdJob';
import { manageItems } from '../../run/manageItems';
import type { Plane } from '../../run/plane';
import { Values, endpointField, shownIf } from '../managedFields';

const show = { resource: ['endpoint'], operation: ['warmUp'] };
const own = managementFields.endpoint;
const limits = managementLimits.endpoint;

export const fields: INodeProperties[] = [
	endpointField(show),
	...shownIf(show, [own.readyTimeoutS, own.raiseMaxWorkers, own.duration]),
	{ ...own.interval, displayOptions: { show, hide: { duration: [0] } } },
];

/**
 * A paused endpoint never takes a job, so it is noticed before one is sent. A key that may not read
 * endpoints can still run jobs. Returns whether the endpoint was allowed a worker.
 */
async function wake(plane: Plane, id: string, mayRaise: boolean): Promise<boolean> {
	const path = `serverless/${id}`;
	const endpoint = readManagedEndpoint(await plane.glance(path));
	if (endpoint === undefined || !isPausedEndpoint(endpoint)) return false;
	const details = { endpoint_id: id };
	if (!mayRaise) throw new JobFailure(failureOf('ENDPOINT_PAUSED', { endpoint: id }, { details }));
	const subject = { what: 'Endpoint', id, to: 'change endpoints' };
	await plane.change('PATCH', path, subject, { body: { workers: { max: 1 } } });
	return true;
}

/** Starts a worker where none is warm, waits until it answers, and holds one where that is asked for. */
export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await manageItems.call(this, (itemIndex) => {
		const values = new Values(this, itemIndex);
		const id = bareIdOf(values.raw('managedEndpoint'), 'Endpoint');
		const timeoutS = values.number(limits.readyTimeoutS);
		const mayRaise = values.isOn(limits.raiseMaxWorkers);
		const durationS = values.number(limits.duration);
		const intervalS = values.number(limits.interval);
		return async (plane) => {
			const wasRaised = await wake(plane, id, mayRaise);
			const { job, seconds } = await runHealthJob(this, plane.stop, id, {}, timeoutS);
			const output = recordOf(job.output);
			const set = textOf(output.model_set);
			const models = textsOf(output.models);
			const hold =
				durationS === 0
					? null
					: await holdWorker(plane, { endpointId: id, durationS, intervalS, timeoutS });
			const item: IDataObject = {
				state: 'ready',
				endpoint_id: id,
				worker_id: job.workerId ?? null,
				version: textOf(output.version) ?? null,
				ready_after_s: seconds,
				cold_start: typeof output.cold_start === 'boolean' ? output.cold_start : null,
				models: models.length > 0 || set === undefined ? models : [set],
				raised_max_workers: wasRaised,
				hold,
			};
			return item;
		};
	});
}
