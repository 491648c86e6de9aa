/** The test of a credential as n8n's dialog runs it: n8n's own router sends it, the credential's rules make the answer. */
import './environment.mts';
import { ExecuteContext, RoutingNode } from 'n8n-core';
import type {
	ICredentialDataDecryptedObject,
	ICredentialType,
	INode,
	INodeType,
	INodeTypes,
	IWorkflowExecuteAdditionalData,
} from 'n8n-workflow';
import { createRunExecutionData, NodeConnectionTypes, Workflow } from 'n8n-workflow';
import { RunPodApi } from '../../credentials/RunPodApi.credentials.ts';
import { RunPodStorageApi } from '../../credentials/RunPodStorageApi.credentials.ts';
import { RunPodWorkerApi } from '../../credentials/RunPodWorkerApi.credentials.ts';
import type { CredentialName } from './credentialsHelper.mts';
import { TestCredentialsHelper } from './credentialsHelper.mts';

export const types: Record<CredentialName, ICredentialType> = {
	runPodApi: new RunPodApi(),
	runPodStorageApi: new RunPodStorageApi(),
	runPodWorkerApi: new RunPodWorkerApi(),
};

/** A node whose only field is the credential's test request: this is how n8n runs it. */
function carrier(name: CredentialName): INodeType {
	return {
		description: {
			displayName: 'Carrier',
			name: 'carrier',
			group: ['input'],
			version: 1,
			description: 'Carries a test request',
			defaults: { name: 'Carrier' },
			inputs: [NodeConnectionTypes.Main],
			outputs: [NodeConnectionTypes.Main],
			credentials: [{ name, required: true }],
			properties: [
				{
					displayName: 'Temp',
					name: 'temp',
					type: 'string',
					default: '',
					routing: { request: types[name].test!.request },
				},
			],
		},
	};
}

export function surroundings(name: CredentialName, data: ICredentialDataDecryptedObject) {
	const type = carrier(name);
	const node: INode = {
		id: 'n',
		name: 'Carrier',
		type: 'carrier',
		typeVersion: 1,
		position: [0, 0],
		parameters: {},
		credentials: { [name]: { id: name, name } },
	};
	const nodeTypes = { getByNameAndVersion: () => type } as unknown as INodeTypes;
	const workflow = new Workflow({ nodes: [node], connections: {}, active: false, nodeTypes });
	const additionalData = {
		credentialsHelper: new TestCredentialsHelper({ [name]: data }),
		webhookWaitingBaseUrl: 'http://127.0.0.1:5678/webhook-waiting',
		formWaitingBaseUrl: 'http://127.0.0.1:5678/form-waiting',
		restApiUrl: 'http://127.0.0.1:5678/rest',
		variables: {},
	} as unknown as IWorkflowExecuteAdditionalData;
	return { type, node, workflow, additionalData };
}

/** What a node with this credential has at hand while it runs. */
export function contextWith(name: CredentialName, data: ICredentialDataDecryptedObject) {
	const { node, workflow, additionalData } = surroundings(name, data);
	return new ExecuteContext(
		workflow,
		node,
		additionalData,
		'internal',
		createRunExecutionData({}),
		0,
		[],
		{ main: [[{ json: {} }]] },
		{ node, data: {}, source: null },
		[],
	);
}

/** 'OK', or the text that the dialog shows. */
export async function testCredential(
	name: CredentialName,
	data: ICredentialDataDecryptedObject,
): Promise<string> {
	const context = contextWith(name, data);
	const defaults = types[name].properties.map((field) => [field.name, field.default]);
	const decrypted = { ...Object.fromEntries(defaults), ...data };
	try {
		await new RoutingNode(context, carrier(name), {
			id: name,
			name,
			type: name,
			data: decrypted,
		}).runNode();
		return 'OK';
	} catch (error) {
		const { cause } = error as { cause?: { response?: { status: number } } };
		const status = cause?.response?.status;
		const rule = types[name].test!.rules?.find(
			({ type: kind, properties }) => kind === 'responseCode' && properties.value === status,
		);
		return rule?.properties.message ?? `no rule for ${status}: ${(error as Error).message}`;
	}
}
