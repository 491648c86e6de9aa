/** n8n in queue mode, with what becomes of paid jobs when work changes hands between its processes. */
import { itemsOf } from '../../scripts/running/examples.mts';
import type { Running } from '../../scripts/running/processes.mts';
import { databasesMissing, findDatabases } from '../../scripts/setup/databases.mts';
import { Cluster, logOf } from './cluster.mts';
import { PNG, pictureAfter, seenOf, START_MS } from './scripted.mts';
import { until } from './until.mts';
import { chain, keep, manual, prompts, runPod, RUNPOD, webhook } from './workflows.mts';

jest.setTimeout(START_MS);
const programs = findDatabases();
const about = programs ? describe : describe.skip;

about(`queue mode${programs ? '' : ` (${databasesMissing})`}`, () => {
	const cluster = new Cluster();
	// Databases and three processes of n8n, one after another.
	beforeAll(() => cluster.open(programs!), 4 * START_MS);
	afterAll(() => cluster.close(), 60_000);

	const prompt = '={{ $json.body.prompt }}';
	const startedBy = ({ log }: Running, id: string) => logOf({ log } as Running).includes(`Worker started execution ${id} `);
	/** Publishes a workflow with our node and calls it once for each prompt. */
	async function send(path: string, parameters: object, settings: object, ...all: string[]): Promise<string> {
		const picture = runPod(cluster.credential, { prompt, ...parameters });
		const id = await cluster.publish(chain(path, [webhook(path), picture], { ...settings }));
		await Promise.all(all.map((one) => cluster.client.callWebhook(path, { prompt: one })));
		return id;
	}

	it('spreads 24 executions over both workers, and pays for each once', async () => {
		const all = Array.from({ length: 24 }, (_, n) => `picture ${n}`);
		for (const one of all) pictureAfter(cluster.emulator, one, 5000);
		const workflow = await send('spread', {}, {}, ...all);
		// Ten at a time on each worker: the last four wait in n8n's own queue.
		await until('both workers are full', () => cluster.emulator.control.snapshot().submits.length === 20);
		await cluster.emulator.control.advance(5000);
		await until('all are submitted', () => cluster.emulator.control.snapshot().submits.length === 24);
		await cluster.emulator.control.advance(5000);
		const ended = async () => (await cluster.client.executionsOf(workflow)).filter(({ status }) => status === 'success');
		await until('all have ended', async () => (await ended()).length === 24);
		const executions = await ended();
		const shares = cluster.workers.map((worker) => executions.filter(({ id }) => startedBy(worker, id)).length);
		expect(Math.min(...shares)).toBeGreaterThanOrEqual(10);
		expect(shares[0] + shares[1]).toBe(24);
		for (const one of all) expect(seenOf(cluster.emulator, one).submits).toHaveLength(1);
		// Made by a worker, read through the main process: the picture lies in the database.
		const [item] = itemsOf(await cluster.client.execution(executions[0].id), RUNPOD);
		expect((await cluster.client.bytes(item.binary!.data)).toString('base64')).toBe(PNG);
	});

	describe('kill -9 of a worker', () => {
		let killed: Running;
		let other: Running;
		let parked: string;
		let polled: { executionId: string; jobId: string; prompt: string };

		beforeAll(async () => {
			const { client, emulator } = cluster;
			for (const one of ['a', 'b', 'c']) pictureAfter(emulator, one, 5000);
			const waiting = runPod(cluster.credential, { waitForResult: 'callback' });
			const behind = keep('After', '$("Each").item.json.prompt');
			await cluster.publish(chain('Parked', [webhook('parked'), ...prompts('a', 'b', 'c'), waiting, behind]));
			await client.callWebhook('parked', {});
			await until('three jobs are known', () => cluster.originOf('c') && cluster.originOf('a'));
			({ worker: killed, executionId: parked } = cluster.originOf('a')!);
			other = cluster.workers.find((worker) => worker !== killed)!;
			await until('the execution is parked', async () => (await client.execution(parked)).status === 'waiting');

			// Enough executions that one of them polls on the same worker.
			const all = Array.from({ length: 11 }, (_, n) => `polled ${n}`);
			for (const one of all) pictureAfter(emulator, one, 5000);
			await send('polled', {}, {}, ...all);
			const origins = await Promise.all(all.map(async (one) => ({ prompt: one, ...(await cluster.polled(one)) })));
			polled = origins.find(({ worker }) => worker === killed)!;
			process.kill(-killed.pid, 'SIGKILL');
			await killed.ended;
			await emulator.control.advance(5000);
		});

		it('leaves a parked execution that goes on in another process', async () => {
			const execution = await cluster.finished(parked);
			expect(execution.error).toBeUndefined();
			expect(itemsOf(execution, 'After').map(({ json }) => json.kept)).toEqual(['a', 'b', 'c']);
			expect(itemsOf(execution, RUNPOD).every(({ binary }) => binary?.data !== undefined)).toBe(true);
			expect(startedBy(other, parked)).toBe(true);
			expect(['a', 'b', 'c'].map((one) => seenOf(cluster.emulator, one).submits.length)).toEqual([1, 1, 1]);
		});

		it('leaves the other worker at work: Stop from the main process cancels its job', async () => {
			pictureAfter(cluster.emulator, 'stopped', 60_000);
			await send('stopped', {}, {}, 'stopped');
			const { executionId } = await cluster.polled('stopped');
			await cluster.client.stop(executionId);
			await until('the job is cancelled', () => seenOf(cluster.emulator, 'stopped').states[0] === 'CANCELLED');
			expect((await cluster.finished(executionId)).status).toBe('canceled');
			const { submits, cancels } = seenOf(cluster.emulator, 'stopped');
			expect(submits).toHaveLength(1);
			expect(cancels).toMatchObject([{ changed: true }]);
		});

		it('the timeout of a workflow cancels its job', async () => {
			pictureAfter(cluster.emulator, 'too long', 60_000);
			await send('late', {}, { executionTimeout: 3 }, 'too long');
			await until('the job is cancelled', () => seenOf(cluster.emulator, 'too long').states[0] === 'CANCELLED');
			expect((await cluster.finished(cluster.originOf('too long')!.executionId)).status).toBe('canceled');
			expect(seenOf(cluster.emulator, 'too long').cancels).toMatchObject([{ changed: true }]);
		});

		it('ends the execution that polled there with an error, and never submits again', async () => {
			const execution = await cluster.finished(polled.executionId);
			expect(execution).toMatchObject({ status: 'error', error: { message: expect.stringContaining('failed to be processed') } });
			const { submits, cancels, states } = seenOf(cluster.emulator, polled.prompt);
			expect({ states, cancels }).toEqual({ states: ['COMPLETED'], cancels: [] });
			expect(submits).toHaveLength(1);
			// Its ID stands in the log of the killed worker; the job is collected with it.
			const collect = runPod(cluster.credential, { resource: 'job', operation: 'pollStatus', jobId: polled.jobId });
			const { id } = await cluster.client.createWorkflow(chain('Collect', [manual(), collect]));
			const collected = await cluster.finished(await cluster.client.run(id, 'Start'));
			expect(itemsOf(collected, RUNPOD)).toMatchObject([{ json: { prompt: polled.prompt } }]);
		});
	});

	it('leaves no open job and no key behind', () => {
		const { openJobs, leaks, submits } = cluster.emulator.control.snapshot();
		expect({ openJobs, leaks }).toEqual({ openJobs: [], leaks: [] });
		expect(submits).toHaveLength(24 + 3 + 11 + 2);
	});
});
