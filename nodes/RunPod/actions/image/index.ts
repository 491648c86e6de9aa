import type { INodeProperties } from 'n8n-workflow';

export * as generate from './generate.operation';

export const operations: INodeProperties = {
	displayName: 'Operation',
	name: 'operation',
	type: 'options',
	noDataExpression: true,
	displayOptions: { show: { resource: ['image'] } },
	options: [
		{
			name: 'Generate',
			value: 'generate',
			description: 'Make an image from text',
			action: 'Generate image',
		},
	],
	default: 'generate',
};
