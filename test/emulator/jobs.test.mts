/** The job plane: shapes, waits, retention. Times are those of the fake clock. */
import { start, type Bench } from './client.mts';

const MINUTE = 60_000;
const NOT_FOUND = { status: 404, title: 'Not Found', detail: 'job not found' };

let bench: Bench;
beforeEach(async () => {
	bench = await start();
});

const script = (more: object = {}) =>
	bench.control.addScript({
		script: { queueMs: 200, runMs: 1000, output: { done: true }, ...more },
	});

/** Sends a call that waits, and resolves once the emulator has it. */
async function held(path: string, send: () => Promise<unknown>): Promise<void> {
	const known = bench.control.snapshot().requests.length;
	void send();
	const arrived = () =>
		bench.control
			.snapshot()
			.requests.slice(known)
			.some((seen) => seen.path.includes(path));
	while (!arrived()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('a job from submit to end', () => {
	it('has the fields of each state, and no others', async () => {
		script({
			progress: [{ atMs: 300, output: { stage: 'denoise', percent: 40, message: '8/20' } }],
		});
		const { data } = await bench.api.post('/run', { input: { n: 1 } });
		const { id } = data;
		expect(id).toMatch(/^[0-9a-f-]{36}-u1$/);
		expect(data).toEqual({ id, status: 'IN_QUEUE' });
		expect((await bench.status(id)).data).toEqual({ id, status: 'IN_QUEUE' });
		const common = { id, delayTime: 200, workerId: 'scripted-1' };
		await bench.control.advance(400);
		expect((await bench.status(id)).data).toEqual({
			...common,
			status: 'IN_PROGRESS',
			executionTime: 200,
		});
		await bench.control.advance(200);
		expect((await bench.status(id)).data).toEqual({
			...common,
			status: 'IN_PROGRESS',
			executionTime: 400,
			output: { stage: 'denoise', percent: 40, message: '8/20' },
		});
		await bench.control.advance(600);
		expect((await bench.status(id)).data).toEqual({
			...common,
			status: 'COMPLETED',
			executionTime: 1000,
			output: { done: true },
		});
	});

	it('shows an error without output', async () => {
		script({ output: undefined, error: 'BAD_INPUT: no' });
		const id = await bench.run();
		await bench.control.advance(1200);
		expect((await bench.status(id)).data).toEqual({
			id,
			status: 'FAILED',
			error: 'BAD_INPUT: no',
			delayTime: 200,
			executionTime: 1000,
			workerId: 'scripted-1',
		});
	});

	it('keeps a result 30 minutes after /run and 1 minute after /runsync', async () => {
		script({ queueMs: 0, runMs: 0 });
		const async = await bench.run();
		let sync = '';
		await held('runsync', async () => {
			sync = (await bench.api.post('/runsync', { input: { n: 1 } })).data.id;
		});
		await bench.control.advance(0);
		while (sync === '') await new Promise((resolve) => setTimeout(resolve, 5));
		await bench.control.advance(MINUTE - 1);
		expect((await bench.status(sync)).data.status).toBe('COMPLETED');
		await bench.control.advance(1);
		expect((await bench.status(sync)).data).toEqual(NOT_FOUND);
		await bench.control.advance(29 * MINUTE - 1);
		expect((await bench.status(async)).data.status).toBe('COMPLETED');
		await bench.control.advance(1);
		expect((await bench.status(async)).status).toBe(404);
	});

	it('ends with executionTimeout exceeded as FAILED', async () => {
		script({ runMs: 60_000 });
		const id = await bench.run({ n: 1 }, { policy: { executionTimeout: 5000 } });
		await bench.control.advance(5200);
		expect((await bench.status(id)).data).toMatchObject({
			status: 'FAILED',
			error: 'executionTimeout exceeded',
			executionTime: 5000,
		});
		expect(bench.control.snapshot().billedMs).toBe(5000);
	});

	it('is deleted when its TTL ends, in whatever state', async () => {
		script({ runMs: MINUTE });
		const id = await bench.run({ n: 1 }, { policy: { ttl: 10_000 } });
		await bench.control.advance(9999);
		expect((await bench.status(id)).data.status).toBe('IN_PROGRESS');
		await bench.control.advance(1);
		expect((await bench.status(id)).data).toEqual(NOT_FOUND);
		expect(bench.control.snapshot().billedMs).toBe(9800);
	});

	it('?ttl= of a read sets the TTL, and the ledger says so', async () => {
		const id = await bench.run();
		await bench.api.get(`/status/${id}?ttl=20000`);
		await bench.control.advance(20_000);
		expect((await bench.status(id)).status).toBe(404);
		expect(bench.control.snapshot().incidents).toMatchObject([
			{ kind: 'ttl-set-by-read', jobId: id },
		]);
	});

	it('runs as many jobs at once as there are workers, in order', async () => {
		bench.control.setEndpoint({ id: 'ep-test', workersMax: 2 });
		script({ queueMs: 0, echo: true, output: undefined });
		const ids = [await bench.run({ n: 1 }), await bench.run({ n: 2 }), await bench.run({ n: 3 })];
		await bench.control.advance(1500);
		const shown = await Promise.all(ids.map(async (id) => (await bench.status(id)).data));
		expect(shown.map(({ status }) => status)).toEqual(['COMPLETED', 'COMPLETED', 'IN_PROGRESS']);
		expect(shown[1].output).toEqual({ input: { n: 2 } });
		expect(shown[2].delayTime).toBe(1000);
	});

	it('waits for ever on an endpoint with 0 max workers', async () => {
		bench.control.setEndpoint({ id: 'ep-test', workersMax: 0 });
		script();
		const id = await bench.run();
		await bench.control.advance(60 * MINUTE);
		expect((await bench.status(id)).data).toEqual({ id, status: 'IN_QUEUE' });
	});
});

describe('/runsync', () => {
	it.each([
		['', 90_000],
		['?wait=1000', 1000],
	])('waits%s for %d ms, then tells the state', async (query, ms) => {
		let answer: { status: string } | undefined;
		await held('runsync', async () => {
			answer = (await bench.api.post(`/runsync${query}`, { input: { n: 1 } })).data;
		});
		await bench.control.advance(ms - 1);
		expect(answer).toBeUndefined();
		await bench.control.advance(1);
		while (answer === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
		expect(answer).toEqual({
			id: expect.stringMatching(/^sync-[0-9a-f-]{36}-u2$/),
			status: 'IN_QUEUE',
		});
	});

	it.each(['?wait=999', '?wait=300001', '?wait=soon', '?weit=5000'])(
		'refuses %s',
		async (query) => {
			expect((await bench.api.post(`/runsync${query}`, { input: { n: 1 } })).status).toBe(400);
			expect(bench.control.snapshot().submits).toEqual([]);
		},
	);
});

describe('/stream', () => {
	it('gives each chunk once, holds 10 s when there is none, and ends with the job', async () => {
		script({ queueMs: 0, runMs: 4000, stream: ['a', 'b', 'c'] });
		const id = await bench.run();
		await bench.control.advance(2000);
		expect((await bench.api.get(`/stream/${id}`)).data).toEqual({
			status: 'IN_PROGRESS',
			stream: [{ output: 'a' }, { output: 'b' }],
		});
		let next: unknown;
		await held('stream', async () => {
			next = (await bench.api.get(`/stream/${id}`)).data;
		});
		await bench.control.advance(1000);
		while (next === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
		expect(next).toEqual({ status: 'IN_PROGRESS', stream: [{ output: 'c' }] });
		await bench.control.advance(1000);
		expect((await bench.api.get(`/stream/${id}`)).data).toEqual({
			status: 'COMPLETED',
			stream: [],
		});
	});
});

describe('/cancel, /retry, /purge-queue, /health', () => {
	it('cancels a waiting and a running job at once; a job that is over keeps its state', async () => {
		script({ runMs: 10_000 });
		const [running, waiting] = [await bench.run(), await bench.run()];
		await bench.control.advance(0);
		expect((await bench.api.post(`/cancel/${waiting}`)).data).toEqual({
			id: waiting,
			status: 'CANCELLED',
		});
		await bench.control.advance(2000);
		expect((await bench.api.post(`/cancel/${running}`)).data).toEqual({
			id: running,
			status: 'CANCELLED',
		});
		await bench.control.advance(20_000);
		expect((await bench.status(running)).data.status).toBe('CANCELLED');
		const { cancels, billedMs, incidents } = bench.control.snapshot();
		expect(cancels.map(({ changed }) => changed)).toEqual([true, true]);
		expect(billedMs).toBe(1800);
		expect(incidents).toEqual([]);
		await bench.api.post(`/cancel/${running}`);
		expect(bench.control.snapshot().cancels[2].changed).toBe(false);
	});

	it('ignores and records the result of a worker that did not hear the stop signal', async () => {
		script({ ignoreStop: true });
		const id = await bench.run();
		await bench.control.advance(500);
		await bench.api.post(`/cancel/${id}`);
		await bench.control.advance(5000);
		expect((await bench.status(id)).data).toMatchObject({ status: 'CANCELLED' });
		expect((await bench.status(id)).data.output).toBeUndefined();
		expect(bench.control.snapshot().incidents).toMatchObject([
			{ kind: 'result-of-cancelled-job', jobId: id },
		]);
	});

	it('retries only what FAILED or TIMED_OUT, with the same id and without the old error', async () => {
		bench.control.addScript({ match: { order: 1 }, times: 1, script: { error: 'no luck' } });
		const [failed, waiting] = [await bench.run(), await bench.run({ n: 2 })];
		expect((await bench.api.post(`/retry/${waiting}`)).status).toBe(400);
		await bench.control.advance(3000);
		expect((await bench.status(failed)).data.status).toBe('FAILED');
		expect((await bench.api.post(`/retry/${failed}`)).data).toEqual({
			id: failed,
			status: 'IN_QUEUE',
		});
		expect((await bench.status(failed)).data).toEqual({ id: failed, status: 'IN_QUEUE' });
		script({ queueMs: 700 });
		await bench.control.advance(1700);
		expect((await bench.status(failed)).data).toMatchObject({
			status: 'COMPLETED',
			delayTime: 700,
		});
	});

	it('purges waiting jobs only', async () => {
		bench.control.setEndpoint({ id: 'ep-test', workersMax: 1 });
		script({ queueMs: 0, runMs: 10_000 });
		const ids = [await bench.run(), await bench.run(), await bench.run()];
		await bench.control.advance(1000);
		expect((await bench.api.post('/purge-queue')).data).toEqual({
			removed: 2,
			status: 'completed',
		});
		const states = await Promise.all(ids.map(async (id) => (await bench.status(id)).data.status));
		expect(states).toEqual(['IN_PROGRESS', 'CANCELLED', 'CANCELLED']);
	});

	it('tells jobs and workers', async () => {
		bench.control.setEndpoint({ id: 'ep-test', workers: { throttled: 2, initializing: 1 } });
		script({ queueMs: 0, runMs: 10_000 });
		await bench.run();
		await bench.control.advance(1000);
		expect((await bench.api.get('/health')).data).toEqual({
			jobs: { completed: 0, failed: 0, inProgress: 1, inQueue: 0, retried: 0 },
			workers: { idle: 0, initializing: 1, ready: 0, running: 1, throttled: 2, unhealthy: 0 },
		});
	});
});
