import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

import { settings } from '../contract/limits';
import { unreachable } from '../core/ending';
import { JobFailure, failureOf } from '../core/failure';
import type { JobOptions } from '../core/options';
import { policyOf } from '../core/plan';
import { isPassing, isUnknownJob, isUnknownOutcome, describeReply } from '../core/reply';
import type { Reply } from '../core/reply';
import { pauseBefore } from '../core/retry';
import { attachedRun } from '../core/run';
import { noPeers } from '../core/schedule';
import { isFinal, mayRetry, readJob } from '../core/state';
import { openJobApi } from '../transport/jobs';
import type { JobApi } from '../transport/jobs';
import { asNodeError, errorItem, stopError } from './raise';
import { StopSign } from './stop';

/** Single requests about jobs that exist already: cancel and retry. Nobody waits for the job. */

/** One input item that names a job. */
export interface PreparedCommand {
	jobId: string;
	options: JobOptions;
}

interface Command extends PreparedCommand {
	api: JobApi;
	stop: StopSign;
}

/** A request that may be repeated is repeated this often. */
const ATTEMPTS = 5;

type Prepare = (itemIndex: number) => PreparedCommand;

export async function cancelJobs(this: IExecuteFunctions, prepare: Prepare) {
	return await commandJobs(this, prepare, cancelJob);
}

export async function retryJobs(this: IExecuteFunctions, prepare: Prepare) {
	return await commandJobs(this, prepare, retryJob);
}

async function commandJobs(
	context: IExecuteFunctions,
	prepare: Prepare,
	perform: (command: Command) => Promise<IDataObject>,
): Promise<INodeExecutionData[][]> {
	const stop = new StopSign(context.getExecutionCancelSignal());
	const itemCount = context.getInputData().length;
	const results = new Array<INodeExecutionData>(itemCount);
	let firstError: Error | undefined;
	const indexes = results.keys();
	const lane = async () => {
		for (const itemIndex of indexes) {
			if (stop.reason !== undefined) return;
			try {
				const { jobId, options } = prepare(itemIndex);
				const api = await openJobApi(context, options);
				const json = await perform({ jobId, options, api, stop });
				results[itemIndex] = { json, pairedItem: { item: itemIndex } };
			} catch (thrown) {
				const error = asNodeError(context, thrown, itemIndex);
				if (context.continueOnFail()) {
					results[itemIndex] = errorItem(error, itemIndex, itemCount);
				} else {
					firstError ??= error;
					stop.stopOthers();
				}
			}
		}
	};
	await Promise.all(Array.from({ length: laneCount(context, itemCount) }, lane));
	if (stop.reason === 'canceled') throw stopError(context);
	if (firstError !== undefined) throw firstError;
	return [results];
}

/** The option of the first item counts for all; what is wrong with an item is told when it is read. */
function laneCount(context: IExecuteFunctions, itemCount: number): number {
	const options = context.getNodeParameter('jobOptions', 0, {}) as IDataObject;
	const wanted = Math.round(Number(options.maxParallelJobs ?? settings.maxParallelJobs.default));
	const most = Math.min(itemCount, settings.maxParallelJobs.maximum ?? 1);
	return Number.isFinite(wanted) ? Math.max(1, Math.min(most, wanted)) : 1;
}

/** Asks until an answer says something; `mayRepeat` tells which ones do not. */
async function ask(
	{ stop }: Command,
	request: () => Promise<Reply>,
	mayRepeat: (reply: Reply) => boolean,
): Promise<Reply> {
	for (let attempt = 1; ; attempt += 1) {
		const reply = await request();
		if (attempt === ATTEMPTS || !mayRepeat(reply) || stop.reason !== undefined) return reply;
		const asked = reply.kind === 'http' ? reply.retryAfterMs : undefined;
		await stop.sleep(pauseBefore(attempt, Math.random(), asked));
	}
}

const read = async (command: Command): Promise<Reply> =>
	await ask(command, async () => await command.api.read(command.jobId), isPassing);

function failed({ jobId, options }: Command, reply: Reply): JobFailure {
	const policy = policyOf(options, noPeers());
	if (!isUnknownJob(reply)) return new JobFailure(unreachable(reply, attachedRun(jobId), policy));
	const details = { job_id: jobId, endpoint_id: policy.endpointId };
	return new JobFailure(failureOf('RESULT_EXPIRED', { job: jobId }, { details }));
}

/** The answer to a command, or undefined where it is none. */
function toldBy({ jobId }: Command, reply: Reply): { id: string; status: string } | undefined {
	if (reply.kind !== 'ok') return undefined;
	const { id, state } = readJob(reply.body);
	return state === undefined ? undefined : { id: id ?? jobId, status: state };
}

/** A cancel can be repeated freely. A refusal can mean that the job was over: then its state is told. */
async function cancelJob(command: Command): Promise<IDataObject> {
	const { api, jobId } = command;
	const reply = await ask(command, async () => await api.cancel(jobId), isPassing);
	const told = toldBy(command, reply);
	if (told !== undefined) return told;
	const seen = await read(command);
	const now = toldBy(command, seen);
	if (now !== undefined && isFinal(now.status)) return now;
	throw failed(command, isUnknownJob(seen) ? seen : reply);
}

/** A retry costs money: it is sent once, unless it was certainly refused. */
async function retryJob(command: Command): Promise<IDataObject> {
	const { api, jobId } = command;
	const before = await read(command);
	const known = toldBy(command, before);
	if (known === undefined) throw failed(command, before);
	if (!mayRetry(known.status)) throw notRetryable(command, known.status);
	const wasRefused = (reply: Reply) =>
		reply.kind === 'refused' || (reply.kind === 'http' && reply.status === 429);
	const reply = await ask(command, async () => await api.retry(jobId), wasRefused);
	const told = toldBy(command, reply);
	if (told !== undefined) return told;
	if (reply.kind !== 'ok' && !isUnknownOutcome(reply)) {
		const isRefused = reply.kind === 'http' && reply.status === 400;
		throw isRefused ? notRetryable(command, known.status) : failed(command, reply);
	}
	// The answer was lost: the job's state tells whether it was heard.
	const after = toldBy(command, await read(command));
	if (after !== undefined && !mayRetry(after.status)) return after;
	const detail = `The answer to the retry of job '${jobId}' was lost (${describeReply(reply)})`;
	throw new JobFailure(
		failureOf(
			'NETWORK',
			{ detail },
			{
				remedy: 'It was not sent again, because that could pay twice. Look at the job first.',
				details: { job_id: jobId, status: known.status },
			},
		),
	);
}

function notRetryable({ jobId }: Command, status: string): JobFailure {
	return new JobFailure(
		failureOf(
			'INVALID_INPUT',
			{},
			{
				message: 'Only failed or timed-out jobs can be retried.',
				remedy: `This one is ${status}.`,
				details: { job_id: jobId, status },
			},
		),
	);
}
