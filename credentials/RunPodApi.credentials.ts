import type {
	IAuthenticateGeneric,
	Icon,
	ICredentialTestRequest,
	ICredentialType,
	INodeProperties,
} from 'n8n-workflow';

import { failures } from '../nodes/RunPod/contract/errors';

/** A RunPod account: its key, and the two addresses that RunPod answers on. */
export class RunPodApi implements ICredentialType {
	name = 'runPodApi';

	displayName = 'RunPod API';

	icon: Icon = {
		light: 'file:../nodes/RunPod/runpod.svg',
		dark: 'file:../nodes/RunPod/runpod.dark.svg',
	};

	documentationUrl =
		'https://github.com/n8n-nodes-runpod-studio/n8n-nodes-runpod-studio/blob/main/docs/credentials.md#runpod-api';

	properties: INodeProperties[] = [
		{
			displayName: 'API Key',
			name: 'apiKey',
			type: 'string',
			typeOptions: { password: true },
			required: true,
			default: '',
			description:
				'Create it in <a href="https://console.runpod.io/user/settings" target="_blank">RunPod under Settings > API Keys</a>. Give it only the permissions that your workflows need: running jobs on the chosen endpoints, and reading the account so that the node can list them.',
		},
		{
			displayName: 'Job API Base URL',
			name: 'jobBaseUrl',
			type: 'string',
			default: 'https://api.runpod.ai/v2',
			description: 'Where jobs are submitted. Change it only for a proxy or a test server.',
		},
		{
			displayName: 'Management API Base URL',
			name: 'managementBaseUrl',
			type: 'string',
			default: 'https://api.runpod.io/v2',
			description:
				'Where endpoints and Pods are managed. Change it only for a proxy or a test server.',
		},
		{
			displayName: 'Pod Proxy URL',
			name: 'podProxyUrl',
			type: 'string',
			default: 'https://{pod}-{port}.proxy.runpod.net',
			description:
				'Where the applications in Pods answer: {pod} stands for the ID, {port} for the port. Change it only for a proxy or a test server.',
		},
	];

	authenticate: IAuthenticateGeneric = {
		type: 'generic',
		properties: { headers: { Authorization: '=Bearer {{$credentials.apiKey}}' } },
	};

	test: ICredentialTestRequest = {
		request: {
			baseURL: '={{$credentials.managementBaseUrl.replace(/\\/+$/, "")}}',
			url: '/pods',
			method: 'GET',
		},
		rules: [
			{
				type: 'responseCode',
				properties: {
					value: 401,
					message: `${failures.UNAUTHORIZED.message} ${failures.UNAUTHORIZED.remedy}`,
				},
			},
			{
				type: 'responseCode',
				properties: {
					value: 403,
					message:
						'The key is valid but may not list Pods. Give it that permission, or use it only for its own endpoint.',
				},
			},
		],
	};
}
