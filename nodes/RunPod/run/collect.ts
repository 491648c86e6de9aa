import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

import { requestTimeoutMs } from '../core/address';
import { JobFailure, failureOf } from '../core/failure';
import { hostsNamedBy } from '../core/links';
import type { JobOptions } from '../core/options';
import { safeFileName } from '../core/picture';
import type { TimelineEntry } from '../core/progress';
import type { Cost } from '../core/cost';
import { takePictures } from '../core/anyOutput';
import { isEncodedFile, jobOf, replyOf, takeApart, withoutFiles } from '../core/result';
import type { Source } from '../core/result';
import { isRecord } from '../core/state';
import type { JobView } from '../core/state';
import type { JobApi } from '../transport/jobs';
import type { Storage } from '../transport/storage';
import { captionItems } from './captionItems';
import type { BinaryPlan } from './prepared';
import { storePicture } from './pictures';
import { toolLink } from './tool';

export interface Finished {
	job: JobView;
	jobId: string;
	api: JobApi;
	timeline: TimelineEntry[];
	options: JobOptions;
	binary: BinaryPlan;
	itemIndex: number;
	servedBy?: 'primary' | 'fallback';
	/** The bucket, where one was chosen. */
	storage?: Storage;
	/** Missing where it was not asked for. */
	cost?: Cost | null;
	/** The output was no object; only Simplify needs a name for it. */
	isBare?: boolean;
}

const FIELD_OF_MANY = /^img_\d{3}_\d{2}$/;

/** Two digits for the picture, three for the batch, which is always the first here. */
const fieldOfMany = (source: Source, index: number): string =>
	source.id !== undefined && FIELD_OF_MANY.test(source.id)
		? source.id
		: `img_000_${String(index).padStart(2, '0')}`;

/**
 * The items of a finished job: one per picture, all paired with the same input item. A result
 * without a picture gives one item, or a failure where pictures were asked for.
 */
export async function collect(
	context: IExecuteFunctions,
	finished: Finished,
): Promise<INodeExecutionData[]> {
	const { job, jobId, binary: plan, options } = finished;
	const head = headOf(finished);
	if (plan.captions !== undefined && isRecord(job.output)) {
		const build = (output: Record<string, unknown>, files: Array<Record<string, unknown>>) =>
			itemOf(finished, head, output, files);
		return await captionItems(context, job.output, plan.captions, build, jobId);
	}
	const namedHosts = hostsNamedBy(job.output);
	const { rest, sources } = plan.isAnyShape ? takePictures(job.output) : takeApart(job.output);
	finished.isBare = plan.isAnyShape === true && !isRecord(job.output);
	// From here on the pictures live in `sources` alone, and each is let go once it is stored.
	job.output = undefined;
	if (sources.length === 0) {
		if (plan.isRequired) throw withoutPicture(jobId);
		return [itemOf(finished, head, rest, [])];
	}
	const items: INodeExecutionData[] = [];
	const base = safeFileName(plan.fileName, plan.prompt);
	const { output = 'binary' } = plan;
	for (const [index, source] of sources.entries()) {
		const isMany = sources.length > 1;
		const field = isMany ? fieldOfMany(source, index) : plan.field;
		const stored = await storePicture(context, source, {
			jobId,
			api: finished.api,
			namedHosts,
			storage: finished.storage,
			output,
			name: isMany ? `${base}-${field}` : base,
			number: index + 1,
			timeoutMs: requestTimeoutMs(source.data.slice(0, 300), options.requestTimeoutS),
		});
		source.data = '';
		const { binary, ...described } = stored;
		const url = described.url ?? (binary ? toolLink(context, binary) : null);
		const file = { field: binary ? field : null, ...described, url };
		const link = output === 'binary' ? {} : { image_url: url };
		const item = itemOf(finished, head, { ...rest, ...source.values, ...link }, [file]);
		items.push(binary ? { ...item, binary: { [field]: binary } } : item);
	}
	return items;
}

/** Job and reply are read before the output is let go. */
function headOf({ job, jobId, api, options, servedBy }: Finished): Record<string, unknown> {
	return options.simplify
		? { job: jobOf(job, jobId, api.endpointId, servedBy) }
		: replyOf(job, jobId);
}

function itemOf(
	{ options, binary, timeline, itemIndex, isBare, cost }: Finished,
	head: Record<string, unknown>,
	output: Record<string, unknown>,
	files: Array<Record<string, unknown>>,
): INodeExecutionData {
	const isFile = binary.isAnyShape ? isEncodedFile : undefined;
	const clean = withoutFiles(output, isFile) as Record<string, unknown>;
	const body = options.simplify
		? { ...clean, ...head }
		: { ...head, output: isBare ? clean.output : clean };
	const json = { ...body, cost: cost ?? null, files, timeline } as unknown as IDataObject;
	return { json, pairedItem: { item: itemIndex } };
}

/** The item of a job that nobody waited for, or that still runs: its id and state. */
export function notFinishedItem(finished: Finished): INodeExecutionData {
	const output = finished.options.simplify ? {} : { output: withoutFiles(finished.job.output) };
	const json = {
		...headOf(finished),
		...output,
		cost: null,
		files: [],
		timeline: finished.timeline,
	};
	return { json: json as unknown as IDataObject, pairedItem: { item: finished.itemIndex } };
}

function withoutPicture(jobId: string): JobFailure {
	return new JobFailure(
		failureOf(
			'RESULT_MISSING',
			{ job: jobId },
			{
				message: `Job '${jobId}' completed without an image`,
				details: { job_id: jobId, status: 'COMPLETED' },
			},
		),
	);
}

/** What n8n's store or a connection throws while a result comes in, with the job it belongs to. */
export function asLostResult(thrown: unknown, jobId: string): JobFailure {
	if (thrown instanceof JobFailure) return thrown;
	const why = thrown instanceof Error ? thrown.message : String(thrown);
	return new JobFailure(
		failureOf(
			'NETWORK',
			{ detail: `The result of job '${jobId}' could not be stored: ${why}` },
			{
				remedy: 'The job itself is finished and paid: fetch its result with Job > Poll Status.',
				details: { job_id: jobId, status: 'COMPLETED' },
			},
		),
	);
}
