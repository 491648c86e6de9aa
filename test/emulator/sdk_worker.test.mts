/** A real worker, the unmodified runpod SDK in Python, attaches to the emulator. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { ENDPOINT, eventually, start, type Bench } from './client.mts';

const python = process.env.STUDIO_PYTHON;
const HANDLER = join(__dirname, 'sdk_worker', 'handler.py');
jest.setTimeout(150_000);

if (python === undefined) {
	it.skip('needs STUDIO_PYTHON, the path of a Python that has the runpod SDK', () => undefined);
}

const children: ChildProcess[] = [];
afterAll(() => {
	for (const child of children) {
		try {
			// The SDK pings from a process of its own, which outlives a killed parent: end the whole group.
			process.kill(-(child.pid ?? 0), 'SIGKILL');
		} catch {
			// Gone already.
		}
	}
});

/** Starts a worker process and resolves once it waits for jobs. */
async function attach(
	bench: Bench,
	workerId: string,
	more: Record<string, string> = {},
): Promise<ChildProcess> {
	const env = { ...process.env, ...bench.control.workerEnvironment(ENDPOINT, workerId), ...more };
	const child = spawn(python ?? '', ['-u', HANDLER], { env, stdio: 'ignore', detached: true });
	children.push(child);
	await eventually(
		() =>
			bench.control.snapshot().requests.some((seen) => seen.operation === 'job-take')
				? true
				: undefined,
		'the worker asks for a job',
	);
	return child;
}

const startReal = () =>
	start({
		clock: 'real',
		endpoints: [{ id: ENDPOINT, pingIntervalMs: 1000, pingTimeoutMs: 30_000, holdMs: 5000 }],
	});

const finished = (bench: Bench, id: string) =>
	eventually(async () => {
		const { data } = await bench.status(id);
		return ['IN_QUEUE', 'IN_PROGRESS'].includes(data.status) ? undefined : data;
	}, `job ${id} ends`);

(python === undefined ? describe.skip : describe)('a worker of the runpod SDK', () => {
	let bench: Bench;
	let worker: ChildProcess;
	beforeAll(async () => {
		bench = await startReal();
		worker = await attach(bench, 'worker-a');
	});

	it('takes a job, tells progress and completes it', async () => {
		const id = await bench.run({ do: 'wait', steps: 10 });
		const shown = await eventually(async () => {
			const { data } = await bench.status(id);
			return data.status === 'IN_PROGRESS' && data.output !== undefined ? data : undefined;
		}, 'progress is shown');
		expect(shown).toMatchObject({ workerId: 'worker-a', output: { stage: 'wait' } });
		expect(await finished(bench, id)).toEqual({
			id,
			status: 'COMPLETED',
			output: { echo: { do: 'wait', steps: 10 } },
			workerId: 'worker-a',
			delayTime: expect.any(Number),
			executionTime: expect.any(Number),
		});
	});

	it('reports an exception as JSON text in the error', async () => {
		const ended = await finished(bench, await bench.run({ do: 'fail' }));
		expect(ended.status).toBe('FAILED');
		expect(JSON.parse(ended.error)).toMatchObject({
			error_message: 'told to fail',
			worker_id: 'worker-a',
		});
	});

	it('answers /runsync with the result', async () => {
		const { data } = await bench.api.post('/runsync', { input: { do: 'echo' } });
		expect(data).toMatchObject({ status: 'COMPLETED', output: { echo: { do: 'echo' } } });
		expect(data.id).toMatch(/^sync-.*-u2$/);
	});

	it('stops an async handler when its job is cancelled, and takes the next job', async () => {
		const id = await bench.run({ do: 'wait', steps: 600 });
		// Progress proves that the handler runs: the SDK drops a stop signal for a job that it took but
		// has not started yet, which lasts up to a tenth of a second.
		await eventually(
			async () => ((await bench.status(id)).data.output === undefined ? undefined : true),
			'it runs',
		);
		expect((await bench.api.post(`/cancel/${id}`)).data).toEqual({ id, status: 'CANCELLED' });
		await finished(bench, await bench.run({ do: 'echo' }));
		const { incidents } = bench.control.snapshot();
		expect(incidents.filter(({ jobId, kind }) => jobId === id && kind !== 'late-progress')).toEqual(
			[],
		);
	});

	it('records a result that is no JSON and gives the job up after one retry', async () => {
		bench.control.setEndpoint({ id: ENDPOINT, pingTimeoutMs: 3000 });
		const id = await bench.run({ do: 'not_json' });
		const ended = await finished(bench, id);
		expect(ended).toMatchObject({
			status: 'FAILED',
			retries: 1,
			error: 'job timed out after 1 retries',
		});
		const { incidents } = bench.control.snapshot();
		expect(
			incidents.filter(({ jobId, kind }) => jobId === id && kind === 'invalid-json'),
		).toHaveLength(2);
	});

	it('never runs a job whose input was empty', async () => {
		const ended = await finished(bench, await bench.run({}));
		expect(ended).toMatchObject({ status: 'FAILED', error: 'job timed out after 1 retries' });
		worker.kill('SIGTERM');
		await eventually(() => worker.exitCode ?? undefined, 'the worker exits');
		expect(worker.exitCode).toBe(0);
	});
});

