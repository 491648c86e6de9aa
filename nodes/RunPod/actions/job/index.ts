import type { INodeProperties } from 'n8n-workflow';

export * as cancel from './cancel.operation';
export * as pollStatus from './pollStatus.operation';
export * as retry from './retry.operation';
export * as run from './run.operation';

export const operations: INodeProperties = {
	displayName: 'Operation',
	name: 'operation',
	type: 'options',
	noDataExpression: true,
	displayOptions: { show: { resource: ['job'] } },
	options: [
		{
			name: 'Cancel',
			value: 'cancel',
			description: 'End a job that waits or runs',
			action: 'Cancel job',
		},
		{
			name: 'Poll Status',
			value: 'pollStatus',
			description: 'Look at a job, or wait for it, and fetch its result',
			action: 'Poll status of job',
		},
		{
			name: 'Retry',
			value: 'retry',
			description: 'Run a failed or timed-out job again under its ID',
			action: 'Retry job',
		},
		{
			name: 'Run',
			value: 'run',
			description: 'Run a job on any endpoint or worker and hand on what it gives',
			action: 'Run job',
		},
	],
	default: 'pollStatus',
};
