import type { INodeProperties } from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import type { EndpointValues } from '../../core/endpointWish';
import { choices, environmentField, environmentOf } from '../managedFields';
import type { Values } from '../managedFields';

/** What Create and Update have in common. */

const own = managementFields.endpoint;
const limits = managementLimits.endpoint;

export const poolsField: INodeProperties = choices(
	limits.gpuPools.label,
	'gpuPools',
	'getGpuPools',
);

/** Fields that are rarely set; what is not added keeps its default or its present value. */
export const rareFields: INodeProperties[] = [
	own.activeWorkers,
	own.containerDiskGb,
	choices(limits.dataCenters.label, 'dataCenters', 'getDataCenters'),
	environmentField,
	own.executionTimeoutS,
	own.flashBoot,
	own.gpuCount,
	own.idleTimeoutS,
	own.maxWorkers,
	choices(limits.networkVolumes.label, 'networkVolumes', 'getNetworkVolumes'),
	own.args,
];

const LISTS = [limits.gpuPools, limits.dataCenters, limits.networkVolumes];

/** The values of a collection, lists and variables in their own shapes. */
export function givenIn(values: Values, name: string): EndpointValues {
	const given: EndpointValues = { ...values.collection(name) };
	for (const limit of LISTS) {
		if (given[limit.parameter] !== undefined) {
			given[limit.parameter] = values.list(limit, values.collection(name));
		}
	}
	if (given.environment !== undefined) given.environment = environmentOf(given.environment);
	return given;
}
