import type { INodeProperties } from 'n8n-workflow';

export * as pollStatus from './pollStatus.operation';

export const operations: INodeProperties = {
	displayName: 'Operation',
	name: 'operation',
	type: 'options',
	noDataExpression: true,
	displayOptions: { show: { resource: ['job'] } },
	options: [
		{
			name: 'Poll Status',
			value: 'pollStatus',
			description: 'Look at a job, or wait for it, and fetch its result',
			action: 'Poll status of job',
		},
	],
	default: 'pollStatus',
};
