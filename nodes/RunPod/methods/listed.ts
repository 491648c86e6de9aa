import type { ILoadOptionsFunctions } from 'n8n-workflow';
import { NodeOperationError } from 'n8n-workflow';

import { refusalOf } from '../core/refusal';
import { openManagementApi } from '../transport/managementApi';

/**
 * The entries of one of RunPod's lists for a field. Errors surface: an empty list has to mean that
 * the account has nothing.
 */
export async function listedBy<T>(
	context: ILoadOptionsFunctions,
	path: string,
	key: string,
	read: (body: unknown) => T[] | undefined,
): Promise<T[]> {
	const api = await openManagementApi(context);
	const reply = await api.list(path, key);
	if (reply.kind === 'ok') return read(reply.body) ?? [];
	const { message, description } = refusalOf(reply, { what: 'List', to: 'read this list' });
	throw new NodeOperationError(context.getNode(), message, { description });
}
