/**
 * npm test: every check of the repository, with what they need prepared in the cache.
 *
 *   npm run test:quick              what a developer runs all the time, under a minute
 *   npm test -- --only WORD         the stages with this word in their name
 *   npm run test:image              the worker's image, built and started for real
 *   npm test -- --fresh             prepares everything anew
 */
import { parseArgs } from 'node:util';
import { withCleanEnd } from './running/processes.mts';
import { fullStages, quickStages } from './testing/plan.mts';
import { runStages, summarize } from './testing/stage.mts';

export async function main(args: string[]): Promise<void> {
	const { values } = parseArgs({
		args,
		options: { quick: { type: 'boolean' }, fresh: { type: 'boolean' }, only: { type: 'string' } },
	});
	const stages = values.quick ? quickStages() : fullStages(values.fresh ?? false);
	const { only } = values;
	// The preparation belongs to whatever is chosen.
	const chosen = stages.filter(({ name }, index) => index === 0 || !only || name.includes(only));
	await withCleanEnd(async () => summarize(await runStages(chosen)));
}
