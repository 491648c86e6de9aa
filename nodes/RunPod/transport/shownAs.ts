import type { JobTarget } from '../core/options';
import type { HttpContext } from './http';

/**
 * n8n hands out a credential only where its first entry in the description is shown. The fallback
 * may be of the other kind, whose credential the form shows by a second entry: for it the node's
 * parameters say what they would say there.
 */
export function shownAs<C extends HttpContext>(context: C, runOn: JobTarget['kind']): C {
	const node = context.getNode();
	if (node.parameters.runOn === runOn) return context;
	const parameters = { ...node.parameters, runOn };
	return Object.create(context, { node: { value: { ...node, parameters } } }) as C;
}
