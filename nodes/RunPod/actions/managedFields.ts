import type { IDataObject, IExecuteFunctions, INodeProperties } from 'n8n-workflow';

import { settingFields } from '../contract/fields';
import type { Limit } from '../contract/limits';
import { managementLimits } from '../contract/management';
import { invalidInput } from '../core/failure';
import { pairsOf, wordsOf } from '../core/reading';
import { checked } from '../core/request';
import { isRecord } from '../core/state';

/** Fields that several resources of the management API have, and how their values are read. */

type Show = Record<string, Array<string | boolean>>;

interface Choice {
	label: string;
	name: string;
	search: string;
	description: string;
	placeholder: string;
	show: Show;
	required?: boolean;
}

/** A field that names one thing of the account, from a live list or by its ID. */
export function locator(choice: Choice): INodeProperties {
	return {
		displayName: choice.label,
		name: choice.name,
		type: 'resourceLocator',
		required: choice.required ?? true,
		default: { mode: 'list', value: '' },
		description: choice.description,
		displayOptions: { show: choice.show },
		modes: [
			{
				displayName: 'From List',
				name: 'list',
				type: 'list',
				typeOptions: { searchListMethod: choice.search, searchable: true },
			},
			{ displayName: 'By ID', name: 'id', type: 'string', placeholder: choice.placeholder },
		],
	};
}

export const endpointField = (show: Show): INodeProperties =>
	locator({
		label: 'Endpoint',
		name: 'managedEndpoint',
		search: 'searchAllEndpoints',
		description: 'The serverless endpoint of the account that is meant',
		placeholder: 'e.g. 4m7x2k9q',
		show,
	});

export const podField = (show: Show): INodeProperties =>
	locator({
		label: 'Pod',
		name: 'pod',
		search: 'searchPods',
		description: 'The Pod of the account that is meant',
		placeholder: 'e.g. 2s6yh1cq4wfk3n',
		show,
	});

export const volumeField = (show: Show, required = true): INodeProperties =>
	locator({
		label: managementLimits.pod.networkVolume.label,
		name: 'networkVolume',
		search: 'searchNetworkVolumes',
		description: required
			? 'The network volume'
			: 'Volume at /workspace instead of a volume disk; none when empty',
		placeholder: 'e.g. agv6w2qcg7',
		show,
		required,
	});

/** A list of choices that RunPod gives now; an expression may give IDs, also with commas. */
export function choices(label: string, name: string, method: string): INodeProperties {
	return {
		displayName: label,
		name,
		type: 'multiOptions',
		typeOptions: { loadOptionsMethod: method },
		default: [],
		description:
			'Choose from the list, or specify IDs using an <a href="https://docs.n8n.io/code/expressions/">expression</a>',
	};
}

export const environmentField: INodeProperties = {
	displayName: 'Environment',
	name: 'environment',
	type: 'fixedCollection',
	typeOptions: { multipleValues: true },
	placeholder: 'Add Variable',
	default: {},
	description: 'Variables that the container sees',
	options: [
		{
			displayName: 'Variable',
			name: 'variable',
			values: [
				{
					displayName: 'Name',
					name: 'name',
					type: 'string',
					default: '',
					placeholder: 'e.g. MODEL_SET',
				},
				{ displayName: 'Value', name: 'value', type: 'string', default: '' },
			],
		},
	],
};

export const pageFields = (show: Show): INodeProperties[] => [
	{
		displayName: 'Return All',
		name: 'returnAll',
		type: 'boolean',
		default: false,
		description: 'Whether to return all results or only up to a given limit',
		displayOptions: { show },
	},
	{
		displayName: 'Limit',
		name: 'limit',
		type: 'number',
		typeOptions: { minValue: 1 },
		default: 50,
		description: 'Max number of results to return',
		displayOptions: { show: { ...show, returnAll: [false] } },
	},
];

export const simplifyField = (show: Show): INodeProperties => ({
	...settingFields.simplify,
	displayOptions: { show },
});

/** The fields with the condition under which the form shows them. */
export const shownIf = (show: Show, fields: INodeProperties[]): INodeProperties[] =>
	fields.map((field) => ({ ...field, displayOptions: { show } }));

export function collection(
	displayName: string,
	name: string,
	show: Show,
	options: INodeProperties[],
	placeholder = 'Add option',
): INodeProperties {
	return {
		displayName,
		name,
		type: 'collection',
		placeholder,
		default: {},
		options,
		displayOptions: { show },
	};
}

/** Reads the fields of one item. What breaks its limit is refused with field, value and limit. */
export class Values {
	constructor(
		private readonly context: IExecuteFunctions,
		private readonly itemIndex: number,
	) {}

	/** As it stands in the form; undefined for a field that is not shown. */
	raw(name: string): unknown {
		return this.context.getNodeParameter(name, this.itemIndex, null) ?? undefined;
	}

	collection(name: string): IDataObject {
		const value = this.raw(name);
		return isRecord(value) ? (value as IDataObject) : {};
	}

	text(limit: Limit, from?: IDataObject): string {
		return String(this.value(limit, from) ?? '').trim();
	}

	number(limit: Limit, from?: IDataObject): number {
		return Number(this.value(limit, from));
	}

	isOn(limit: Limit, from?: IDataObject): boolean {
		return this.value(limit, from) === true;
	}

	/** Several words, checked by their number. */
	list(limit: Limit, from?: IDataObject): string[] {
		const words = wordsOf(from === undefined ? this.raw(limit.parameter) : from[limit.parameter]);
		checked(limit, words);
		return words;
	}

	simplify(): boolean {
		return this.raw('simplify') !== false;
	}

	/** The first of a list, as many as the form allows. */
	page<T>(all: T[]): T[] {
		return this.raw('returnAll') === true ? all : all.slice(0, Number(this.raw('limit') ?? 50));
	}

	private value(limit: Limit, from?: IDataObject): unknown {
		return checked(limit, from === undefined ? this.raw(limit.parameter) : from[limit.parameter]);
	}
}

/** The variables of the field 'Environment'; undefined where it was not added. */
export function environmentOf(given: unknown): Record<string, string> | undefined {
	const pairs = pairsOf(given);
	const wrong = pairs?.find(([name]) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
	if (wrong !== undefined) {
		throw invalidInput(`'Environment' has the name '${wrong[0]}'; use letters, digits and _.`);
	}
	return pairs && Object.fromEntries(pairs);
}
