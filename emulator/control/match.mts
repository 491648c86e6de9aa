/** Which job a rule means: by its position, its id, or what its input holds. */
import { z } from 'zod';

export interface Subject {
	endpointId: string;
	operation?: string;
	jobId?: string;
	/** Position among the accepted submits of the endpoint, from 1; before a submit the one it would get. */
	order?: number;
	input?: unknown;
	submittedAt?: number;
}

export const matchSchema = z
	.object({
		order: z.union([z.number().int().min(1), z.array(z.number().int().min(1))]).optional(),
		jobId: z.string().optional(),
		/** The input holds at least these values. */
		input: z.record(z.string(), z.unknown()).optional(),
		/** Only in the same process. */
		when: z.custom<(input: unknown) => boolean>((value) => typeof value === 'function').optional(),
	})
	.strict();
export type Match = z.infer<typeof matchSchema>;

export function matchesInput(match: Match | undefined, subject: Subject): boolean {
	if (match === undefined) return true;
	if (match.order !== undefined) {
		if (
			subject.order === undefined ||
			!([] as number[]).concat(match.order).includes(subject.order)
		)
			return false;
	}
	if (match.jobId !== undefined && match.jobId !== subject.jobId) return false;
	if (match.input !== undefined && !holds(subject.input, match.input)) return false;
	return match.when === undefined || match.when(subject.input);
}

/** True when `value` has everything that `part` has. */
function holds(value: unknown, part: unknown): boolean {
	if (typeof part !== 'object' || part === null) return Object.is(value, part);
	if (typeof value !== 'object' || value === null) return false;
	return Object.entries(part).every(([key, inner]) =>
		holds((value as Record<string, unknown>)[key], inner),
	);
}
