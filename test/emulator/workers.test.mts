/** The worker plane, spoken by hand: what the SDK sends at bad moments, and what the platform makes of it. */
import axios, { type AxiosInstance } from 'axios';
import { ENDPOINT, start, type Bench } from './client.mts';

let bench: Bench;
let stopped: string[];
beforeEach(async () => {
	stopped = [];
	bench = await start({ onStopPod: (_, workerId) => stopped.push(workerId) });
});

/** A worker's own calls, addressed by the environment it is given, as the SDK does it. */
function worker(id: string) {
	const env = bench.control.workerEnvironment(ENDPOINT, id);
	const http: AxiosInstance = axios.create({
		headers: { authorization: env.RUNPOD_AI_API_KEY },
		validateStatus: () => true,
		proxy: false,
	});
	const fill = (url: string, job = '') => url.replace('$RUNPOD_POD_ID', id).replace('$ID', job);
	const takeUrl = env.RUNPOD_WEBHOOK_GET_JOB.replace('$ID', id);
	const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' } };
	return {
		take: () => http.get(`${takeUrl}&job_in_progress=0`),
		takeBatch: (size: number) =>
			http.get(
				`${takeUrl.replace('/job-take/', '/job-take-batch/')}&batch_size=${size}&job_in_progress=0`,
			),
		stop: () => http.get(takeUrl.replace('/job-take/', '/job-stop/')),
		done: (job: string, body: unknown) =>
			http.post(
				`${fill(env.RUNPOD_WEBHOOK_POST_OUTPUT, job)}&isStream=false`,
				typeof body === 'string' ? body : JSON.stringify(body),
				form,
			),
		stream: (job: string, output: unknown) =>
			http.post(
				`${fill(env.RUNPOD_WEBHOOK_POST_STREAM, job)}&isStream=false`,
				JSON.stringify({ output }),
				form,
			),
		ping: (jobs: string[]) =>
			http.get(fill(env.RUNPOD_WEBHOOK_PING), { params: { job_id: jobs.join(',') } }),
	};
}

