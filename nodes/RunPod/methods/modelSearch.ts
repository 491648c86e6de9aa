import type { ILoadOptionsFunctions, INodeListSearchResult } from 'n8n-workflow';
import { NodeOperationError } from 'n8n-workflow';

import { failureIn } from '../core/failure';
import { listModels } from '../run/listModels';

/** The models of the worker for the list of 'Model'. Not searchable: each letter would be asked for anew. */
export async function searchModels(this: ILoadOptionsFunctions): Promise<INodeListSearchResult> {
	try {
		return { results: await listModels(this) };
	} catch (thrown) {
		const { message, description } = failureIn(thrown);
		throw new NodeOperationError(this.getNode(), message, { description });
	}
}