(python === undefined ? describe.skip : describe)('a job that kills its worker', () => {
	it('is given up by the platform after one retry, and the next job runs on the next worker', async () => {
		const bench = await startReal();
		bench.control.setEndpoint({ id: ENDPOINT, pingTimeoutMs: 3000 });
		const id = await bench.run({ do: 'die' });
		// The platform starts another worker in the place of one that is gone.
		for (const name of ['worker-d', 'worker-e']) {
			const child = await attach(bench, name);
			await eventually(() => child.signalCode ?? undefined, `${name} dies`);
			// Its pings come from a second process, which the end of the container takes along.
			process.kill(-(child.pid ?? 0), 'SIGKILL');
		}
		expect(await finished(bench, id)).toMatchObject({
			status: 'FAILED',
			retries: 1,
			error: 'job timed out after 1 retries',
		});
		await attach(bench, 'worker-f');
		const next = await finished(bench, await bench.run({ do: 'echo' }));
		expect(next).toMatchObject({ status: 'COMPLETED', workerId: 'worker-f' });
	});
});

(python === undefined ? describe.skip : describe)(
	'a worker that takes several jobs at once',
	() => {
		it('gets them in one batch call and runs them together', async () => {
			const bench = await startReal();
			bench.control.addFault({ untilMs: 3_600_000, fault: { kind: 'stuck' } });
			const ids = await Promise.all([1, 2, 3].map((n) => bench.run({ do: 'wait', steps: 10, n })));
			await attach(bench, 'worker-b', { TEST_CONCURRENCY: '3' });
			bench.control.removeFault();
			await eventually(async () => {
				const { data } = await bench.api.get('/health');
				return data.jobs.inProgress === 3 ? true : undefined;
			}, 'three jobs run');
			const ended = await Promise.all(ids.map((id) => finished(bench, id)));
			expect(ended.map(({ status, output }) => [status, output.echo.n])).toEqual([
				['COMPLETED', 1],
				['COMPLETED', 2],
				['COMPLETED', 3],
			]);
			const batch = bench.control
				.snapshot()
				.requests.filter(({ path }) => path.includes('/job-take-batch/worker-b'));
			expect(batch.length).toBeGreaterThan(0);
		});
	},
);

(python === undefined ? describe.skip : describe)('a worker with a generator as handler', () => {
	it('sends chunks for /stream and completes with an empty output', async () => {
		const bench = await startReal();
		await attach(bench, 'worker-c', { TEST_STREAM: '1' });
		const id = await bench.run({ pages: 3 });
		const pages: unknown[] = [];
		await eventually(async () => {
			const { data } = await bench.api.get(`/stream/${id}`);
			pages.push(...data.stream.map((chunk: { output: unknown }) => chunk.output));
			return data.status === 'COMPLETED' && data.stream.length === 0 ? true : undefined;
		}, 'the stream ends');
		expect(pages).toEqual([{ page: 0 }, { page: 1 }, { page: 2 }]);
		expect((await bench.status(id)).data).toMatchObject({ status: 'COMPLETED', output: [] });
	});
});
