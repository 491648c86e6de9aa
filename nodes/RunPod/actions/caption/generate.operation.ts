import type { IBinaryData, IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

import { jobLimits } from '../../contract/job';
import { limits, settings } from '../../contract/limits';
import type { Limit } from '../../contract/limits';
import { base64Length } from '../../core/carriage';
import { checkRequest, groupSizes } from '../../core/captions';
import { invalidInput } from '../../core/failure';
import { pairsOf } from '../../core/reading';
import { buildInput, problemOf } from '../../core/request';
import { sourceRulesOf } from '../../core/sources';
import type { CaptionPlan } from '../../run/captionItems';
import { readSources } from '../../run/inputs';
import type { SourceImage } from '../../run/inputs';
import { readJobOptions } from '../../run/jobOptions';
import { runItems } from '../../run/runItems';
import type { ItemJob } from '../../run/runItems';
import type { PreparedJob } from '../../run/prepared';
import { WORDS } from './captionFields';

export { fields } from './captionFields';

/** A setting of the collection, checked against its limits. */
function setting(options: IDataObject, limit: Limit): unknown {
	const value = options[limit.parameter] ?? limit.default;
	const problem = problemOf(limit, value);
	if (problem !== undefined) throw invalidInput(problem);
	return value;
}

function variablesOf(given: unknown): Record<string, string> {
	// Whoever types the braces means the same name.
	const pairs = (pairsOf(given) ?? []).map(([name, value]) => [name.replace(/^\{|\}$/g, ''), value]);
	return Object.fromEntries(pairs.filter(([name]) => name !== '')) as Record<string, string>;
}

/** The values of the form by the names of the contract's parameters. */
function readValues(context: IExecuteFunctions, itemIndex: number, options: IDataObject) {
	const read = (name: string): unknown => context.getNodeParameter(name, itemIndex, null);
	const length = String(read('length') ?? limitOf('length').default);
	const words = Number(read('lengthWords') ?? settings.lengthWords.default);
	const problem = length === WORDS ? problemOf(settings.lengthWords, words) : undefined;
	if (problem !== undefined) throw invalidInput(problem);
	const variables = variablesOf(read('promptVariables'));
	const promptOptions = read('promptOptions') as string[] | null;
	return {
		...options,
		model: read('model') ?? limitOf('model').default,
		modelVariant: String(read('modelVariant') ?? '').trim() || undefined,
		mode: String(read('mode') ?? limitOf('mode').default),
		prompt: String(read('prompt') ?? ''),
		promptOptions: promptOptions?.length ? promptOptions : undefined,
		promptVariables: Object.keys(variables).length > 0 ? variables : undefined,
		length: length === WORDS ? String(words) : length,
		generationParams: generationParamsOf(options),
	};
}

function limitOf(parameter: string): Limit {
	const limit = limits.caption.find((one) => one.parameter === parameter);
	if (limit === undefined) throw new TypeError(`The contract has no parameter '${parameter}'`);
	return limit;
}

/** The options that say how the model writes, by the worker's names; undefined where none was added. */
function generationParamsOf(options: IDataObject): Record<string, unknown> | undefined {
	const { properties = [] } = limitOf('generationParams');
	const added = properties
		.filter(({ parameter }) => options[parameter] !== undefined)
		.map(({ name, parameter }): [string, unknown] => [name, options[parameter]]);
	return added.length > 0 ? Object.fromEntries(added) : undefined;
}

/** What stays of the images while their job runs. */
function planOf(
	context: IExecuteFunctions,
	itemIndex: number,
	sources: SourceImage[],
	options: IDataObject,
): CaptionPlan {
	const binary = context.getInputData()[itemIndex]?.binary ?? {};
	const kept = (field: string | null): Record<string, IBinaryData> | undefined => {
		const data = field === null ? undefined : binary[field];
		if (field === null || data === undefined || options.keepSource === false) return undefined;
		return { [field]: data };
	};
	return {
		sources: sources.map(({ field, fileName }) => ({ itemIndex, fileName, kept: kept(field) })),
		saveFile: setting(options, settings.saveCaptionFile) === true,
		triggerWord: String(setting(options, settings.triggerWord)),
		itemCount: context.getInputData().length,
	};
}

/** Reads and checks one item; throws before anything was submitted. */
async function prepare(context: IExecuteFunctions, itemIndex: number): Promise<PreparedJob> {
	const options = context.getNodeParameter('options', itemIndex, {}) as IDataObject;
	const jobOptions = readJobOptions.call(context, itemIndex);
	const values = readValues(context, itemIndex, options);
	// Before the images are looked at, which takes time: the placeholder stands for one of them.
	const input = buildInput('caption', { ...values, images: ['-'] });
	delete input.images;
	checkRequest({
		model: String(values.model),
		variant: values.modelVariant ?? '',
		mode: values.mode,
		prompt: values.prompt,
		length: values.length,
		promptOptions: values.promptOptions ?? [],
		variables: values.promptVariables ?? {},
	});
	setting(options, settings.imagesPerJob);
	const images = await readSources(context, itemIndex, sourceRulesOf(options), jobOptions);
	return {
		input: input as IDataObject,
		images,
		options: jobOptions,
		binary: {
			field: 'caption',
			isRequired: false,
			captions: planOf(context, itemIndex, images, options),
		},
	};
}

const imagesOf = ({ images }: ItemJob): SourceImage[] => images ?? [];

/** Everything of a job but its images: only what is asked alike can go together. */
const keyOf = ({ input, options }: ItemJob): string => JSON.stringify([input, options]);

/** Puts neighbours together, up to `most` images. */
function joinImages(jobs: ItemJob[], most: number): ItemJob[] {
	const requests = jobs.map((job) => ({
		key: keyOf(job),
		images: imagesOf(job).length,
		bytes: imagesOf(job).reduce((sum, { bytes }) => sum + base64Length(bytes), 0),
		index: job.itemIndex,
	}));
	// Half of what the platform takes: prompt and policy go beside the images.
	const sizes = groupSizes(requests, { images: most, bytes: jobLimits.runBodyBytes / 2 });
	const joined: ItemJob[] = [];
	let from = 0;
	for (const size of sizes) {
		const group = jobs.slice(from, from + size);
		from += size;
		const [first] = group;
		if (first === undefined) continue;
		joined.push(group.length === 1 ? first : together(first, group));
	}
	return joined;
}

function together(first: ItemJob, group: ItemJob[]): ItemJob {
	const sources = group.flatMap(({ binary }) => binary.captions?.sources ?? []);
	const { captions } = first.binary;
	return {
		...first,
		itemIndexes: group.map(({ itemIndex }) => itemIndex),
		images: group.flatMap(imagesOf),
		binary: { ...first.binary, captions: captions && { ...captions, sources } },
	};
}

export async function execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	const options = this.getNodeParameter('options', 0, {}) as IDataObject;
	const most = Number(options.imagesPerJob ?? settings.imagesPerJob.default);
	return await runItems.call(
		this,
		async (itemIndex) => await prepare(this, itemIndex),
		(jobs) => joinImages(jobs, most),
	);
}
