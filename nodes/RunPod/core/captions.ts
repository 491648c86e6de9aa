import {
	captionLengths,
	captionModels,
	captionVariables,
	missingVariables,
} from '../contract/captionTexts';
import type { CaptionModel } from '../contract/captionTexts';
import { invalidInput } from './failure';
import { isRecord } from './state';

/** What is asked of a caption model, checked before anything costs; and what comes back, by image. */

export interface CaptionRequest {
	model: string;
	variant: string;
	mode: string;
	prompt: string;
	length: string;
	promptOptions: string[];
	variables: Record<string, string>;
}

const isModel = (name: string): name is CaptionModel => Object.hasOwn(captionModels, name);

const VARIABLE = /\{([A-Za-z_]\w*)\}/g;

const quoted = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ');

/** Throws INVALID_INPUT for what the model does not know, cannot follow, or lacks. */
export function checkRequest(asked: CaptionRequest): void {
	// Another name is refused by the contract's own list.
	if (!isModel(asked.model)) return;
	const model = captionModels[asked.model];
	const variant = model.variants.find(({ value }) => value === asked.variant);
	// A set of models may add a variant of its own: it has the modes of its family.
	const modes = variant?.modes ?? model.modes.map(({ value }) => value);
	if (!modes.includes(asked.mode)) {
		throw invalidInput(
			`'Mode' is '${asked.mode}'; ${variant?.name ?? model.name} has ${quoted(modes)}.`,
		);
	}
	if (!model.followsInstructions) {
		const followers = Object.values(captionModels).filter((one) => one.followsInstructions);
		const who = followers.map(({ name }) => name).join(', ');
		if (asked.promptOptions.length > 0) {
			throw invalidInput(
				`'Extra Instructions' are only for a model that follows instructions: ${who}, not ${model.name}.`,
			);
		}
		if (asked.length !== captionLengths.words[0]) {
			throw invalidInput(
				`'Length' is '${asked.length}'; ${model.name} takes only '${captionLengths.words[0]}'. Others are for ${who}.`,
			);
		}
	}
	const inPrompt = [...asked.prompt.matchAll(VARIABLE)].map(([, name]) => name ?? '');
	const inOptions = asked.promptOptions.flatMap((name) => captionVariables[name] ?? []);
	const missing = [...new Set([...inPrompt, ...inOptions])].filter(
		(name) => (asked.variables[name] ?? '').trim() === '',
	);
	if (missing.length > 0) {
		throw invalidInput(
			`${missingVariables.replace('{names}', missing.join(', '))}. Add them under 'Prompt Variables'.`,
		);
	}
}

/** One image's part of a result. */
export interface Captioned {
	/** Without `captions`, with this image's own values. */
	json: Record<string, unknown>;
	caption?: string;
	error?: { code: string; message: string };
}

const isText = (value: unknown): value is string => typeof value === 'string';

/** Takes the output of a job apart into its images, in the order in which they were sent. */
export function shareOut(output: Record<string, unknown>, count: number): Captioned[] {
	const { captions, ...rest } = output;
	const entries = Array.isArray(captions) ? captions : [];
	return Array.from({ length: count }, (_, index) => {
		const entry: unknown = entries[index];
		if (isRecord(entry)) {
			const { error, ...values } = entry;
			const json = { ...rest, ...values };
			if (isRecord(error)) {
				return { json, error: { code: String(error.code), message: String(error.message) } };
			}
			return { json, caption: isText(entry.caption) ? entry.caption : undefined };
		}
		// A worker that captions one image need not list it.
		const alone = count === 1 && isText(rest.caption) ? rest.caption : undefined;
		return { json: rest, caption: alone };
	});
}

/** The text of a caption file: the trigger word comes first, as trainers of models expect it. */
export function captionFile(caption: string, triggerWord: string): string {
	const word = triggerWord.trim();
	return word === '' ? caption : `${word}, ${caption}`;
}

/** How many neighbouring requests go together: as many as fit by number and by bytes. */
export function groupSizes(
	requests: Array<{ key: string; images: number; bytes: number; index: number }>,
	most: { images: number; bytes: number },
): number[] {
	const sizes: number[] = [];
	let [images, bytes] = [0, 0];
	for (const [place, request] of requests.entries()) {
		const before = requests[place - 1];
		// Only neighbours: the results of a job stay together, and the order must be that of the input.
		const isNeighbour =
			before !== undefined && before.key === request.key && before.index + 1 === request.index;
		const fits = images + request.images <= most.images && bytes + request.bytes <= most.bytes;
		if (isNeighbour && fits) {
			sizes[sizes.length - 1] = (sizes.at(-1) ?? 0) + 1;
			images += request.images;
			bytes += request.bytes;
		} else {
			sizes.push(1);
			[images, bytes] = [request.images, request.bytes];
		}
	}
	return sizes;
}
