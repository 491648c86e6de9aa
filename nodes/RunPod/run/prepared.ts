import type { IDataObject } from 'n8n-workflow';

import type { JobOptions, OutputAs } from '../core/options';
import type { CaptionPlan } from './captionItems';
import type { SourceImage } from './inputs';

/** Where the pictures of a job go. */
export interface BinaryPlan {
	/** Name of the binary field of the output item. */
	field: string;
	/** File name without extension; else the first 50 characters of the prompt. */
	fileName?: string;
	prompt?: string;
	/** Missing for results without pictures. */
	output?: OutputAs;
	/** Whether a result without a picture is a failure; for jobs of this node it is, unless said. */
	isRequired?: boolean;
	/** The output may have any shape: only what is certainly a picture is taken out of it. */
	isAnyShape?: boolean;
	/** The result is texts about the images that were sent, one item for each. */
	captions?: CaptionPlan;
}

/** One job, ready to be submitted: everything that can be wrong with it was checked. */
export interface PreparedJob {
	/** The input items whose work it does, where they are several. */
	itemIndexes?: number[];
	/** The worker's input, with `route`; its `images` come from here where they stand here. */
	input: IDataObject;
	images?: SourceImage[];
	/** Whether the worker knows the word `output`, which asks it for links. */
	mayAskForLinks?: boolean;
	options: JobOptions;
	binary: BinaryPlan;
}

/** One input item that names a job which already exists, of whatever origin. */
export interface PreparedPoll {
	jobId: string;
	/** `once` looks at the job one time; `untilFinished` waits for its end. */
	mode: 'once' | 'untilFinished';
	/** How long `untilFinished` waits in all, queue and run together. */
	timeoutS: number;
	options: JobOptions;
	binary: BinaryPlan;
}
