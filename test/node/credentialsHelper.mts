/** n8n's way from a credential to a request: the credential's own rule, with its own expressions. */
import type {
	IAuthenticateGeneric,
	ICredentialDataDecryptedObject,
	ICredentials,
	ICredentialType,
	IHttpRequestOptions,
	INode,
	INodeCredentialsDetails,
	IRequestOptionsSimplified,
	Workflow,
} from 'n8n-workflow';
import { ICredentialsHelper } from 'n8n-workflow';
import { RunPodApi } from '../../credentials/RunPodApi.credentials.ts';
import { RunPodStorageApi } from '../../credentials/RunPodStorageApi.credentials.ts';
import { RunPodWorkerApi } from '../../credentials/RunPodWorkerApi.credentials.ts';

export type CredentialName = 'runPodApi' | 'runPodStorageApi' | 'runPodWorkerApi';
export type CredentialData = Partial<Record<CredentialName, ICredentialDataDecryptedObject>>;

const types: Record<CredentialName, ICredentialType> = {
	runPodApi: new RunPodApi(),
	runPodStorageApi: new RunPodStorageApi(),
	runPodWorkerApi: new RunPodWorkerApi(),
};

function typeOf(name: string): ICredentialType {
	if (name in types) return types[name as CredentialName];
	throw new Error(`no such credential: ${name}`);
}

/** Values of the form's defaults, with the given ones over them. */
function complete(name: string, data: ICredentialDataDecryptedObject) {
	const defaults = typeOf(name).properties.map((field) => [field.name, field.default]);
	return { ...Object.fromEntries(defaults), ...data } as ICredentialDataDecryptedObject;
}

export class TestCredentialsHelper extends ICredentialsHelper {
	constructor(private readonly data: CredentialData) {
		super();
	}

	async authenticate(
		credentials: ICredentialDataDecryptedObject,
		name: string,
		request: IHttpRequestOptions | IRequestOptionsSimplified,
		workflow?: Workflow,
		node?: INode,
	): Promise<IHttpRequestOptions> {
		const options = request as IHttpRequestOptions;
		const rule = typeOf(name).authenticate;
		if (rule === undefined) return options;
		if (typeof rule === 'function') return await rule(credentials, options);
		return this.generic(rule, credentials, options, workflow!, node!);
	}

	private generic(
		rule: IAuthenticateGeneric,
		credentials: ICredentialDataDecryptedObject,
		options: IHttpRequestOptions,
		workflow: Workflow,
		node: INode,
	): IHttpRequestOptions {
		const headers: Record<string, string> = {};
		for (const [header, value] of Object.entries(rule.properties.headers ?? {})) {
			headers[header] = String(
				workflow.expression.getSimpleParameterValue(node, value as string, 'internal', {
					$credentials: credentials,
				}),
			);
		}
		return { ...options, headers: { ...options.headers, ...headers } };
	}

	async getDecrypted(
		_additionalData: unknown,
		_details: INodeCredentialsDetails,
		name: string,
	): Promise<ICredentialDataDecryptedObject> {
		const data = this.data[name as CredentialName];
		if (data === undefined) throw new Error(`the test gave no credential '${name}'`);
		return complete(name, data);
	}

	getParentTypes(): string[] {
		return [];
	}

	isCredentialUsableByNode(): boolean {
		return true;
	}

	async preAuthentication(): Promise<undefined> {
		return undefined;
	}

	async runPreAuthentication(): Promise<undefined> {
		return undefined;
	}

	async getCredentials(): Promise<ICredentials> {
		throw new Error('not used: getDecrypted gives the data');
	}

	async updateCredentials(): Promise<void> {}

	async updateCredentialsOauthTokenData(): Promise<void> {}

	getCredentialsProperties(name: string) {
		return typeOf(name).properties;
	}
}
