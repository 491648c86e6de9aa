import type { ILoadOptionsFunctions } from 'n8n-workflow';

import { settings } from '../contract/limits';
import { baseUrlOf, endpointIdOf } from '../core/address';
import { readHealth } from '../core/endpoints';
import { JobFailure, failureOf } from '../core/failure';
import { readModels } from '../core/models';
import type { ModelEntry } from '../core/models';
import type { JobOptions } from '../core/options';
import { policyOf } from '../core/plan';
import { describeReply } from '../core/reply';
import { buildBody } from '../core/request';
import { newRun } from '../core/run';
import { noPeers } from '../core/schedule';
import { isRecord } from '../core/state';
import { openJobApi } from '../transport/jobs';
import type { JobApi } from '../transport/jobs';
import { ownJobOptions } from './endpointJobs';
import { runJob } from './runJob';
import { StopSign } from './stop';

/** An idle worker takes a job at once. One that went meanwhile must not be replaced for a list. */
const MOST_WAIT_S = 15;
/** Listing reads the heads of files; a slow volume takes some seconds. */
const MOST_RUN_S = 60;
const POLL_MS = 500;

const BY_NAME = "Choose 'By Name' and type the name of the model.";

const problem = (message: string, remedy = BY_NAME): JobFailure =>
	new JobFailure(failureOf('NOT_AVAILABLE', {}, { message, remedy }));

/**
 * The models of the worker that the form names. A worker at its own address is asked, which costs
 * nothing. On an endpoint it takes a short job, which is paid: it is submitted only where a worker
 * is idle already, so that opening a list never starts a GPU. Throws JobFailure.
 */
export async function listModels(context: ILoadOptionsFunctions): Promise<ModelEntry[]> {
	const read = (name: string): unknown => context.getCurrentNodeParameter(name);
	if (read('runOn') === 'workerUrl') return await askWorker(context, read('workerUrl'));
	return await askEndpoint(context, fixed(read('endpoint'), 'Endpoint'));
}

/** The editor does not compute expressions of other fields for a list. */
function fixed(parameter: unknown, label: string): unknown {
	const text = isRecord(parameter) ? parameter.value : parameter;
	if (typeof text !== 'string' || !text.startsWith('=')) return parameter;
	throw problem(`'${label}' is an expression, so the models cannot be listed here.`);
}

async function askWorker(context: ILoadOptionsFunctions, given: unknown): Promise<ModelEntry[]> {
	const url = fixed(given ?? '', 'Worker URL');
	const target = url === '' ? undefined : baseUrlOf(url, 'Worker URL');
	const options = {
		...ownJobOptions('', MOST_WAIT_S),
		target: { kind: 'workerUrl' as const, url: target },
	};
	const api = await openJobApi(context, options);
	const reply = await api.models();
	const models = reply.kind === 'ok' ? readModels(reply.body) : undefined;
	if (models !== undefined) return some(models);
	if (reply.kind === 'ok' || (reply.kind === 'http' && reply.status === 404)) {
		throw problem('This worker does not list its models.');
	}
	throw problem(
		`The worker did not list its models: ${describeReply(reply)}.`,
		`Check 'Worker URL' and the credential. ${BY_NAME}`,
	);
}

async function askEndpoint(context: ILoadOptionsFunctions, given: unknown): Promise<ModelEntry[]> {
	const options: JobOptions = {
		...ownJobOptions(endpointIdOf(given), MOST_WAIT_S),
		runTimeoutS: MOST_RUN_S,
		// The last guard: what nobody took or cancelled is gone after this.
		ttlS: MOST_WAIT_S + MOST_RUN_S,
		pollIntervalMs: POLL_MS,
		requestTimeoutS: settings.requestTimeoutS.minimum ?? 30,
	};
	const api = await openJobApi(context, options);
	await refuseWithoutIdleWorker(api, endpointIdOf(given));
	const { end } = await runJob(newRun(), {
		api,
		body: buildBody({ route: 'models' }, options),
		policy: () => policyOf(options, noPeers()),
		stop: new StopSign(undefined),
		observe: () => {},
	});
	if (end.type === 'fail') throw new JobFailure(end.failure);
	const models = readModels(end.job.output);
	if (models === undefined) throw problem('The worker of this endpoint does not list its models.');
	return some(models);
}

async function refuseWithoutIdleWorker(api: JobApi, endpointId: string): Promise<void> {
	const reply = await api.health();
	const health = reply.kind === 'ok' ? readHealth(reply.body) : undefined;
	if (health === undefined) {
		throw problem(
			`The health of endpoint '${endpointId}' could not be read: ${describeReply(reply)}.`,
			`Check 'Endpoint' and the credential. ${BY_NAME}`,
		);
	}
	if ((health.workers.idle ?? 0) > 0 && (health.jobs.inQueue ?? 0) === 0) return;
	throw problem(
		`Endpoint '${endpointId}' has no idle worker, and starting one for a list would cost money.`,
		`${BY_NAME} Or open the list again shortly after a job, while its worker is still warm.`,
	);
}

function some(models: ModelEntry[]): ModelEntry[] {
	if (models.length > 0) return models;
	throw problem(
		'This worker has no model for images from text.',
		'Put one on its volume, or choose another worker.',
	);
}
