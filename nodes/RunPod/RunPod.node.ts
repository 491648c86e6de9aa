import type {
	IExecuteFunctions,
	INodeExecutionData,
	INodeType,
	INodeTypeDescription,
	IWebhookFunctions,
	IWebhookResponseData,
} from 'n8n-workflow';
import { NodeConnectionTypes } from 'n8n-workflow';

import { properties } from './actions/properties';
import { router } from './actions/router';
import * as listSearch from './methods/listSearch';
import * as loadOptions from './methods/loadOptions';
import * as modelSearch from './methods/modelSearch';
import { resume } from './run/resume';
import { resumeWebhooks } from './run/resumeWebhooks';

export class RunPod implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'RunPod',
		name: 'runPod',
		icon: { light: 'file:runpod.svg', dark: 'file:runpod.dark.svg' },
		group: ['transform'],
		version: 1,
		subtitle: '={{$parameter["operation"] + ": " + $parameter["resource"]}}',
		description: 'Make images on RunPod GPUs, follow the jobs there, and manage endpoints and Pods',
		defaults: { name: 'RunPod' },
		usableAsTool: true,
		inputs: [NodeConnectionTypes.Main],
		outputs: [NodeConnectionTypes.Main],
		// 'hide' and not 'show' for the endpoint: where every option of a field shows a credential, the
		// editor takes the field for a choice of authentication and leaves it out of the form.
		credentials: [
			{
				name: 'runPodApi',
				required: true,
				displayOptions: { hide: { runOn: ['workerUrl'] } },
			},
			{
				name: 'runPodWorkerApi',
				required: true,
				displayOptions: { show: { runOn: ['workerUrl'] } },
			},
			// The credential of a fallback of the other kind.
			{
				name: 'runPodApi',
				required: true,
				displayOptions: { show: { runOn: ['workerUrl'], '/jobOptions.fallback': ['endpoint'] } },
			},
			{
				name: 'runPodWorkerApi',
				required: true,
				displayOptions: {
					hide: { runOn: ['workerUrl'] },
					show: { '/jobOptions.fallback': ['workerUrl'] },
				},
			},
			{
				name: 'runPodStorageApi',
				required: true,
				displayOptions: { show: { '/jobOptions.storage': ['runPodStorage'] } },
			},
			// Its token opens the worker in a Pod, and a new Pod gets it.
			{ name: 'runPodWorkerApi', displayOptions: { show: { resource: ['pod'] } } },
		],
		webhooks: resumeWebhooks,
		waitingNodeTooltip:
			'Waiting until RunPod tells that the job is finished. The execution is stored and goes on after a restart.',
		properties,
	};

	methods = { listSearch: { ...listSearch, ...modelSearch }, loadOptions: { ...loadOptions } };

	async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
		return await router.call(this);
	}

	/** RunPod calls the address of a parked execution. */
	async webhook(this: IWebhookFunctions): Promise<IWebhookResponseData> {
		return await resume.call(this);
	}
}
