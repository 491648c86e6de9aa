import type { INodeProperties } from 'n8n-workflow';

export * as generate from './generate.operation';
export * as score from './score.operation';
export * as upscale from './upscale.operation';

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
		{
			name: 'Score',
			value: 'score',
			description: 'Say how good images look, by a learned predictor',
			action: 'Score image',
		},
		{
			name: 'Upscale',
			value: 'upscale',
			description: 'Enlarge images with a network that restores detail',
			action: 'Upscale image',
		},
	],
	default: 'generate',
};
