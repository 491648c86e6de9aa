import type { INodeProperties } from 'n8n-workflow';

export * as getAll from './getAll.operation';

export const operations: INodeProperties = {
	displayName: 'Operation',
	name: 'operation',
	type: 'options',
	noDataExpression: true,
	displayOptions: { show: { resource: ['gpuType'] } },
	options: [
		{
			name: 'Get Many',
			value: 'getAll',
			description: 'List GPU types with memory, price and stock of the moment',
			action: 'Get many GPU types',
		},
	],
	default: 'getAll',
};
