import type { IBinaryData, IExecuteFunctions } from 'n8n-workflow';

/** What is different when an agent uses the node as its tool. */

/** The name under which n8n offers the tool made from a node. */
const TOOL_TYPE = /Tool$/;

/** Newer agents let the workflow run their tools: there only the node's type tells. */
export const isTool = (context: IExecuteFunctions): boolean =>
	context.isToolExecution() || TOOL_TYPE.test(context.getNode().type);

const LINK_LIFE = '1 day';

/**
 * A link to a picture in n8n's own store. The agent's model gets no binary data: with a link it can
 * show the picture, too. Whoever has the link can open it, so only tools get one.
 */
export function toolLink(context: IExecuteFunctions, binary: IBinaryData): string | null {
	// n8n signs only what has an ID in its store, not what it keeps in memory.
	if (!isTool(context) || binary.id === undefined) return null;
	return context.helpers.createBinarySignedUrl(binary, LINK_LIFE);
}
