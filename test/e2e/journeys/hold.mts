/** One worker held by Warm Up, and freed by a node of another kind, in a real n8n with a real worker. */
import { itemsOf } from '../../../scripts/running/examples.mts';
import { ENDPOINT } from '../stand.mts';
import type { Stand } from '../stand.mts';
import { chain, locator, manual, ours } from '../workflows.mts';

export function hold(stand: Stand): void {
	it('is held by one job, and free for the next one when that is cancelled', async () => {
		stand.emulator.control.reset();
		const access = { runPodApi: stand.credentials.runPodApi };
		const endpoint = locator(ENDPOINT);
		const execution = await stand.run(
			chain('Hold', [
				manual(),
				ours('Hold', { resource: 'endpoint', operation: 'warmUp', managedEndpoint: endpoint, duration: 3600, interval: 1 }, access),
				ours('Free', { resource: 'job', operation: 'cancel', endpoint, jobId: '={{ $json.hold.job_id }}' }, access),
				ours('Next', { resource: 'job', operation: 'run', endpoint, input: '{"route": "health"}' }, access),
			]),
		);
		expect(execution.error?.message).toBeUndefined();
		const { hold: held } = itemsOf(execution, 'Hold')[0].json as { hold: Record<string, unknown> };
		const { jobs, incidents, openJobs } = stand.emulator.control.snapshot();
		expect(jobs.map(({ state }) => state)).toEqual(['COMPLETED', 'CANCELLED', 'COMPLETED']);
		// One worker is attached: what runs after the cancel proves that it was freed.
		const workers = new Set(jobs.flatMap(({ attempts }) => attempts.map(({ workerId }) => workerId)));
		expect([...workers]).toEqual([held.worker_id]);
		expect(itemsOf(execution, 'Next')[0].json).toMatchObject({ status: 'healthy' });
		expect(openJobs).toEqual([]);
		expect(incidents.filter(({ jobId }) => jobId === held.job_id)).toEqual([]);
	});
}
