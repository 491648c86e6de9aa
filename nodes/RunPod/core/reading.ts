import { isRecord } from './state';

/** Reads foreign JSON tolerantly: what has another type than expected counts as absent. */

export const numberOf = (value: unknown): number | undefined =>
	typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;

export const textOf = (value: unknown): string | undefined =>
	typeof value === 'string' && value !== '' ? value : undefined;

export const textsOf = (value: unknown): string[] =>
	Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];

export const recordOf = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});

export const recordsOf = (value: unknown): Array<Record<string, unknown>> =>
	Array.isArray(value) ? value.filter(isRecord) : [];

export const listOf = (body: unknown, key: string): Array<Record<string, unknown>> | undefined => {
	const list = recordOf(body)[key];
	return Array.isArray(list) ? list.filter(isRecord) : undefined;
};

/** A text of several values, or a list of them; empty ones are left out. */
export function wordsOf(value: unknown): string[] {
	const list: unknown[] = Array.isArray(value) ? value : String(value ?? '').split(/[,\n]/);
	return list.map((one) => String(one).trim()).filter((one) => one !== '');
}

/**
 * The names and values of a field whose rows are called 'variable'; an expression may give them as
 * one object. Undefined where nothing was added.
 */
export function pairsOf(given: unknown): Array<[name: string, value: string]> | undefined {
	if (!isRecord(given)) return undefined;
	const { variable, ...own } = given;
	const pairs = Array.isArray(variable)
		? recordsOf(variable).map(({ name, value }): [unknown, unknown] => [name, value])
		: Object.entries(own);
	if (pairs.length === 0 && !Array.isArray(variable)) return undefined;
	return pairs.map(([name, value]) => [String(name ?? '').trim(), String(value ?? '')]);
}

const SECRET = /token|key|secret|password|credential/i;

/** RunPod's own object, as it is, without the values of variables that look secret. */
export function withoutSecrets(body: unknown): Record<string, unknown> {
	const object = recordOf(body);
	if (!isRecord(object.env)) return object;
	const env = Object.entries(object.env).map(([name, value]) => [
		name,
		SECRET.test(name) ? '***' : value,
	]);
	return { ...object, env: Object.fromEntries(env) };
}
