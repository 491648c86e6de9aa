import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';
import { NodeApiError, NodeOperationError } from 'n8n-workflow';

import { failures } from '../contract/errors';
import { JobFailure } from '../core/failure';
import type { Failure } from '../core/failure';
import { isRecord } from '../core/state';

/** Turns failures into what n8n shows: a thrown error, or an item of the error output. */

export type NodeFailure = NodeOperationError | NodeApiError;

function toNodeError(
	context: IExecuteFunctions,
	failure: Failure,
	itemIndex: number,
	simplify: boolean,
): NodeOperationError {
	const idOf = (name: string, id = failure.details[name]) =>
		id === null || id === undefined ? '' : `${name === 'job_id' ? 'Job' : 'Pod'} ID: ${id}.`;
	const parts = [failure.description, idOf('job_id'), idOf('pod_id')];
	if (!simplify && failure.traceback !== undefined) parts.push(`\n${failure.traceback}`);
	const description = parts.filter((part) => part !== '').join(' ');
	const error = new NodeOperationError(context.getNode(), failure.message, {
		itemIndex,
		description,
	});
	// n8n replaces a message that contains a word such as EPERM, also inside "approvePermissions".
	error.message = failure.message;
	error.context.data = failure.details;
	return error;
}

/** Any thrown value as n8n's error. What n8n threw itself, e.g. for an expression, stays as it is. */
export function asNodeError(
	context: IExecuteFunctions,
	thrown: unknown,
	itemIndex: number,
	simplify = true,
): NodeFailure {
	if (thrown instanceof JobFailure)
		return toNodeError(context, thrown.failure, itemIndex, simplify);
	if (thrown instanceof NodeApiError || thrown instanceof NodeOperationError) {
		thrown.context.itemIndex ??= itemIndex;
		return thrown;
	}
	const error = thrown instanceof Error ? thrown : new Error(String(thrown));
	return new NodeOperationError(context.getNode(), error, { itemIndex });
}

/**
 * The item of a failure. Only the keys `error`, `message` and `details` may stand in its json: with
 * any other n8n sends it to the success output. The item has no `error` of its own: n8n would
 * replace the whole json by that error's message, and the job's id would be lost.
 */
export function errorItem(
	error: NodeFailure,
	itemIndex: number,
	itemCount: number,
): INodeExecutionData {
	const suffix = itemCount > 1 ? ` [item ${itemIndex}]` : '';
	const known = isRecord(error.context.data) ? (error.context.data as IDataObject) : {};
	const details = { ...known, description: error.description ?? null };
	return {
		json: { error: `${error.message}${suffix}`, details },
		pairedItem: { item: itemIndex },
	};
}

/** Jobs of other items that may run on: without their IDs nobody would find them. */
export function addLeft(error: NodeFailure, left: string[]): NodeFailure {
	const told = `${error.message} ${error.description ?? ''}`;
	const others = left.filter((job) => !told.includes(job));
	if (others.length > 0) error.description = `${error.description ?? ''} ${mayRun(others)}`.trim();
	return error;
}

/** As many as can be watched at a time; the log of n8n has all of them. */
const MOST_NAMED = 50;

function mayRun(jobs: string[]): string {
	const more = jobs.length - MOST_NAMED;
	const rest = more > 0 ? ` and ${more} more, in n8n's log` : '';
	return `These jobs may still be running: ${jobs.slice(0, MOST_NAMED).join(', ')}${rest}. Look them up with Job > Poll Status.`;
}

/** The end of a stopped execution. n8n calls a run stopped only if it reads "canceled". */
export function stopError(context: IExecuteFunctions, left: string[]): NodeOperationError {
	const description = left.length === 0 ? 'The remote jobs were cancelled, too.' : mayRun(left);
	return new NodeOperationError(context.getNode(), failures.CANCELED.message, { description });
}
