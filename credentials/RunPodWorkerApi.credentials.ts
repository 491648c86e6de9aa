import type {
	Icon,
	ICredentialDataDecryptedObject,
	ICredentialTestRequest,
	ICredentialType,
	IHttpRequestOptions,
	INodeProperties,
} from 'n8n-workflow';

import { mayCarryToken } from '../nodes/RunPod/core/address';

/** One worker that is reached directly: on the own machine, in the own network or on a Pod. */
export class RunPodWorkerApi implements ICredentialType {
	name = 'runPodWorkerApi';

	displayName = 'RunPod Worker API';

	icon: Icon = {
		light: 'file:../nodes/RunPod/runpod.svg',
		dark: 'file:../nodes/RunPod/runpod.dark.svg',
	};

	documentationUrl =
		'https://github.com/n8n-nodes-runpod-studio/n8n-nodes-runpod-studio/blob/main/docs/credentials.md#runpod-worker-api';

	properties: INodeProperties[] = [
		{
			displayName: 'Server Type',
			name: 'serverType',
			type: 'options',
			options: [
				{
					name: 'Studio Worker',
					value: 'studio',
					description: 'The worker that comes with this package, in Pod mode',
				},
			],
			default: 'studio',
		},
		{
			displayName: 'Base URL',
			name: 'baseUrl',
			type: 'string',
			required: true,
			default: 'http://127.0.0.1:8000',
			placeholder: 'e.g. https://abc123-8000.proxy.runpod.net',
			description: 'Address of the worker, without a path behind it',
		},
		{
			displayName: 'Bearer Token',
			name: 'token',
			type: 'string',
			typeOptions: { password: true },
			default: '',
			description:
				'The value of AUTH_TOKEN that the worker was started with. Leave empty only for a worker that runs without one. It is sent to the base URL and to Pods behind proxy.runpod.net, to no other address.',
		},
	];

	async authenticate(
		credentials: ICredentialDataDecryptedObject,
		requestOptions: IHttpRequestOptions,
	): Promise<IHttpRequestOptions> {
		const token = String(credentials.token ?? '').trim();
		// The Worker URL of a node can come from an expression, so a foreign address is possible.
		const target = new URL(requestOptions.url, requestOptions.baseURL).href;
		if (token === '' || !mayCarryToken(target, String(credentials.baseUrl ?? ''))) {
			return requestOptions;
		}
		requestOptions.headers = { ...requestOptions.headers, Authorization: `Bearer ${token}` };
		return requestOptions;
	}

	test: ICredentialTestRequest = {
		request: {
			baseURL: '={{$credentials.baseUrl.replace(/\\/+$/, "")}}',
			url: '/health',
			method: 'GET',
		},
		rules: [
			{
				type: 'responseCode',
				properties: {
					value: 401,
					message:
						"The worker asks for a token. Fill in 'Bearer Token' with the AUTH_TOKEN that the worker was started with.",
				},
			},
			{
				type: 'responseCode',
				properties: {
					value: 403,
					message:
						"The worker did not accept the token. Compare 'Bearer Token' with the AUTH_TOKEN that the worker was started with.",
				},
			},
			{
				type: 'responseCode',
				properties: {
					value: 404,
					message:
						"The address answers, but not as a Studio Worker. Check 'Base URL': scheme, host and port, without a path.",
				},
			},
			{
				type: 'responseCode',
				properties: {
					value: 503,
					message: 'The worker was reached and is still starting. Test again in a minute.',
				},
			},
		],
	};
}
