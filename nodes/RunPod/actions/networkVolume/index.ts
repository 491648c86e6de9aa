import type { INodeProperties } from 'n8n-workflow';

export * as create from './create.operation';
export * as remove from './delete.operation';
export * as get from './get.operation';
export * as getAll from './getAll.operation';
export * as update from './update.operation';

export const operations: INodeProperties = {
	displayName: 'Operation',
	name: 'operation',
	type: 'options',
	noDataExpression: true,
	displayOptions: { show: { resource: ['networkVolume'] } },
	options: [
		{
			name: 'Create',
			value: 'create',
			description: 'Create a network volume',
			action: 'Create network volume',
		},
		{
			name: 'Delete',
			value: 'delete',
			description: 'Delete a network volume and all that lies on it',
			action: 'Delete network volume',
		},
		{
			name: 'Get',
			value: 'get',
			description: 'Look at a network volume',
			action: 'Get network volume',
		},
		{
			name: 'Get Many',
			value: 'getAll',
			description: 'List the network volumes of the account',
			action: 'Get many network volumes',
		},
		{
			name: 'Update',
			value: 'update',
			description: 'Rename a network volume or make it larger',
			action: 'Update network volume',
		},
	],
	default: 'getAll',
};
