import type { Cost } from '../core/cost';
import { failureIn } from '../core/failure';
import type { Failure } from '../core/failure';
import { attachedRun, isNewRun } from '../core/run';
import type { FinalAction } from '../core/run';
import { BudgetGuard } from './budgetGuard';
import type { JobRegister } from './identify';
import type { PeerBook } from './peerBook';
import type { AcceptedJob, PlannedJob } from './planned';
import { cancelJob, runJob } from './runJob';
import type { JobEnd, JobWork } from './runJob';
import { bodyOf, tidyUp } from './shipping';
import type { StopSign } from './stop';
import type { Surroundings } from './surroundings';
import type { Watch } from './watch';

/** How a job ended, and the job as it was submitted: a budget may have changed it. */
export type Served = JobEnd & { served: PlannedJob };

/** Runs single jobs of a batch within their budget, and notes what has to survive. */
export class Attempts {
	constructor(
		private readonly guard: BudgetGuard,
		private readonly surroundings: Surroundings,
		private readonly peers: PeerBook,
		private readonly stop: StopSign,
		private readonly register?: JobRegister,
	) {}

	async make(planned: PlannedJob, watch: Watch): Promise<Served> {
		const { guard } = this;
		const { api } = planned;
		const admission = await guard.admit(planned, () => this.peers.of(api).runMs);
		if (admission !== undefined && 'code' in admission)
			return failed(planned, planned, await guard.breached(admission, planned));
		const job = admission?.job ?? planned;
		if (admission === undefined) return { ...(await this.watch(job, watch)), served: job };
		let ended: JobEnd | undefined;
		let cost: Cost | null = null;
		try {
			ended = await this.watch(job, watch);
			if (ended.end.type === 'succeed') cost = await this.surroundings.costOf(ended.end.job, api);
		} finally {
			// Whatever happens: other jobs may wait for what was set aside for this one.
			guard.settle(admission, ended, cost?.usd);
		}
		const { run, end } = ended;
		if (end.type !== 'fail') return { run, end, served: job };
		return failed({ first: run }, job, await guard.breached(end.failure, job));
	}

	/** The end tells what became of the job. */
	async cancel({ job, jobId, submittedAt }: AcceptedJob): Promise<FinalAction> {
		const end = await cancelJob(attachedRun(jobId, submittedAt), job.api, job.policy);
		await tidyUp(job, end);
		this.register?.ended(job.itemIndex, end);
		return end;
	}

	private async watch(job: PlannedJob, watch: Watch): Promise<JobEnd> {
		const { itemIndex, api, fingerprint } = job;
		const { register } = this;
		if (job.body !== undefined && isNewRun(job.first)) await this.surroundings.look(api, this.stop);
		let wasKnown = job.first.jobId !== undefined;
		const work: JobWork = {
			api,
			body: undefined,
			stop: this.stop,
			policy: () => ({
				...job.policy,
				isPaused: this.surroundings.isPaused(api),
				peers: this.peers.of(api),
			}),
			observe: (seen, action) => {
				if (fingerprint !== undefined && action.type === 'submit') {
					register?.submitting(job, fingerprint, Date.now());
				}
				if (fingerprint !== undefined && !wasKnown && seen.jobId !== undefined) {
					wasKnown = true;
					register?.accepted(itemIndex, fingerprint, seen, api.endpointId ?? api.baseUrl);
				}
				// Its images can be large, and the job may run for hours.
				if (seen.jobId !== undefined) work.body = undefined;
				this.peers.slowDown(api, seen);
				watch.note(seen, Date.now());
			},
		};
		const isInVain = this.stop.reason !== undefined || this.surroundings.isPaused(api);
		try {
			// Images are not sent to a bucket for a job that will not be submitted.
			if (!isInVain) work.body = await bodyOf(job);
		} catch (thrown) {
			return { run: job.first, end: { type: 'fail', failure: failureIn(thrown) } };
		}
		const ended = await runJob(job.first, work);
		await tidyUp(job, ended.end);
		if (fingerprint !== undefined) register?.ended(itemIndex, ended.end);
		return ended;
	}
}

const failed = (
	{ first }: Pick<PlannedJob, 'first'>,
	served: PlannedJob,
	failure: Failure,
): Served => ({ run: first, end: { type: 'fail', failure }, served });
