/** Runs of the operations that work on source images, and what their worker answers. */
import type {
	IBinaryData,
	IBinaryKeyData,
	IDataObject,
	INodeExecutionData,
	INodeParameters,
} from 'n8n-workflow';
import { runNode } from './harness.mts';
import type { Setup } from './harness.mts';
import { png } from './pictures.mts';
import { generate, ledger, workerDoes } from './platform.mts';

export const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64');

/** Starts with a PNG and has the given size. */
export const ofSize = (size: number): Buffer =>
	Buffer.concat([bytes(png), Buffer.alloc(size - bytes(png).length)]);

export const itemWith = (binary: IBinaryKeyData): INodeExecutionData => ({ json: {}, binary });

/** A file as a node before ours hands it on, inside the item itself. */
export function binaryOf(
	data: Buffer,
	fileName = 'photo.png',
	mimeType = 'image/png',
): IBinaryData {
	return { data: data.toString('base64'), mimeType, fileName };
}

function run(operation: string, parameters: INodeParameters, setup: Partial<Setup>): Setup {
	const { prompt: _prompt, ...base } = generate().parameters;
	const items = [{ json: {}, binary: { data: binaryOf(Buffer.from(png, 'base64'), 'fox.png') } }];
	return {
		...generate({}, { items, ...setup }),
		parameters: { ...base, operation, ...parameters },
	};
}

export const score = (parameters: INodeParameters = {}, setup: Partial<Setup> = {}): Setup =>
	run('score', parameters, setup);

export const upscale = (parameters: INodeParameters = {}, setup: Partial<Setup> = {}): Setup =>
	run('upscale', parameters, setup);

const worker = { version: '1.0.0', model_hash: null, device: 'cpu' };
const meta = { job_id: 'told by the platform', duration_ms: 40 };
const name = (n: number) => `img_000_${String(n).padStart(2, '0')}`;

/** The output of `score` for so many images, in the contract's shape. */
export function scored(count: number): IDataObject {
	const scale = { score_model: 'studio-demo-quality', score_min: 1, score_max: 10 };
	return {
		route: 'score',
		scores: Array.from({ length: count }, (_, n) => ({
			id: name(n),
			aesthetic_score: 7.25 - n,
			...scale,
		})),
		metadata: { score_model: scale.score_model, score_license: 'MIT', worker },
		meta,
	};
}

/** The output of `upscale` for so many images, in the contract's shape. */
export function upscaled(count: number): IDataObject {
	const metadata = {
		upscale_factor: 4,
		final_resolution: null,
		upscale_model: 'photo',
		upscaler: 'Studio Demo 4x',
		tile_size: 1024,
		filename: 'image-up',
		output_format: 'png',
		worker,
	};
	const one = (n: number) => ({ id: `${name(n)}_up`, source_id: name(n), passes: 1 });
	const source = { source_width: 4, source_height: 2 };
	if (count === 1) {
		const sizes = { ...source, final_width: 16, final_height: 8 };
		return { route: 'upscale', image: png, metadata: { ...one(0), ...sizes, ...metadata }, meta };
	}
	const images = Array.from({ length: count }, (_, n) => ({
		...one(n),
		...source,
		image: png,
		width: 16,
		height: 8,
	}));
	return { route: 'upscale', images, metadata, meta };
}

/** The error of an item that is refused before anything is submitted. */
export async function refused(binary: IBinaryKeyData, parameters = {}) {
	workerDoes({ output: scored(1) });
	const { error, status } = await runNode(score(parameters, { items: [itemWith(binary)] }));
	expect(status).toBe('error');
	expect(ledger().submits).toEqual([]);
	return error!;
}
