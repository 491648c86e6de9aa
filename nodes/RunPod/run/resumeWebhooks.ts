import type { IWebhookDescription } from 'n8n-workflow';

/** The address of a parked execution: `$execution.resumeUrl` leads here. */
export const resumeWebhooks: IWebhookDescription[] = [
	{
		name: 'default',
		httpMethod: 'POST',
		// After the node has looked at its jobs, but before the rest of the workflow runs.
		responseMode: 'onReceived',
		path: '',
		restartWebhook: true,
	},
];
