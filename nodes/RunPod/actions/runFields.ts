import type { IDataObject, INodeProperties } from 'n8n-workflow';

import { settingFields } from '../contract/fields';

/** Where the job runs: the same two fields in every operation with a job. */
export const targetFields: INodeProperties[] = [
	{
		...settingFields.runOn,
		options: [
			{
				name: 'RunPod Endpoint',
				value: 'endpoint',
				description: 'A serverless endpoint of a RunPod account',
			},
			{
				name: 'Worker URL',
				value: 'workerUrl',
				description: 'One worker at its own address: this machine, the network or a Pod',
			},
		],
	},
	{
		displayName: 'Endpoint',
		name: 'endpoint',
		type: 'resourceLocator',
		required: true,
		default: { mode: 'list', value: '' },
		description: 'The serverless endpoint that runs the job',
		displayOptions: { show: { runOn: ['endpoint'] } },
		modes: [
			{
				displayName: 'From List',
				name: 'list',
				type: 'list',
				typeOptions: { searchListMethod: 'searchEndpoints', searchable: true },
			},
			{
				displayName: 'By ID',
				name: 'id',
				type: 'string',
				placeholder: 'e.g. 4m7x2k9q',
				validation: [
					{
						type: 'regex',
						properties: {
							regex: '^[A-Za-z0-9_-]+$',
							errorMessage: 'Endpoint ID must be the bare ID, without spaces or a URL.',
						},
					},
				],
			},
			{
				displayName: 'By URL',
				name: 'url',
				type: 'string',
				placeholder: 'e.g. https://api.runpod.ai/v2/4m7x2k9q/run',
				extractValue: { type: 'regex', regex: '^https?://[^/]+/v2/([A-Za-z0-9_-]+)(?:[/?#].*)?$' },
				validation: [
					{
						type: 'regex',
						properties: {
							regex: '^https?://[^/]+/v2/([A-Za-z0-9_-]+)(?:[/?#].*)?$',
							errorMessage: 'The URL must look like https://api.runpod.ai/v2/ID/run.',
						},
					},
				],
			},
		],
	},
	{
		displayName: 'Worker URL',
		name: 'workerUrl',
		type: 'string',
		default: '',
		placeholder: 'e.g. https://abc123-8000.proxy.runpod.net',
		description:
			"Address of the worker. Leave empty to use the credential's base URL. The credential's token is sent to that address and to Pods behind proxy.runpod.net only.",
		displayOptions: { show: { runOn: ['workerUrl'] } },
	},
];

const whilePolling = { show: { '/waitForResult': ['poll'] } };
/** A worker at its own address is not paid by the job. */
const whereBilled = { show: { '/runOn': ['endpoint'] } };
/** Jobs often cost less than a cent. */
const usd = { displayOptions: whereBilled, typeOptions: { minValue: 0, numberPrecision: 6 } };

/** Which bucket; the credential for it is asked for only where one is chosen. */
export const storageField: INodeProperties = {
	...settingFields.storage,
	options: [
		{ name: 'None', value: 'none', description: 'Everything goes inside requests and replies' },
		{
			name: 'RunPod Storage',
			value: 'runPodStorage',
			description: 'Any S3 bucket, by its credential',
		},
	],
};

/** What the images of a result become: the same field wherever a result has any. */
export const outputField: INodeProperties = {
	...settingFields.outputAs,
	options: [
		{ name: 'Binary', value: 'binary', description: 'Files in a binary field of the item' },
		{
			name: 'URL',
			value: 'url',
			description: 'Links in the JSON; n8n does not download the files',
		},
		{ name: 'Both', value: 'both', description: 'Files, and links to them' },
	],
};

/** Everything about the job that is rarely changed; the defaults suit a first image. */
const jobOptions: INodeProperties[] = [
	settingFields.cancelIfEtaAboveS,
	settingFields.cancelOnStop,
	{
		...settingFields.fallback,
		options: [
			{ name: 'Endpoint', value: 'endpoint', description: 'Another endpoint of the same account' },
			{ name: 'None', value: 'none', description: 'The job fails' },
			{ name: 'Worker URL', value: 'workerUrl', description: 'One worker at its own address' },
		],
	},
	{
		...settingFields.fallbackEndpoint,
		displayOptions: { show: { fallback: ['endpoint'] } },
	},
	{
		...settingFields.fallbackWorkerUrl,
		displayOptions: { show: { fallback: ['workerUrl'] } },
	},
	settingFields.costEstimate,
	settingFields.maxParallelJobs,
	{ ...settingFields.maxUsdPerDay, ...usd },
	{ ...settingFields.maxUsdPerJob, ...usd },
	{ ...settingFields.maxUsdPerRun, ...usd },
	{
		...settingFields.onBudgetBreach,
		options: [
			{ name: 'Stop', value: 'stop', description: 'Submit nothing more' },
			{
				name: 'Stop and Pause Endpoint',
				value: 'pause',
				description: 'Also set the max workers of the endpoint to 0, for everybody who uses it',
			},
		],
		displayOptions: whereBilled,
	},
	{ ...settingFields.pollIntervalMs, displayOptions: whilePolling },
	settingFields.priority,
	{
		...settingFields.queueTimeoutS,
		hint: 'A cold start can take minutes: 180 or 240 for large models.',
	},
	settingFields.requestTimeoutS,
	settingFields.runTimeoutS,
	storageField,
	{
		...settingFields.submitMode,
		options: [
			{ name: 'Async', value: 'async', description: 'Submit, then look at the job until it ends' },
			{
				name: 'Sync',
				value: 'sync',
				description: 'Keep the first request open up to 90 seconds, then go on as Async',
			},
		],
		displayOptions: whilePolling,
	},
	settingFields.ttlS,
	{
		...settingFields.webhookUrl,
		placeholder: 'e.g. https://example.com/webhook/job-finished',
		displayOptions: { show: { '/waitForResult': ['dontWait'] } },
	},
];

/** How to wait and what to hand on, below the fields of an operation that submits a job. */
export function waitFields(show: Record<string, string[]>): INodeProperties[] {
	return [
		{
			...settingFields.waitForResult,
			options: [
				{
					name: 'Poll',
					value: 'poll',
					description: 'Wait, and hand on the result',
				},
				{
					name: 'Callback',
					value: 'callback',
					description:
						'Submit, store the execution, and go on when RunPod calls back. Survives a restart of n8n, and takes no worker while it waits. The workflow has to be saved.',
				},
				{
					name: "Don't Wait",
					value: 'dontWait',
					description:
						'Hand on the job ID at once. The job goes on at RunPod; fetch its result with Job > Poll Status.',
				},
			],
			displayOptions: { show },
		},
		{
			...settingFields.simplify,
			displayOptions: { show: { ...show, waitForResult: ['poll', 'callback'] } },
		},
		{
			displayName: 'Job Options',
			name: 'jobOptions',
			type: 'collection',
			placeholder: 'Add option',
			default: {},
			options: jobOptions,
			displayOptions: { show },
		},
	];
}

/** The binary field that the images go to, from the collection 'Options'. */
export function outputFieldOf(options: IDataObject): string {
	return String(options.outputField || settingFields.outputField.default);
}
