/** Inputs at and beyond each limit, made from the contract, so that no limit goes unchecked. */
import { parameters, type RouteSource, type Schema } from '../../contract/generator/source.mts';

export interface Vector {
	name: string;
	input: Record<string, unknown>;
	/** The parameter that must be refused. */
	invalid?: string;
}

function values(part: Schema): { good: unknown[]; bad: unknown[] } {
	const good: unknown[] = [];
	const bad: unknown[] = [];
	const step = part.multipleOf ?? (part.type === 'integer' ? 1 : 0.5);
	if (part.minimum !== undefined) {
		good.push(part.minimum);
		bad.push(part.minimum - step);
	}
	if (part.maximum !== undefined) {
		good.push(part.maximum);
		bad.push(part.maximum + step);
	}
	if (part.multipleOf !== undefined && part.minimum !== undefined) {
		bad.push(part.minimum + part.multipleOf / 2);
	}
	if (part.type === 'integer') bad.push((part.minimum ?? 0) + 0.5);
	if (part.type === 'integer' || part.type === 'number') bad.push(true, String(part.maximum));
	if (part.type === 'boolean') {
		good.push(true, false);
		bad.push(1, 'true');
	}
	if (part.type === 'string') bad.push(1);
	if (part.maxLength !== undefined) {
		good.push('x'.repeat(part.maxLength));
		bad.push('x'.repeat(part.maxLength + 1));
	}
	if (part.enum) {
		good.push(...part.enum);
		bad.push('no such word');
	}
	return { good, bad };
}

/** The shortest input that the route takes: its first good example cut down to what is required. */
export function minimal(route: RouteSource): Record<string, unknown> {
	const example = route.examples.find(({ invalid }) => invalid === undefined);
	if (!example) throw new Error(`The route ${route.route} has no good example`);
	return Object.fromEntries(
		Object.entries(example.input).filter(([name]) => route.input.required?.includes(name)),
	);
}

export function vectors(route: RouteSource): Vector[] {
	const base = minimal(route);
	return [
		...route.examples.map(({ name, input, invalid }) => ({ name, input, invalid })),
		...parameters(route.input).flatMap(([name, part]) => {
			const { good, bad } = values(part);
			const text = (value: unknown) => JSON.stringify(value).slice(0, 30);
			return [
				...good.map((value) => ({
					name: `${name} ${text(value)}`,
					input: { ...base, [name]: value },
				})),
				...bad.map((value) => ({
					name: `${name} ${text(value)}`,
					input: { ...base, [name]: value },
					invalid: name,
				})),
			];
		}),
		...(route.input.required ?? [])
			.filter((name) => name !== 'route')
			.map((name) => {
				const { [name]: _gone, ...input } = base;
				return { name: `without ${name}`, input, invalid: name };
			}),
	];
}
