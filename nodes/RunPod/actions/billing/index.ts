import type { INodeProperties } from 'n8n-workflow';

export * as get from './get.operation';

export const operations: INodeProperties = {
	displayName: 'Operation',
	name: 'operation',
	type: 'options',
	noDataExpression: true,
	displayOptions: { show: { resource: ['billing'] } },
	options: [
		{
			name: 'Get',
			value: 'get',
			description: 'Read what RunPod charged, by time',
			action: 'Get billing',
		},
	],
	default: 'get',
};
