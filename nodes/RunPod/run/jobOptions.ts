import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import { settings } from '../contract/limits';
import type { Limit } from '../contract/limits';
import { baseUrlOf, endpointIdOf } from '../core/address';
import { isLimited } from '../core/budget';
import { invalidInput } from '../core/failure';
import type { JobOptions, JobTarget, OutputAs, WaitForResult } from '../core/options';
import { problemOf } from '../core/request';

type Read = (name: string) => unknown;

const isNumeric = ({ type }: Limit): boolean => type === 'integer' || type === 'number';

/** A setting with its default; a value beyond its limits is refused, not bent. */
function value(read: Read, limit: Limit): unknown {
	const given = read(limit.parameter);
	const isUnset = given === undefined || given === null || (given === '' && limit.default !== '');
	const taken = isUnset ? limit.default : given;
	const numeric = isNumeric(limit) && typeof taken === 'string' ? Number(taken) : taken;
	const problem = problemOf(limit, numeric);
	if (problem !== undefined) throw invalidInput(problem);
	return numeric;
}

/** Times between requests cost nothing: they are drawn into their limits. */
function clamped(read: Read, limit: Limit): number {
	const given = Number(read(limit.parameter) ?? limit.default);
	const wanted = Number.isFinite(given) ? given : Number(limit.default);
	return Math.min(limit.maximum ?? Infinity, Math.max(limit.minimum ?? 0, Math.round(wanted)));
}

function targetOf(read: Read): JobTarget {
	if (value(read, settings.runOn) === 'endpoint') {
		return { kind: 'endpoint', endpointId: endpointIdOf(read('endpoint')) };
	}
	const url = read('workerUrl');
	if (url === undefined || url === null || url === '') return { kind: 'workerUrl' };
	return { kind: 'workerUrl', url: baseUrlOf(url, 'Worker URL') };
}

function waitOf(read: Read): WaitForResult {
	const chosen = value(read, settings.waitForResult);
	return chosen === 'callback' || chosen === 'dontWait' ? chosen : 'poll';
}

function fallbackOf(read: Read): JobTarget | undefined {
	const kind = value(read, settings.fallback);
	if (kind === 'endpoint') {
		const id = String(read('fallbackEndpoint') ?? '').trim();
		if (id === '') throw invalidInput("'Fallback Endpoint ID' must not be empty.");
		return { kind: 'endpoint', endpointId: endpointIdOf(id) };
	}
	if (kind !== 'workerUrl') return undefined;
	const url = read('fallbackWorkerUrl');
	if (url === undefined || url === null || url === '') return { kind: 'workerUrl' };
	return { kind: 'workerUrl', url: baseUrlOf(url, 'Fallback Worker URL') };
}

function budgetOf(read: Read): JobOptions['budget'] {
	const limits = {
		perJob: Number(value(read, settings.maxUsdPerJob)),
		perRun: Number(value(read, settings.maxUsdPerRun)),
		perDay: Number(value(read, settings.maxUsdPerDay)),
	};
	const isPause = value(read, settings.onBudgetBreach) === 'pause';
	return isLimited(limits) ? { ...limits, onBreach: isPause ? 'pause' : 'stop' } : undefined;
}

/**
 * Reads the fields that every operation with a job has, for one item. A field may stand at the top
 * level or in the collection 'Job Options'; what stands nowhere has the contract's default. Throws
 * INVALID_INPUT.
 */
export function readJobOptions(this: IExecuteFunctions, itemIndex: number): JobOptions {
	const collection = this.getNodeParameter('jobOptions', itemIndex, {}) as IDataObject;
	// Without a fallback that is a value, n8n throws for a field that is not shown.
	const read: Read = (name) => collection[name] ?? this.getNodeParameter(name, itemIndex, null);
	const webhook = String(value(read, settings.webhookUrl) ?? '').trim();
	const waitForResult = waitOf(read);
	const isWaiting = waitForResult !== 'dontWait';
	// The address may carry the receiver's secret behind a question mark: it is kept as it is.
	if (!isWaiting && webhook !== '') baseUrlOf(webhook, 'Webhook URL');
	return {
		target: targetOf(read),
		fallback: fallbackOf(read),
		waitForResult,
		submitMode: value(read, settings.submitMode) === 'sync' ? 'sync' : 'async',
		queueTimeoutS: Number(value(read, settings.queueTimeoutS)),
		runTimeoutS: Number(value(read, settings.runTimeoutS)),
		pollIntervalMs: clamped(read, settings.pollIntervalMs),
		maxParallelJobs: clamped(read, settings.maxParallelJobs),
		priority: value(read, settings.priority) === 'low' ? 'low' : 'normal',
		ttlS: Number(value(read, settings.ttlS)),
		requestTimeoutS: clamped(read, settings.requestTimeoutS),
		cancelOnStop: value(read, settings.cancelOnStop) === true,
		simplify: value(read, settings.simplify) === true,
		mostRestS: Number(value(read, settings.cancelIfEtaAboveS)),
		costEstimate: value(read, settings.costEstimate) === true,
		allowEmptyOutput: value(read, settings.allowEmptyOutput) === true,
		budget: budgetOf(read),
		hasStorage: value(read, settings.storage) === 'runPodStorage',
		webhookUrl: !isWaiting && webhook !== '' ? webhook : undefined,
	};
}

/** What the pictures of a result become, by the field of the form or the collection of options. */
export function outputAsOf(given: unknown): OutputAs {
	const output = value(() => given, settings.outputAs);
	return output === 'url' || output === 'both' ? output : 'binary';
}
