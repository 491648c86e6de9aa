import type { IExecuteFunctions } from 'n8n-workflow';

import type { JobTarget } from '../core/options';

/**
 * n8n hands out a credential only where its first entry in the description is shown. The fallback
 * may be of the other kind, whose credential the form shows by a second entry: for it the node's
 * parameters say what they would say there.
 */
export function shownAs(context: IExecuteFunctions, runOn: JobTarget['kind']): IExecuteFunctions {
	const node = context.getNode();
	if (node.parameters.runOn === runOn) return context;
	const parameters = { ...node.parameters, runOn };
	return Object.create(context, { node: { value: { ...node, parameters } } }) as IExecuteFunctions;
}
