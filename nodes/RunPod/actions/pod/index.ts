import type { INodeProperties } from 'n8n-workflow';

export * as create from './create.operation';
export * as get from './get.operation';
export * as getAll from './getAll.operation';
export * as getMetrics from './getMetrics.operation';
export * as restart from './restart.operation';
export * as start from './start.operation';
export * as stop from './stop.operation';
export * as terminate from './terminate.operation';
export * as terminateIdle from './terminateIdle.operation';
export * as waitUntilReady from './waitUntilReady.operation';

export const operations: INodeProperties = {
	displayName: 'Operation',
	name: 'operation',
	type: 'options',
	noDataExpression: true,
	displayOptions: { show: { resource: ['pod'] } },
	options: [
		{
			name: 'Create',
			value: 'create',
			description: 'Get a Pod for its owner: the one that is there, or a new one',
			action: 'Create pod',
		},
		{
			name: 'Get',
			value: 'get',
			description: 'Look at a Pod and whether its application answers',
			action: 'Get pod',
		},
		{
			name: 'Get Many',
			value: 'getAll',
			description: 'List Pods by tag and status',
			action: 'Get many pods',
		},
		{
			name: 'Get Metrics',
			value: 'getMetrics',
			description: 'Read load and memory of the machine',
			action: 'Get metrics of pod',
		},
		{
			name: 'Restart',
			value: 'restart',
			description: 'Restart the container of a running Pod',
			action: 'Restart pod',
		},
		{
			name: 'Start',
			value: 'start',
			description: 'Start a stopped Pod',
			action: 'Start pod',
		},
		{
			name: 'Stop',
			value: 'stop',
			description: 'Stop a Pod; its volume disk stays and is paid',
			action: 'Stop pod',
		},
		{
			name: 'Terminate',
			value: 'terminate',
			description: 'Delete a Pod, or all of a tag, for good',
			action: 'Terminate pod',
		},
		{
			name: 'Terminate Idle',
			value: 'terminateIdle',
			description: 'End the Pods of a tag that nobody uses',
			action: 'Terminate idle pods',
		},
		{
			name: 'Wait Until Ready',
			value: 'waitUntilReady',
			description: 'Wait until the application in a Pod answers',
			action: 'Wait until pod is ready',
		},
	],
	default: 'getAll',
};
