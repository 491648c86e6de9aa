/** The example workflows, as files that a user imports and as workflows that are stored in an n8n. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../setup/places.mts';
import type { Binary, Execution, Item, Workflow } from './n8nClient.mts';

export const credentialType = 'runPodWorkerApi';
export const credentialName = 'RunPod Worker';

/** An example with the IDs of stored credentials filled in. */
export function example(name: string, credentials: Record<string, string>): Workflow {
	const workflow = JSON.parse(readFileSync(join(repository, 'examples', `${name}.json`), 'utf8')) as Workflow;
	for (const node of workflow.nodes) {
		for (const [type, chosen] of Object.entries((node.credentials ?? {}) as Record<string, { id: string }>)) {
			if (credentials[type]) chosen.id = credentials[type];
		}
	}
	return workflow;
}

/** Name of the first node of a type that ends with the given word. */
export function nodeOf(workflow: Workflow, type: string): string {
	const found = workflow.nodes.find((node) => node.type.endsWith(type));
	if (!found) throw new Error(`Workflow '${workflow.name}' has no node of type ${type}.`);
	return found.name;
}

/** All items that a node handed on, over all its runs and outputs. */
export function itemsOf(execution: Execution, node: string): Item[] {
	return (execution.runData[node] ?? []).flatMap((run) => (run.data?.main ?? []).flatMap((items) => items ?? []));
}

/** The first image that a node handed on; throws with the execution's own words when there is none. */
export function imageOf(execution: Execution, node: string): Binary {
	const image = itemsOf(execution, node).flatMap((item) => Object.values(item.binary ?? {}))[0];
	if (image) return image;
	const said = execution.error ? `${execution.error.message} ${execution.error.description ?? ''}` : 'no image came out';
	throw new Error(`The workflow ended with ${execution.status}: ${said}`);
}
