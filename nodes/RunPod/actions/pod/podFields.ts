import type { INodeProperties } from 'n8n-workflow';

import { managementFields, managementLimits } from '../../contract/management';
import { invalidInput } from '../../core/failure';
import { isRecord } from '../../core/state';
import type { ReadyOptions } from '../../run/podReady';
import { collection, shownIf } from '../managedFields';
import type { Values } from '../managedFields';

/** What the operations of a Pod have in common. */

const own = managementFields.pod;
const limits = managementLimits.pod;

type Show = Record<string, Array<string | boolean>>;

export const onTimeoutOptions: INodeProperties['options'] = [
	{ name: 'Keep', value: 'keep', description: 'It stays, and costs' },
	{ name: 'Terminate', value: 'terminate', description: 'It is deleted with its volume disk' },
];

/** How to find out whether the application in the Pod works. */
export const readyFields = (show: Show, onTimeout: INodeProperties): INodeProperties[] => [
	...shownIf(show, [
		own.healthPath,
		own.readyTimeoutS,
		{ ...onTimeout, options: onTimeoutOptions },
	]),
	collection('Readiness', 'readiness', show, [
		own.healthTimeoutS,
		own.metricsPath,
		own.pollS,
		own.warmUpPath,
		{
			displayName: limits.warmUpBody.label,
			name: limits.warmUpBody.parameter,
			type: 'json',
			default: '',
			description:
				'Request that has to be answered before the Pod counts as ready, e.g. a small job; none when empty',
		},
	]),
];

function warmUpBody(given: unknown): object | undefined {
	if (isRecord(given)) return given;
	const text = String(given ?? '').trim();
	if (text === '') return undefined;
	try {
		const body: unknown = JSON.parse(text);
		if (isRecord(body)) return body;
	} catch (error) {
		const why = error instanceof Error ? error.message : String(error);
		throw invalidInput(`'${limits.warmUpBody.label}' is not valid JSON: ${why}`);
	}
	throw invalidInput(`'${limits.warmUpBody.label}' must be a JSON object.`);
}

const withSlash = (path: string): string => (path.startsWith('/') ? path : `/${path}`);

export function readyOptions(
	values: Values,
	onTimeout: typeof limits.onTimeout | typeof limits.waitOnTimeout,
): ReadyOptions {
	const more = values.collection('readiness');
	const metricsPath = values.text(limits.metricsPath, more);
	const body = warmUpBody(more.warmUpBody);
	return {
		port: values.number(limits.port),
		healthPath: withSlash(values.text(limits.healthPath)),
		timeoutS: values.number(limits.readyTimeoutS),
		pollS: values.number(limits.pollS, more),
		healthTimeoutS: values.number(limits.healthTimeoutS, more),
		onTimeout: values.text(onTimeout) === 'terminate' ? 'terminate' : 'keep',
		metricsPath: metricsPath === '' ? '' : withSlash(metricsPath),
		warmUp:
			body === undefined
				? undefined
				: { path: withSlash(values.text(limits.warmUpPath, more)), body },
	};
}
