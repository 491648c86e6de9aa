import type { INodeProperties } from 'n8n-workflow';

export * as generate from './generate.operation';
export * as getModels from './getModels.operation';

export const operations: INodeProperties = {
	displayName: 'Operation',
	name: 'operation',
	type: 'options',
	noDataExpression: true,
	displayOptions: { show: { resource: ['caption'] } },
	options: [
		{
			name: 'Generate',
			value: 'generate',
			description: 'Say in words what images show',
			action: 'Generate caption',
		},
		{
			name: 'Get Models',
			value: 'getModels',
			description:
				'List caption models, their modes and extra instructions, as the worker has them',
			action: 'Get caption models',
		},
	],
	default: 'generate',
};
