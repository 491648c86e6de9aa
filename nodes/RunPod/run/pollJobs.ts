import type { IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

import { policyOf } from '../core/plan';
import { attachedRun } from '../core/run';
import { noPeers } from '../core/schedule';
import { openJobApi } from '../transport/jobs';
import { Batch } from './batch';
import type { PlannedJob } from './planned';
import type { PreparedPoll } from './prepared';
import { storageFor } from './shipping';

/** A single look is tried again for this long when the network fails. */
const ONE_LOOK_MS = 30_000;

/** Looks at jobs that exist already, one per input item. It never submits one, nor cancels one. */
export async function pollJobs(
	this: IExecuteFunctions,
	prepare: (itemIndex: number) => PreparedPoll,
): Promise<INodeExecutionData[][]> {
	const batch = new Batch(this, this.getInputData().length);
	const jobs = await batch.plan(async (itemIndex): Promise<PlannedJob> => {
		const { jobId, mode, timeoutS, options, binary } = prepare(itemIndex);
		const api = await openJobApi(this, options);
		const storage = await storageFor(this, binary.output, options, api);
		return {
			itemIndex,
			options,
			binary,
			api,
			storage,
			first: attachedRun(jobId),
			policy: {
				...policyOf(options, noPeers()),
				until: mode === 'once' ? 'once' : 'end',
				totalTimeoutMs: mode === 'once' ? ONE_LOOK_MS : timeoutS * 1000,
				cancelOnStop: false,
			},
		};
	});
	return await batch.run(jobs);
}
