import type {
	IExecuteFunctions,
	INodeExecutionData,
	IWebhookFunctions,
	IWebhookResponseData,
} from 'n8n-workflow';

import { policyOf } from '../core/plan';
import { attachedRun } from '../core/run';
import { noPeers } from '../core/schedule';
import { openJobApi } from '../transport/jobs';
import { Batch } from './batch';
import type { PlannedJob } from './planned';
import { look } from './park';
import { readParked } from './parked';
import type { ParkedBatch } from './parked';
import { storageOf } from './shipping';

/** Finished jobs are read again for this long when the network fails. */
const READ_MS = 60_000;

/**
 * A call for a parked execution. Its body is never read: whoever knows the address can only make
 * the node look at its own jobs. The workflow goes on when all of them are over.
 */
export async function resume(this: IWebhookFunctions): Promise<IWebhookResponseData> {
	const parked = parkedOf(this);
	if (parked === undefined) return answer(this, 409, 'nothing is parked here');
	const context = jobContext(this, parked);
	const jobs = await plan(context, parked);
	const { type } = await look(
		jobs.map(({ api, first }) => ({
			api,
			jobId: first.jobId ?? '',
			submittedAt: first.submittedAt ?? 0,
		})),
	);
	if (type === 'stay') return { webhookResponse: { ok: true } };
	// The caller repeats what was refused. This may be its last job: a yes would end the calls.
	if (type === 'askAgain') return answer(this, 503, 'the job could not be read; call again');
	return { workflowData: await results(context, parked, jobs) };
}

function answer(context: IWebhookFunctions, status: number, error: string): IWebhookResponseData {
	context.getResponseObject().status(status).json({ error });
	return { noWebhookResponse: true };
}

/** A webhook has no access to the node's context but by an expression on the node's own name. */
function parkedOf(context: IWebhookFunctions): ParkedBatch | undefined {
	// Braces would end the expression.
	const name = JSON.stringify(context.getNode().name).replace(/[{}]/g, (brace) =>
		brace === '{' ? '\\u007b' : '\\u007d',
	);
	return readParked(context.evaluateExpression(`{{ $(${name}).context.runpod.parked }}`));
}

/** The webhook's context with what a run of jobs asks for besides. Nobody can stop a parked run. */
function jobContext(webhook: IWebhookFunctions, parked: ParkedBatch): IExecuteFunctions {
	const nothing = { value: () => undefined };
	return Object.create(webhook, {
		continueOnFail: { value: () => parked.continueOnFail },
		getExecutionCancelSignal: nothing,
		addExecutionHints: nothing,
		sendMessageToUI: nothing,
		// A tool never parks.
		isToolExecution: { value: () => false },
	}) as IExecuteFunctions;
}

async function plan(context: IExecuteFunctions, parked: ParkedBatch): Promise<PlannedJob[]> {
	const planned: PlannedJob[] = [];
	for (const parkedJob of parked.jobs) {
		const { jobId, submittedAt, options, ...known } = parkedJob;
		planned.push({
			...known,
			options,
			storage: await storageOf(context, options),
			api: await openJobApi(context, options),
			first: attachedRun(jobId, submittedAt),
			policy: {
				...policyOf(options, noPeers()),
				// All are over: their clocks do not count any more, only the time to read them.
				queueTimeoutMs: Date.now() - submittedAt + READ_MS,
				// Nor is there anything to cancel, also when one of them has failed.
				cancelOnStop: false,
			},
		});
	}
	return planned;
}

async function results(
	context: IExecuteFunctions,
	parked: ParkedBatch,
	jobs: PlannedJob[],
): Promise<INodeExecutionData[][]> {
	const batch = new Batch(context, parked.itemCount);
	for (const { itemIndex, items } of parked.failed) batch.settle(itemIndex, items);
	return await batch.run(jobs);
}
