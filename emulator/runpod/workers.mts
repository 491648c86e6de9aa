/** The worker plane: what the runpod SDK of a worker calls. */
import type { FastifyInstance } from 'fastify';
import type { Emulator } from '../emulator.mts';
import { operation, type Handle } from './call.mts';
import type { Endpoint } from './endpoint.mts';
import type { Job } from './job.mts';
import { receiveChunk, receivePing, receiveResult } from './results.mts';
import { noContent, ok, takenJob } from './wire.mts';

export function workerRoutes(app: FastifyInstance, emulator: Emulator): void {
	const base = '/v2/:endpoint';
	app.get(`${base}/job-take/:worker`, operation(emulator, 'job-take', 'workers', take(false)));
	app.get(`${base}/job-take-batch/:worker`, operation(emulator, 'job-take', 'workers', take(true)));
	app.get(`${base}/job-stop/:worker`, operation(emulator, 'job-stop', 'workers', stop));
	app.post(`${base}/job-done/:worker/:job`, operation(emulator, 'job-done', 'workers', done));
	app.post(`${base}/job-stream/:worker/:job`, operation(emulator, 'job-stream', 'workers', chunk));
	app.get(`${base}/ping/:worker`, operation(emulator, 'ping', 'workers', ping));
}

/**
 * The environment that makes an unmodified runpod SDK worker attach to an endpoint.
 * Assumed: the platform's own template of these addresses is not public; this one has what the SDK needs:
 * `/job-take/`, from which it makes the stop address, and a query to append to.
 */
export function workerEnvironment(
	emulator: Emulator,
	endpoint: Endpoint,
	workerId: string,
): Record<string, string> {
	const base = `${emulator.url}/v2/${endpoint.id}`;
	return {
		RUNPOD_WEBHOOK_GET_JOB: `${base}/job-take/$ID?gpu=Emulated+GPU`,
		RUNPOD_WEBHOOK_POST_OUTPUT: `${base}/job-done/$RUNPOD_POD_ID/$ID?gpu=Emulated+GPU`,
		RUNPOD_WEBHOOK_POST_STREAM: `${base}/job-stream/$RUNPOD_POD_ID/$ID?gpu=Emulated+GPU`,
		RUNPOD_WEBHOOK_PING: `${base}/ping/$RUNPOD_POD_ID`,
		RUNPOD_PING_INTERVAL: String(endpoint.settings.pingIntervalMs),
		RUNPOD_POD_ID: workerId,
		RUNPOD_POD_HOSTNAME: `${workerId}-emulated`,
		RUNPOD_ENDPOINT_ID: endpoint.id,
		RUNPOD_AI_API_KEY: emulator.keys.workerKey,
		RUNPOD_SKIP_AUTO_SYSTEM_CHECKS: 'true',
	};
}

const take =
	(batch: boolean): Handle =>
	async (emulator, call) => {
		const { endpoint, workerId } = call;
		const worker = endpoint.seen(workerId, emulator.clock.now());
		worker.openPolls += 1;
		const batchSize = batch ? Math.max(1, Number(call.rawQuery.batch_size) || 1) : 1;
		const jobs = await new Promise<Job[]>((resolve) => {
			const giveUp = emulator.dispatcher.hold(
				endpoint,
				{ workerId, batchSize, answer: resolve },
				endpoint.settings.holdMs,
			);
			call.whenClosed(() => {
				giveUp();
				resolve([]);
			});
		});
		worker.openPolls -= 1;
		worker.lastSeenAt = emulator.clock.now();
		// The SDK asks again at once after any other answer than a job: the call was held until now.
		if (jobs.length === 0) return noContent;
		return ok(batch ? jobs.map(takenJob) : takenJob(jobs[0]));
	};

const stop: Handle = async (emulator, call) => {
	const { endpoint, workerId } = call;
	const worker = endpoint.seen(workerId, emulator.clock.now());
	if (worker.stops.length === 0) {
		await new Promise<void>((resolve) => {
			const poll = {
				workerId,
				wake: () => {
					timer.cancel();
					endpoint.stopPolls = endpoint.stopPolls.filter((other) => other !== poll);
					resolve();
				},
			};
			const timer = emulator.clock.after(endpoint.settings.holdMs, poll.wake);
			endpoint.stopPolls.push(poll);
			call.whenClosed(poll.wake);
		});
	}
	const jobsToStop = worker.stops.splice(0);
	return jobsToStop.length === 0 ? noContent : ok({ jobsToStop });
};

// The SDK marks these bodies as a form; they are JSON text all the same.
const done: Handle = (emulator, call) => {
	call.endpoint.seen(call.workerId, emulator.clock.now());
	return receiveResult(emulator.platform, call.endpoint, call.workerId, call.jobId, call.text);
};

const chunk: Handle = (emulator, call) => {
	call.endpoint.seen(call.workerId, emulator.clock.now());
	return receiveChunk(emulator.platform, call.endpoint, call.workerId, call.jobId, call.text);
};

const ping: Handle = (emulator, call) => {
	const worker = call.endpoint.seen(call.workerId, emulator.clock.now());
	// A failed fitness check says so and ends its process.
	worker.unhealthy = call.rawQuery.status === 'unhealthy';
	const jobIds = (call.rawQuery.job_id ?? '').split(',').filter((id) => id !== '');
	return receivePing(emulator.platform, call.endpoint, call.workerId, jobIds);
};
