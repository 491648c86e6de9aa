import type { IExecuteFunctions, INodeExecutionData, INodeProperties } from 'n8n-workflow';

import * as billing from './billing';
import * as endpoint from './endpoint';
import * as gpuType from './gpuType';
import * as networkVolume from './networkVolume';
import * as pod from './pod';

/** The resources of RunPod's management API. They run no job, so they have no target to run on. */

interface Operation {
	fields: INodeProperties[];
	execute: (this: IExecuteFunctions) => Promise<INodeExecutionData[][]>;
}

const resources: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
	billing: { get: billing.get },
	endpoint: {
		create: endpoint.create,
		delete: endpoint.remove,
		get: endpoint.get,
		getAll: endpoint.getAll,
		getHealth: endpoint.getHealth,
		purgeQueue: endpoint.purgeQueue,
		update: endpoint.update,
		warmUp: endpoint.warmUp,
	},
	gpuType: { getAll: gpuType.getAll },
	networkVolume: {
		create: networkVolume.create,
		delete: networkVolume.remove,
		get: networkVolume.get,
		getAll: networkVolume.getAll,
		update: networkVolume.update,
	},
	pod: {
		create: pod.create,
		get: pod.get,
		getAll: pod.getAll,
		getMetrics: pod.getMetrics,
		restart: pod.restart,
		start: pod.start,
		stop: pod.stop,
		terminate: pod.terminate,
		terminateIdle: pod.terminateIdle,
		waitUntilReady: pod.waitUntilReady,
	},
};

export const managedResources = Object.keys(resources);

/** The field 'Operation' of each resource. */
export const managedOperations: INodeProperties[] = [
	billing.operations,
	endpoint.operations,
	gpuType.operations,
	networkVolume.operations,
	pod.operations,
];

export const managedProperties: INodeProperties[] = Object.values(resources).flatMap((operations) =>
	Object.values(operations).flatMap(({ fields }) => fields),
);

/** Keys are the values of 'Resource' and 'Operation'. */
export const managedExecutes: Array<[string, Operation['execute']]> = Object.entries(
	resources,
).flatMap(([resource, operations]) =>
	Object.entries(operations).map(([name, { execute }]): [string, Operation['execute']] => [
		`${resource}.${name}`,
		execute,
	]),
);
