/**
 * npm test: every check of the repository, with what they need prepared in the cache.
 *
 *   npm run test:quick              what a developer runs all the time, under a minute
 *   npm test -- --only WORD         the stages with this word in their name
 *   npm run test:image              the worker's image, built and started for real
 *   npm test -- --fresh             prepares everything anew
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { withCleanEnd } from './running/processes.mts';
import { cacheFolder } from './setup/places.mts';
import { fullStages, quickStages } from './testing/plan.mts';
import { runStages, summarize } from './testing/stage.mts';

export async function main(args: string[]): Promise<void> {
	const { values } = parseArgs({
		args,
		options: { quick: { type: 'boolean' }, fresh: { type: 'boolean' }, only: { type: 'string' } },
	});
	const stages = values.quick ? quickStages() : fullStages(values.fresh ?? false);
	const only = values.only;
	// The preparation belongs to whatever is chosen.
	// The first build of the image takes longer than all the rest: `npm run test:image` is asked for it.
	// Where that was done once, its layers are there, and the image is built and started each time.
	const isAsked = (name: string): boolean => (only ? name.includes(only) : name !== 'image' || existsSync(join(cacheFolder(), 'image')));
	const chosen = stages.filter(({ name }, index) => index === 0 || isAsked(name));
	await withCleanEnd(async () => summarize(await runStages(chosen)));
}
