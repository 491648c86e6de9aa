import type { INodeProperties } from 'n8n-workflow';

export * as create from './create.operation';
export * as remove from './delete.operation';
export * as get from './get.operation';
export * as getAll from './getAll.operation';
export * as getHealth from './getHealth.operation';
export * as purgeQueue from './purgeQueue.operation';
export * as update from './update.operation';
export * as warmUp from './warmUp.operation';

export const operations: INodeProperties = {
	displayName: 'Operation',
	name: 'operation',
	type: 'options',
	noDataExpression: true,
	displayOptions: { show: { resource: ['endpoint'] } },
	options: [
		{
			name: 'Create',
			value: 'create',
			description: 'Deploy a worker as a serverless endpoint',
			action: 'Create endpoint',
		},
		{
			name: 'Delete',
			value: 'delete',
			description: 'Delete an endpoint for good',
			action: 'Delete endpoint',
		},
		{
			name: 'Get',
			value: 'get',
			description: 'Look at the settings of an endpoint',
			action: 'Get endpoint',
		},
		{
			name: 'Get Health',
			value: 'getHealth',
			description: 'Count jobs and workers, of one endpoint or of all',
			action: 'Get health of endpoint',
		},
		{
			name: 'Get Many',
			value: 'getAll',
			description: 'List the endpoints that the key sees',
			action: 'Get many endpoints',
		},
		{
			name: 'Purge Queue',
			value: 'purgeQueue',
			description: 'Take waiting jobs out of the queue; those that run go on',
			action: 'Purge queue of endpoint',
		},
		{
			name: 'Update',
			value: 'update',
			description: 'Change settings, pause or resume an endpoint',
			action: 'Update endpoint',
		},
		{
			name: 'Warm Up',
			value: 'warmUp',
			description: 'Start a worker and wait until it answers',
			action: 'Warm up endpoint',
		},
	],
	default: 'getAll',
};
