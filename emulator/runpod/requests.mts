/** What the job plane takes. Unknown fields and values out of range are refused. */
import { z } from 'zod';
import {
	MAX_TIMEOUT_MS,
	MAX_WAIT_MS,
	MIN_EXECUTION_TIMEOUT_MS,
	MIN_TTL_MS,
	MIN_WAIT_MS,
} from './limits.mts';

const milliseconds = (min: number, max: number) => z.number().int().min(min).max(max);

// Assumed: unknown fields are refused with 400. The documentation does not say; a strict emulator
// finds a misspelt field that the platform might silently ignore.
export const submitBody = z
	.object({
		// Assumed: `input` has to be an object. All documented examples are objects.
		input: z.record(z.string(), z.unknown()),
		webhook: z.string().url().optional(),
		policy: z
			.object({
				executionTimeout: milliseconds(MIN_EXECUTION_TIMEOUT_MS, MAX_TIMEOUT_MS).optional(),
				ttl: milliseconds(MIN_TTL_MS, MAX_TIMEOUT_MS).optional(),
				lowPriority: z.boolean().optional(),
			})
			.strict()
			.optional(),
		s3Config: z
			.object({
				accessId: z.string(),
				accessSecret: z.string(),
				bucketName: z.string(),
				endpointUrl: z.string(),
				objectPath: z.string().optional(),
				// Assumed: passed on to the worker like the others.
				region: z.string().optional(),
			})
			.strict()
			.optional(),
	})
	.strict();

export type SubmitBody = z.infer<typeof submitBody>;

const inQuery = (min: number, max: number) =>
	z.coerce.number().pipe(milliseconds(min, max)).optional();

/** Query parameters by operation; operations that are not listed take none. */
export const queries: Record<
	string,
	z.ZodType<{ wait?: number; ttl?: number }, z.ZodTypeDef, unknown>
> = {
	runsync: z.object({ wait: inQuery(MIN_WAIT_MS, MAX_WAIT_MS) }).strict(),
	stream: z.object({ wait: inQuery(MIN_WAIT_MS, MAX_WAIT_MS) }).strict(),
	// Assumed: the same range as `policy.ttl`.
	status: z.object({ ttl: inQuery(MIN_TTL_MS, MAX_TIMEOUT_MS) }).strict(),
};
export const noQuery = z.object({}).strict();

/** One line for the first problem found. */
export function firstProblem(error: z.ZodError): string {
	const issue = error.issues[0];
	const field = issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
	return `${field}${issue.message}`;
}
