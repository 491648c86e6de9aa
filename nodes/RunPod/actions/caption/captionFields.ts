import type { INodeProperties, INodePropertyOptions } from 'n8n-workflow';

import { captionLengths, captionModels, captionOptions } from '../../contract/captionTexts';
import { fields as routeFields, settingFields } from '../../contract/fields';
import { limits } from '../../contract/limits';
import { sourceOptions, sourceFields } from '../sourceFields';
import { waitFields } from '../runFields';

/** The form of Caption > Generate. Models, modes and instructions come from the contract's texts. */

export const show = { resource: ['caption'], operation: ['generate'] };

const models = Object.entries(captionModels);
const following = models.flatMap(([name, model]) => (model.followsInstructions ? [name] : []));

/** Value of 'Length' that stands for a number in the field beside it. */
export const WORDS = 'words';

const [ANY_LENGTH] = captionLengths.words;

const labelOf = (name: string): string =>
	limits.caption.find(({ parameter }) => parameter === name)?.label ?? name;

const [modelField, ...otherFields] = routeFields.caption.main;

function variantOf(model: string): INodeProperties {
	const { variants, defaultVariant } = captionModels[model as keyof typeof captionModels];
	return {
		displayName: labelOf('modelVariant'),
		name: 'modelVariant',
		type: 'options',
		options: [
			{ name: "Worker's Own", value: '', description: 'The one that the worker has' },
			...variants.map(({ name, value }) => ({ name, value })),
		],
		default: '',
		description: `Which ${captionModels[model as keyof typeof captionModels].name} answers; by default ${defaultVariant}, or the one that the worker has instead. An expression can name a model that the worker's set adds.`,
		displayOptions: { show: { ...show, model: [model] } },
	};
}

function modeOf(model: string): INodeProperties {
	const { modes } = captionModels[model as keyof typeof captionModels];
	return {
		displayName: labelOf('mode'),
		name: 'mode',
		type: 'options',
		options: modes.map(({ name, value }): INodePropertyOptions => ({ name, value })),
		default: 'default',
		description: "What kind of text to write. 'Prompt' replaces it.",
		displayOptions: { show: { ...show, model: [model] } },
	};
}

const instructions: INodeProperties[] = [
	{
		displayName: labelOf('promptOptions'),
		name: 'promptOptions',
		type: 'multiOptions',
		options: captionOptions.map(({ name, value }): INodePropertyOptions => ({ name, value })),
		default: [],
		description: 'Sentences that are added below the mode or the prompt',
		displayOptions: { show: { ...show, model: following } },
	},
	{
		displayName: labelOf('length'),
		name: 'length',
		type: 'options',
		options: [
			...captionLengths.words.map((word) => ({
				name: word.replace(/\b\w/g, (letter) => letter.toUpperCase()),
				value: word,
			})),
			{ name: 'Number of Words', value: WORDS },
		],
		default: ANY_LENGTH,
		description: 'How long the caption shall be',
		displayOptions: { show: { ...show, model: following } },
	},
	{
		...settingFields.lengthWords,
		displayOptions: { show: { ...show, model: following, length: [WORDS] } },
	},
];

const variables: INodeProperties = {
	displayName: labelOf('promptVariables'),
	name: 'promptVariables',
	type: 'fixedCollection',
	typeOptions: { multipleValues: true },
	placeholder: 'Add variable',
	default: {},
	description:
		'Values for names in braces in the prompt or in an extra instruction, such as {character_name}',
	options: [
		{
			displayName: 'Variable',
			name: 'variable',
			values: [
				{
					displayName: 'Name',
					name: 'name',
					type: 'string',
					default: 'character_name',
					description: 'Name without braces',
				},
				{
					displayName: 'Value',
					name: 'value',
					type: 'string',
					default: '',
					description: 'Text that stands there instead',
				},
			],
		},
	],
	displayOptions: { show },
};

/** The models of equal defaults share their fields; each option starts at the model's own value. */
function generationOptions(): INodeProperties[] {
	const groups = new Map<string, string[]>();
	for (const [name, { generation }] of models) {
		const key = JSON.stringify(generation);
		groups.set(key, [...(groups.get(key) ?? []), name]);
	}
	return [...groups].flatMap(([key, names]) => {
		const defaults = JSON.parse(key) as Record<string, number>;
		return (routeFields.caption.parts.generationParams ?? []).map((field) => ({
			...field,
			default: defaults[field.name] ?? field.default,
			displayOptions: { show: { '/model': names } },
		}));
	});
}

const byName = (one: INodeProperties, other: INodeProperties): number =>
	one.displayName.localeCompare(other.displayName, 'en');

export const fields: INodeProperties[] = [
	...sourceFields(show),
	...(modelField === undefined ? [] : [{ ...modelField, displayOptions: { show } }]),
	...models.map(([name]) => modeOf(name)),
	...otherFields.map((field) => ({ ...field, displayOptions: { show } })),
	...instructions,
	variables,
	...models.map(([name]) => variantOf(name)),
	{
		displayName: 'Options',
		name: 'options',
		type: 'collection',
		placeholder: 'Add option',
		default: {},
		options: [
			...routeFields.caption.options,
			...generationOptions(),
			settingFields.imagesPerJob,
			settingFields.keepSource,
			...sourceOptions,
			settingFields.saveCaptionFile,
			settingFields.triggerWord,
		].sort(byName),
		displayOptions: { show },
	},
	...waitFields(show),
];
