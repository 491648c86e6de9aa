/** The job plane: what clients call. */
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../control/clock.mts';
import type { Emulator } from '../emulator.mts';
import { operation, type Call, type Handle } from './call.mts';
import type { Endpoint } from './endpoint.mts';
import { isFinal, type Job } from './job.mts';
import { DEFAULT_WAIT_MS, MAX_BYTES, STREAM_HOLD_MS } from './limits.mts';
import { firstProblem, submitBody } from './requests.mts';
import {
	badRequest,
	fullJob,
	jobNotFound,
	ok,
	shortJob,
	tooLarge,
	tooManyRequests,
	type Reply,
} from './wire.mts';

export function jobRoutes(app: FastifyInstance, emulator: Emulator): void {
	const base = '/v2/:endpoint';
	app.post(`${base}/run`, operation(emulator, 'run', 'jobs', run));
	app.post(`${base}/runsync`, operation(emulator, 'runsync', 'jobs', runsync));
	app.get(`${base}/status/:job`, operation(emulator, 'status', 'jobs', status));
	app.get(`${base}/stream/:job`, operation(emulator, 'stream', 'jobs', stream));
	app.post(`${base}/cancel/:job`, operation(emulator, 'cancel', 'jobs', cancel));
	app.post(`${base}/retry/:job`, operation(emulator, 'retry', 'jobs', retry));
	app.post(`${base}/purge-queue`, operation(emulator, 'purge-queue', 'jobs', purge));
	app.get(`${base}/health`, operation(emulator, 'health', 'jobs', health));
}

const run: Handle = (emulator, call) => {
	const job = submit(emulator, call, 'run');
	return 'state' in job ? ok({ id: job.id, status: 'IN_QUEUE' }) : job;
};

const runsync: Handle = async (emulator, call) => {
	const job = submit(emulator, call, 'runsync');
	if (!('state' in job)) return job;
	if (!call.spoiled)
		await until(emulator.clock, call, job, call.query.wait ?? DEFAULT_WAIT_MS, () => isFinal(job));
	// A job whose TTL ended while the call waited is gone.
	return call.endpoint.jobs.has(job.id) ? ok(fullJob(job, emulator.clock.now())) : jobNotFound;
};

const status: Handle = (emulator, call) => {
	const job = named(call);
	if (call.query.ttl !== undefined) {
		emulator.ledger.incident('ttl-set-by-read', job.id, String(call.query.ttl));
		emulator.platform.setTtl(call.endpoint, job, call.query.ttl);
	}
	return ok(fullJob(job, emulator.clock.now()));
};

const stream: Handle = async (emulator, call) => {
	const job = named(call);
	const wait = call.query.wait ?? STREAM_HOLD_MS;
	await until(emulator.clock, call, job, wait, () => job.chunks.length > 0 || isFinal(job));
	if (!call.endpoint.jobs.has(job.id)) return jobNotFound;
	return ok({ status: job.state, stream: job.chunks.splice(0).map((output) => ({ output })) });
};

const cancel: Handle = (emulator, call) => {
	const job = named(call);
	const changed = emulator.platform.apply(call.endpoint, job, 'cancel');
	emulator.ledger.cancels.push({ at: emulator.clock.now(), jobId: job.id, changed });
	// Assumed: a job that is over keeps its state, and the reply tells it.
	return ok(shortJob(job));
};

const retry: Handle = (emulator, call) => {
	const job = named(call);
	if (!emulator.platform.apply(call.endpoint, job, 'retry')) {
		// Assumed: code and text of the refusal.
		return badRequest(`job is ${job.state}; only FAILED and TIMED_OUT jobs can be retried`);
	}
	emulator.ledger.retries.push({ at: emulator.clock.now(), jobId: job.id });
	return ok({ id: job.id, status: 'IN_QUEUE' });
};

const purge: Handle = (emulator, call) => {
	const waiting = call.endpoint.queue();
	for (const job of waiting) emulator.platform.apply(call.endpoint, job, 'purge');
	return ok({ removed: waiting.length, status: 'completed' });
};

const health: Handle = (emulator, call) => ok(call.endpoint.health(emulator.clock.now()));

/** Accepts a job, or gives the refusal. */
function submit(emulator: Emulator, call: Call, kind: Job['kind']): Job | Reply {
	const { endpoint } = call;
	const bytes = Buffer.byteLength(call.text);
	if (bytes > MAX_BYTES[kind])
		return tooLarge(`payload of ${bytes} bytes is over the limit of ${MAX_BYTES[kind]}`);
	if (call.json === undefined) return badRequest('the body is not valid JSON');
	const body = submitBody.safeParse(call.json);
	if (!body.success) return badRequest(firstProblem(body.error));
	if (emulator.limits.queueIsFull(endpoint.queue().length, endpoint.settings.workersMax)) {
		return tooManyRequests(endpoint.settings.retryAfter ? retryAfterFullQueue : undefined);
	}
	return emulator.platform.submit(endpoint, kind, body.data);
}

/** Assumed: seconds that a full queue asks to wait. */
const retryAfterFullQueue = 10;

function named(call: Call): Job {
	if (call.job === undefined) throw new Error('this operation names no job');
	return call.job;
}

/** Waits until `reached`, the time is over, the job is deleted, or the caller has gone. */
function until(
	clock: Clock,
	call: Call,
	job: Job,
	ms: number,
	reached: () => boolean,
): Promise<void> {
	if (reached()) return Promise.resolve();
	const endpoint: Endpoint = call.endpoint;
	return new Promise((resolve) => {
		const end = () => {
			timer.cancel();
			job.watchers.delete(look);
			resolve();
		};
		const look = () => {
			if (reached() || !endpoint.jobs.has(job.id)) end();
		};
		const timer = clock.after(ms, end);
		job.watchers.add(look);
		call.whenClosed(end);
	});
}
