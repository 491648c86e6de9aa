import type { IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

import type { JobTarget } from '../core/options';
import { policyOf } from '../core/plan';
import { isNewRun } from '../core/run';
import type { Policy, Run } from '../core/run';
import { noPeers } from '../core/schedule';
import { takeUp } from '../core/secondTry';
import { openJobApi } from '../transport/jobs';
import { Batch } from './batch';
import type { PlannedJob } from './planned';
import { JobRegister } from './identify';
import { parkJobs } from './park';
import type { PreparedJob } from './prepared';
import { shippingOf, storageOf } from './shipping';

/** A job and the item that it begins with. */
export type ItemJob = PreparedJob & { itemIndex: number };

/**
 * Runs one job per input item, or per group of neighbours where `join` puts some together. `prepare`
 * is called for every item before the first submit and throws on bad input, so that bad input costs
 * nothing.
 */
export async function runItems(
	this: IExecuteFunctions,
	prepare: (itemIndex: number) => PreparedJob | Promise<PreparedJob>,
	join: (jobs: ItemJob[]) => ItemJob[] = (jobs) => jobs,
): Promise<INodeExecutionData[][]> {
	const register = new JobRegister(this);
	const itemCount = this.getInputData().length;
	const batch = new Batch(this, itemCount, register);
	const prepared = await batch.plan(async (itemIndex): Promise<ItemJob> => {
		return { ...(await prepare(itemIndex)), itemIndex };
	});
	const joined = register.parted(prepared).flatMap((part) => join(part));
	const jobs = await batch.planEach(joined, async (job): Promise<PlannedJob> => {
		const { itemIndex, itemIndexes, options, binary } = job;
		const storage = await storageOf(this, options);
		const planOn = async (target: JobTarget): Promise<PlannedJob> => {
			const placed = { ...options, target, fallback: undefined };
			const api = await openJobApi(this, placed);
			const shipping = shippingOf(job, placed, api, storage);
			const policy = policyOf(placed, noPeers());
			return {
				itemIndex,
				itemIndexes,
				options: placed,
				binary: { isRequired: true, ...binary },
				api,
				policy,
				...shipping,
				first: firstOf(register, itemIndex, shipping.fingerprint, policy),
			};
		};
		const primary = await planOn(options.target);
		if (options.fallback === undefined) return primary;
		const fallback = { ...(await planOn(options.fallback)), servedBy: 'fallback' as const };
		// An earlier try of this run had got as far as the fallback: its job is the one to wait for.
		return isNewRun(fallback.first) ? { ...primary, fallback } : fallback;
	});
	const isCallback = jobs.length > 0 && jobs.every(waitsForCall);
	return isCallback ? await parkJobs(this, batch, register, jobs) : await batch.run(jobs);
}

const waitsForCall = ({ options }: PlannedJob): boolean => options.waitForResult === 'callback';

/** A job that an earlier try of this run submitted is read again, never submitted a second time. */
const firstOf = (
	register: JobRegister,
	itemIndex: number,
	fingerprint: string,
	policy: Policy,
): Run => takeUp(register.find(itemIndex, fingerprint), policy);
