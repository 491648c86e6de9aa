import type { IBinaryData, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

import { captionFile, shareOut } from '../core/captions';
import { JobFailure, failureOf, splitCode } from '../core/failure';
import { baseNameOf } from '../core/sources';
import { asNodeError, errorItem } from './raise';

/** The items of a finished caption job: one per image, each paired with the item it came from. */

/** What is remembered of an image while its job runs; its bytes are not. */
export interface CaptionSource {
	itemIndex: number;
	fileName: string;
	/** The binary fields that the result hands on. */
	kept?: Record<string, IBinaryData>;
}

export interface CaptionPlan {
	sources: CaptionSource[];
	saveFile: boolean;
	triggerWord: string;
	/** Items of the whole run, for the texts of failures. */
	itemCount: number;
}

const CAPTION_FIELD = 'caption';

/** What the items of a job have in common, by the output without its captions. */
type Build = (
	output: Record<string, unknown>,
	files: Array<Record<string, unknown>>,
) => INodeExecutionData;

export async function captionItems(
	context: IExecuteFunctions,
	output: Record<string, unknown>,
	{ sources, saveFile, triggerWord, itemCount }: CaptionPlan,
	build: Build,
	jobId: string,
): Promise<INodeExecutionData[]> {
	const parts = shareOut(output, sources.length);
	const items: INodeExecutionData[] = [];
	for (const [index, source] of sources.entries()) {
		const { json, caption, error } = parts[index] ?? { json: {} };
		const { itemIndex, kept } = source;
		if (caption === undefined) {
			// The others of the job are paid and stay; this one is told as a failed item.
			const failure = imageFailure(error, source.fileName, jobId);
			items.push(errorItem(asNodeError(context, failure, itemIndex), itemIndex, itemCount));
			continue;
		}
		const file = saveFile
			? await textFile(context, captionFile(caption, triggerWord), source.fileName)
			: undefined;
		const item = build(json, file === undefined ? [] : [describe(file)]);
		const binary = { ...kept, ...(file === undefined ? {} : { [CAPTION_FIELD]: file.binary }) };
		const isEmpty = Object.keys(binary).length === 0;
		items.push({ ...item, pairedItem: { item: itemIndex }, ...(isEmpty ? {} : { binary }) });
	}
	return items;
}

function imageFailure(
	error: { code: string; message: string } | undefined,
	fileName: string,
	jobId: string,
): JobFailure {
	const details = { job_id: jobId, file_name: fileName };
	if (error === undefined) {
		const message = `Job '${jobId}' completed without a caption for '${fileName}'`;
		return new JobFailure(failureOf('RESULT_MISSING', { job: jobId }, { message, details }));
	}
	const code = splitCode(`${error.code}: `).code ?? 'JOB_FAILED';
	const message = `'${fileName}' was not captioned: ${error.message}`;
	return new JobFailure(failureOf(code, {}, { message, details }));
}

interface TextFile {
	binary: IBinaryData;
	bytes: number;
}

async function textFile(
	context: IExecuteFunctions,
	text: string,
	imageName: string,
): Promise<TextFile> {
	const bytes = Buffer.from(text, 'utf8');
	const name = `${baseNameOf(imageName) ?? 'image'}.txt`;
	const binary = await context.helpers.prepareBinaryData(bytes, name, 'text/plain');
	return { binary, bytes: bytes.length };
}

const describe = ({ binary, bytes }: TextFile) => ({
	field: CAPTION_FIELD,
	fileName: binary.fileName ?? '',
	mimeType: 'text/plain',
	bytes,
	width: null,
	height: null,
	url: null,
});

/** Counts over the whole run instead of one job, which is what a user of many items asks for. */
export function countCaptions(items: INodeExecutionData[]): INodeExecutionData[] {
	const isDone = ({ json }: INodeExecutionData) => json.error === undefined;
	const ok = items.filter((item) => isDone(item) && 'caption' in item.json).length;
	const failed = items.filter((item) => !isDone(item)).length;
	return items.map((item) =>
		isDone(item) && 'caption' in item.json
			? { ...item, json: { ...item.json, summary: { ok, failed } } }
			: item,
	);
}
