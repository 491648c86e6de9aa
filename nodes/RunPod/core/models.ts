import { listOf, recordOf, textOf } from './reading';
import { isRecord } from './state';

/** What a worker can draw with, and how the field 'Model' names it. */

export interface ModelEntry {
	name: string;
	value: string;
}

/**
 * The usable checkpoints of a worker, its default first. Reads the output of the route `models` and
 * the answer of `GET /api/models`; undefined where neither is it.
 */
export function readModels(body: unknown): ModelEntry[] | undefined {
	const usual = textOf(recordOf(body).default_model);
	return listOf(body, 'checkpoints')
		?.flatMap(({ name, title, type, usable }) => {
			const value = textOf(name);
			// The worker lists also what its set names and what is not there, and types that it only knows.
			if (value === undefined || usable !== true) return [];
			const kind = [textOf(type), value === usual ? 'default' : undefined]
				.filter(Boolean)
				.join(', ');
			const shown = textOf(title) ?? value;
			return [{ name: kind === '' ? shown : `${shown} (${kind})`, value }];
		})
		.sort((one, other) => Number(other.value === usual) - Number(one.value === usual));
}

/** The name in the field 'Model': of its list, typed, or the plain text of older workflows. */
export function modelNameOf(parameter: unknown): unknown {
	const value = isRecord(parameter) && '__rl' in parameter ? parameter.value : parameter;
	return typeof value === 'string' ? value.trim() || undefined : value;
}