const kinds = () => bench.control.snapshot().incidents.map(({ kind }) => kind);
/** Waits until the emulator has the n-th call with this path. */
const arrived = async (path: string, n = 1) => {
	while (bench.control.snapshot().requests.filter((seen) => seen.path.includes(path)).length < n) {
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
};

describe('job-take', () => {
	it('hands over exactly what was submitted', async () => {
		const more = {
			webhook: 'http://127.0.0.1:9/x',
			policy: { executionTimeout: 9000 },
			s3Config: { accessId: 'a', accessSecret: 'b', bucketName: 'c', endpointUrl: 'd' },
		};
		const id = await bench.run({ n: 1 }, more);
		expect((await worker('w1').take()).data).toEqual({ id, input: { n: 1 }, ...more });
	});

	it('drops an empty input', async () => {
		const id = await bench.run({});
		expect((await worker('w1').take()).data).toEqual({ id });
	});

	it('is held until a job comes, and answers 204 when none does', async () => {
		const taken = worker('w1').take();
		await arrived('job-take');
		const id = await bench.run({ n: 1 });
		expect((await taken).data.id).toBe(id);
		const none = worker('w2').take();
		await arrived('job-take/w2');
		await bench.control.advance(10_000);
		expect((await none).status).toBe(204);
	});

	it('gives a batch as a list', async () => {
		const ids = [await bench.run({ n: 1 }), await bench.run({ n: 2 }), await bench.run({ n: 3 })];
		const { data } = await worker('w1').takeBatch(2);
		expect(data.map((job: { id: string }) => job.id)).toEqual(ids.slice(0, 2));
		expect((await bench.status(ids[2])).data.status).toBe('IN_QUEUE');
	});

	it('gives no job beyond the number of workers allowed', async () => {
		bench.control.setEndpoint({ id: ENDPOINT, workersMax: 1 });
		await bench.run({ n: 1 });
		await bench.run({ n: 2 });
		await worker('w1').take();
		const second = worker('w2').take();
		await arrived('job-take/w2');
		await bench.control.advance(10_000);
		expect((await second).status).toBe(204);
	});

	it('refuses a worker with a wrong key, and an API key', async () => {
		const url = `${bench.url}/v2/${ENDPOINT}/job-take/w1?gpu=x`;
		expect((await bench.api.get(url)).status).toBe(401);
	});
});

describe('job-done', () => {
	const taken = async (id = 'w1') => {
		const job = await bench.run({ n: 1 });
		await worker(id).take();
		return job;
	};

	it('takes progress, then ignores progress that comes after the result', async () => {
		const job = await taken();
		await worker('w1').done(job, { status: 'IN_PROGRESS', output: { percent: 10 } });
		expect((await bench.status(job)).data).toMatchObject({
			status: 'IN_PROGRESS',
			output: { percent: 10 },
		});
		await worker('w1').done(job, { output: { image: 'x' } });
		expect(
			(await worker('w1').done(job, { status: 'IN_PROGRESS', output: { percent: 20 } })).status,
		).toBe(200);
		expect((await bench.status(job)).data).toMatchObject({
			status: 'COMPLETED',
			output: { image: 'x' },
		});
		expect(kinds()).toEqual(['late-progress']);
	});

	it('keeps the first of two results', async () => {
		const job = await taken();
		await worker('w1').done(job, { output: 1 });
		await worker('w1').done(job, { output: 2 });
		expect((await bench.status(job)).data.output).toBe(1);
		expect(kinds()).toEqual(['double-result']);
	});

	it('ignores the result of a worker that was given up', async () => {
		const job = await taken();
		await bench.control.advance(60_000);
		await worker('w2').take();
		await worker('w1').done(job, { output: 'old' });
		expect((await bench.status(job)).data).toMatchObject({
			status: 'IN_PROGRESS',
			workerId: 'w2',
			retries: 1,
		});
		await worker('w2').done(job, { output: 'new' });
		expect((await bench.status(job)).data).toMatchObject({
			status: 'COMPLETED',
			output: 'new',
			retries: 1,
		});
		expect(kinds()).toEqual(['worker-lost', 'late-result']);
	});

	it.each([
		['an object without output', {}, { status: 'COMPLETED' }],
		['null', { output: null }, { status: 'COMPLETED', output: null }],
		[
			'an error beside output',
			{ output: { extra: 1 }, error: 'bad' },
			{ status: 'FAILED', error: 'bad', output: { extra: 1 } },
		],
		['an error object', { error: { code: 7 } }, { status: 'FAILED', error: { code: 7 } }],
	])('stores %s', async (_, body, shown) => {
		const job = await taken();
		await worker('w1').done(job, body);
		const {
			id: _id,
			delayTime: _d,
			executionTime: _e,
			workerId: _w,
			...rest
		} = (await bench.status(job)).data;
		expect(rest).toEqual(shown);
	});

	it('refuses and records invalid JSON; the job goes on', async () => {
		const job = await taken();
		expect((await worker('w1').done(job, '{"output": {"x": NaN}}')).status).toBe(400);
		expect((await bench.status(job)).data.status).toBe('IN_PROGRESS');
		expect(kinds()).toEqual(['invalid-json']);
	});

	it('loses a result over the limit: the job is COMPLETED without output', async () => {
		const job = await taken();
		expect((await worker('w1').done(job, { output: 'x'.repeat(10_000_000) })).status).toBe(400);
		const { data } = await bench.status(job);
		expect(data.status).toBe('COMPLETED');
		expect('output' in data).toBe(false);
	});

	it('gives no further jobs to a worker that asked to be stopped, until it was restarted', async () => {
		const job = await taken();
		await worker('w1').done(job, { output: 1, stopPod: true });
		expect((await bench.status(job)).data.status).toBe('COMPLETED');
		expect(stopped).toEqual(['w1']);
		const next = await bench.run({ n: 2 });
		const poll = worker('w1').take();
		await arrived('job-take/w1', 2);
		await bench.control.advance(10_000);
		expect((await poll).status).toBe(204);
		bench.control.workerRestarted(ENDPOINT, 'w1');
		expect((await worker('w1').take()).data.id).toBe(next);
	});
});

describe('pings and stop signals', () => {
	it('keeps a job alive by pings that name it', async () => {
		const job = await bench.run({ n: 1 });
		await worker('w1').take();
		for (let round = 0; round < 10; round++) {
			await bench.control.advance(30_000);
			await worker('w1').ping([job]);
		}
		expect((await bench.status(job)).data).toMatchObject({
			status: 'IN_PROGRESS',
			executionTime: 300_000,
		});
	});

	it('gives a job up whose pings stop: one retry, then it fails', async () => {
		const job = await bench.run({ n: 1 });
		await worker('w1').take();
		await worker('w1').ping([]);
		await bench.control.advance(60_000);
		expect((await bench.status(job)).data).toEqual({ id: job, status: 'IN_QUEUE', retries: 1 });
		await bench.control.advance(1000);
		await worker('w1').take();
		await bench.control.advance(60_000);
		expect((await bench.status(job)).data).toEqual({
			id: job,
			status: 'FAILED',
			error: 'job timed out after 1 retries',
			retries: 1,
			// The wait before the last attempt alone.
			delayTime: 1000,
			executionTime: 60_000,
			workerId: 'w1',
		});
	});

	it('tells a worker which job to stop: held until then, 204 when there is none', async () => {
		const job = await bench.run({ n: 1 });
		await worker('w1').take();
		const poll = worker('w1').stop();
		await arrived('job-stop');
		await bench.api.post(`/cancel/${job}`);
		expect((await poll).data).toEqual({ jobsToStop: [job] });
		const none = worker('w1').stop();
		await arrived('job-stop', 2);
		await bench.control.advance(10_000);
		expect((await none).status).toBe(204);
	});

	it('also tells of a job that is over its execution time', async () => {
		const job = await bench.run({ n: 1 }, { policy: { executionTimeout: 5000 } });
		await worker('w1').take();
		await bench.control.advance(5000);
		expect((await worker('w1').stop()).data).toEqual({ jobsToStop: [job] });
	});
});

describe('job-stream', () => {
	it('passes chunks on and refuses one above 1 MB', async () => {
		const job = await bench.run({ n: 1 });
		await worker('w1').take();
		await worker('w1').stream(job, { n: 0 });
		expect((await worker('w1').stream(job, 'x'.repeat(1_000_000))).status).toBe(400);
		await worker('w1').done(job, { output: [] });
		expect((await bench.api.get(`/stream/${job}`)).data).toEqual({
			status: 'COMPLETED',
			stream: [{ output: { n: 0 } }],
		});
	});
});
