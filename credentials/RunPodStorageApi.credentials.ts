import type {
	Icon,
	ICredentialDataDecryptedObject,
	ICredentialTestRequest,
	ICredentialType,
	IHttpRequestOptions,
	INodeProperties,
} from 'n8n-workflow';

import { jobLimits } from '../nodes/RunPod/contract/job';
import { addressOf, bucketOf, DEFAULT_PREFIX, signingKeys } from '../nodes/RunPod/core/bucket';
import { sha256, signedHeaders } from '../nodes/RunPod/core/signature';

/** A bucket for what is too large for a request, and for results that are handed on as links. */
export class RunPodStorageApi implements ICredentialType {
	name = 'runPodStorageApi';

	displayName = 'RunPod Storage API';

	icon: Icon = {
		light: 'file:../nodes/RunPod/runpod.svg',
		dark: 'file:../nodes/RunPod/runpod.dark.svg',
	};

	documentationUrl =
		'https://github.com/n8n-nodes-runpod-studio/n8n-nodes-runpod-studio/blob/main/docs/storage.md';

	properties: INodeProperties[] = [
		{
			displayName: 'Endpoint URL',
			name: 'endpointUrl',
			type: 'string',
			required: true,
			default: '',
			placeholder: 'e.g. https://s3.eu-west-1.amazonaws.com',
			description:
				'Address of the S3 server: Amazon S3, Cloudflare R2, Backblaze B2, MinIO, a RunPod network volume (https://s3api-eu-ro-1.runpod.io) or any other',
		},
		{
			displayName: 'Bucket',
			name: 'bucket',
			type: 'string',
			required: true,
			default: '',
			placeholder: 'e.g. pictures',
			description: 'Name of the bucket; of a RunPod network volume its ID',
		},
		{
			displayName: 'Region',
			name: 'region',
			type: 'string',
			default: 'auto',
			description:
				"The bucket's region. 'auto' takes it from the endpoint, which suits the servers named above; fill it in where a server asks for another one.",
		},
		{
			displayName: 'Access Key ID',
			name: 'accessKeyId',
			type: 'string',
			required: true,
			default: '',
			description:
				'The public half of a key that may read, write and delete files in this bucket, and nothing else',
		},
		{
			displayName: 'Secret Access Key',
			name: 'secretAccessKey',
			type: 'string',
			typeOptions: { password: true },
			required: true,
			default: '',
			description:
				"The secret half of the key. Image and job operations with this storage also send it to RunPod with the job, as 's3Config': the worker puts large results into the bucket itself.",
		},
		{
			displayName: 'Path Prefix',
			name: 'pathPrefix',
			type: 'string',
			default: DEFAULT_PREFIX,
			description: 'What the names of all files begin with',
		},
		{
			displayName: 'Public Base URL',
			name: 'publicBaseUrl',
			type: 'string',
			default: '',
			placeholder: 'e.g. https://pictures.example.com',
			description:
				'Address under which the bucket can be read by everybody. Links then begin with it and never expire. Leave empty for signed links.',
		},
		{
			displayName: 'Link Expiry (Seconds)',
			name: 'linkExpiryS',
			type: 'number',
			typeOptions: {
				minValue: jobLimits.linkExpiryMinS,
				maxValue: jobLimits.linkExpiryMaxS,
				numberPrecision: 0,
			},
			default: jobLimits.linkExpiryS,
			description: 'How long a signed link can be opened, at most seven days',
		},
	];

	/** Signs a request to the bucket of this credential, and no other. */
	async authenticate(
		credentials: ICredentialDataDecryptedObject,
		requestOptions: IHttpRequestOptions,
	): Promise<IHttpRequestOptions> {
		const bucket = bucketOf(credentials);
		const { baseURL, body, method = 'GET' } = requestOptions;
		// Only the test below has a base: the fields as they were typed, with or without the bucket.
		const url = baseURL === undefined ? requestOptions.url : addressOf(bucket, '');
		if (!url.startsWith(addressOf(bucket, ''))) return requestOptions;
		const payload = sha256(Buffer.isBuffer(body) ? body : '');
		const headers = {
			...(requestOptions.headers as Record<string, string> | undefined),
			'x-amz-content-sha256': payload,
		};
		const signed = signedHeaders(
			{ method, url, headers },
			payload,
			Date.now(),
			signingKeys(bucket),
		);
		return { ...requestOptions, baseURL: undefined, url, headers: signed };
	}

	test: ICredentialTestRequest = {
		request: {
			baseURL: '={{$credentials.endpointUrl.trim()}}',
			url: '/',
			method: 'HEAD',
		},
		rules: [
			{
				type: 'responseCode',
				properties: {
					value: 301,
					message:
						"The bucket is in another region. Fill in 'Region', or the endpoint of its region in 'Endpoint URL'.",
				},
			},
			{
				type: 'responseCode',
				properties: {
					value: 400,
					message:
						"The server did not accept the request. Check 'Region': it must be the one that the server names.",
				},
			},
			{
				type: 'responseCode',
				properties: {
					value: 403,
					message:
						"The server was reached and refused the key. Compare 'Access Key ID' and 'Secret Access Key'; a key that may not list the bucket is refused here, too, but can work for files.",
				},
			},
			{
				type: 'responseCode',
				properties: {
					value: 404,
					message: "The server has no such bucket. Check 'Bucket' and 'Endpoint URL'.",
				},
			},
		],
	};
}
