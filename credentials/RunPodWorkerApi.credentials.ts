import type {
	Icon,
	ICredentialDataDecryptedObject,
	ICredentialTestRequest,
	ICredentialType,
	IDataObject,
	IHttpRequestOptions,
	INodeProperties,
} from 'n8n-workflow';

import { isOwnHost, mayCarryToken } from '../nodes/RunPod/core/address';
import { serverTypeOf, serverTypes } from '../nodes/RunPod/core/serverType';

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
					name: serverTypes.comfyui,
					value: 'comfyui',
					description: 'A ComfyUI of your own, usually on port 8188 or 3000',
				},
				{
					name: serverTypes.studio,
					value: 'studio',
					description: 'The worker that comes with this package, in Pod mode, usually on port 8000',
				},
				{
					name: serverTypes.swarmui,
					value: 'swarmui',
					description: 'A SwarmUI of your own, usually on port 7801',
				},
			],
			default: 'studio',
			description:
				'What answers at the address. Image, Caption and Job need a Studio Worker. None of the three needs a RunPod key.',
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
				'For a Studio Worker the value of AUTH_TOKEN that it was started with; for another server what stands before it asks for. Leave empty only where nothing is asked for. It is sent to the base URL and to Pods behind proxy.runpod.net, to no other address.',
		},
		{
			displayName: 'Swarm Token',
			name: 'swarmToken',
			type: 'string',
			typeOptions: { password: true },
			default: '',
			displayOptions: { show: { serverType: ['swarmui'] } },
			description:
				'Only where SwarmUI asks for a login: the value of the cookie swarm_token of a browser that is logged in. It is sent to the base URL, to no other address.',
		},
	];

	async authenticate(
		credentials: ICredentialDataDecryptedObject,
		requestOptions: IHttpRequestOptions,
	): Promise<IHttpRequestOptions> {
		const token = String(credentials.token ?? '').trim();
		const swarmToken = String(credentials.swarmToken ?? '').trim();
		const baseUrl = String(credentials.baseUrl ?? '');
		// The Worker URL of a node can come from an expression, so a foreign address is possible.
		const target = new URL(requestOptions.url, requestOptions.baseURL).href;
		const headers: IDataObject = {};
		if (token !== '' && mayCarryToken(target, baseUrl)) headers.Authorization = `Bearer ${token}`;
		// The form hides the token of another server type, but keeps its value.
		const isSwarm = serverTypeOf(credentials.serverType) === 'swarmui';
		if (isSwarm && swarmToken !== '' && isOwnHost(target, baseUrl)) {
			headers.Cookie = `swarm_token=${encodeURIComponent(swarmToken)}`;
		}
		if (Object.keys(headers).length > 0) {
			requestOptions.headers = { ...requestOptions.headers, ...headers };
		}
		return requestOptions;
	}

	test: ICredentialTestRequest = {
		request: {
			baseURL: '={{$credentials.baseUrl.replace(/\\/+$/, "")}}',
			url: '={{ ({ comfyui: "/system_stats", swarmui: "/" })[$credentials.serverType] || "/health" }}',
			method: 'GET',
		},
		rules: [
			{
				type: 'responseCode',
				properties: {
					value: 401,
					message:
						"The server asks for a token. Fill in 'Bearer Token': for a Studio Worker with the AUTH_TOKEN that it was started with.",
				},
			},
			{
				type: 'responseCode',
				properties: {
					value: 403,
					message:
						"The server did not accept the token. Compare 'Bearer Token', for a Studio Worker with the AUTH_TOKEN that it was started with.",
				},
			},
			{
				type: 'responseCode',
				properties: {
					value: 404,
					message:
						"The address answers, but not as the chosen 'Server Type'. Check it, and 'Base URL': scheme, host and port, without a path.",
				},
			},
			{
				type: 'responseCode',
				properties: {
					value: 503,
					message: 'The server was reached and is still starting. Test again in a minute.',
				},
			},
		],
	};
}
