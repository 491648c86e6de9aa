import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';
import { NodeOperationError } from 'n8n-workflow';

import { failures } from '../contract/errors';
import { openManagementApi } from '../transport/managementApi';
import { Plane } from './plane';
import { asNodeError, errorItem } from './raise';
import { StopSign } from './stop';

/** What is done for one item, when all items have been read and checked. */
export type Work = (plane: Plane) => Promise<IDataObject | IDataObject[]>;

/**
 * Runs a management operation for each item, one after the other: RunPod counts these requests per
 * minute. All items are checked before the first request.
 */
export async function manageItems(
	this: IExecuteFunctions,
	prepare: (itemIndex: number) => Work,
): Promise<INodeExecutionData[][]> {
	const stop = new StopSign(this.getExecutionCancelSignal());
	const itemCount = this.getInputData().length;
	const results: INodeExecutionData[][] = Array.from({ length: itemCount }, () => []);
	const works: Array<Work | undefined> = [];
	const fail = (thrown: unknown, item: number) => {
		const error = asNodeError(this, thrown, item);
		if (!this.continueOnFail()) throw error;
		results[item] = [errorItem(error, item, itemCount)];
	};
	for (let item = 0; item < itemCount; item += 1) {
		try {
			works[item] = prepare(item);
		} catch (thrown) {
			fail(thrown, item);
		}
	}
	const plane = new Plane(this, await openManagementApi(this), stop);
	for (const [item, work] of works.entries()) {
		if (work === undefined) continue;
		try {
			const made = await work(plane);
			const list = Array.isArray(made) ? made : [made];
			results[item] = list.map((json) => ({ json, pairedItem: { item } }));
		} catch (thrown) {
			if (stop.reason !== 'canceled') {
				try {
					fail(thrown, item);
				} catch (error) {
					throw withNotes(error, await undone(plane));
				}
			}
		}
		if (stop.reason === 'canceled') throw stopped(this, plane.left, await undone(plane));
	}
	for (const message of plane.hints) {
		this.addExecutionHints({ message, type: 'info', location: 'outputPane' });
	}
	return [results.flat()];
}

/** The items that are done are lost with the run: nobody would end what they started. */
async function undone(plane: Plane): Promise<string[]> {
	const notes = await Promise.all(plane.undo.map(async (undo) => await undo()));
	return notes.filter((note) => note !== undefined);
}

function withNotes(error: unknown, notes: string[]): unknown {
	if (notes.length === 0 || !(error instanceof NodeOperationError)) return error;
	error.description = [error.description, ...notes].join(' ');
	return error;
}

function stopped(context: IExecuteFunctions, left: string[], notes: string[]): NodeOperationError {
	const pods = `These Pods are left, and cost: ${left.join(', ')}. Terminate them with Pod > Terminate.`;
	const parts = [...(left.length === 0 ? [] : [pods]), ...notes];
	const description =
		parts.length === 0 ? 'Nothing that this run created is left.' : parts.join(' ');
	return new NodeOperationError(context.getNode(), failures.CANCELED.message, { description });
}
