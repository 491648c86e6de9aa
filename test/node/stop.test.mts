/** Stop in the editor, and the traces that a run leaves for whoever looks for its jobs later. */
import type { INodeParameters } from 'n8n-workflow';
import type { Outcome } from './harness.mts';
import { runNode, startNode } from './harness.mts';
import {
	ENDPOINT,
	fault,
	generate,
	KEY,
	ledger,
	platformUrl,
	until,
	usePlatform,
	workerDoes,
} from './platform.mts';

usePlatform();

async function stopAfterSubmits(count: number, parameters = {}): Promise<Outcome> {
	workerDoes({ runMs: 60_000 });
	const items = Array.from({ length: count }, (_, n) => ({ json: { n } }));
	const { done, stop } = await startNode(generate(parameters, { items }));
	await until(() => ledger().submits.length === count);
	stop();
	return await done;
}

test('Stop cancels the remote job, once', async () => {
	const { status } = await stopAfterSubmits(1);
	expect(status).toBe('canceled');
	await until(() => ledger().cancels.length > 0);
	expect(ledger().cancels).toMatchObject([{ jobId: ledger().submits[0].jobId, changed: true }]);
	expect(ledger().openJobs).toEqual([]);
	expect(ledger().submits).toHaveLength(1);
}, 20_000);

test('Stop cancels the job of a Worker URL, with the token of the worker', async () => {
	workerDoes({ runMs: 60_000 });
	const baseUrl = `${platformUrl()}/v2/${ENDPOINT}`;
	const { done, stop } = await startNode({
		...generate({ runOn: 'workerUrl' }),
		credentials: { runPodWorkerApi: { baseUrl, token: KEY } },
	});
	await until(() => ledger().submits.length === 1);
	stop();
	expect((await done).status).toBe('canceled');
	expect(ledger().cancels).toMatchObject([{ jobId: ledger().submits[0].jobId, changed: true }]);
	expect(ledger().openJobs).toEqual([]);
}, 20_000);

test('Stop cancels every job of a batch, each once', async () => {
	await stopAfterSubmits(3);
	await until(() => ledger().openJobs.length === 0);
	const submitted = ledger().submits.map(({ jobId }) => jobId);
	expect(
		ledger()
			.cancels.map(({ jobId }) => jobId)
			.sort(),
	).toEqual([...submitted].sort());
}, 20_000);

test('Cancel Remote Job on Stop off leaves the job alone', async () => {
	await stopAfterSubmits(1, { jobOptions: { cancelOnStop: false } });
	expect(ledger().cancels).toEqual([]);
	expect(ledger().openJobs).toHaveLength(1);
}, 20_000);

test('Stop is not swallowed by Continue on Fail', async () => {
	workerDoes({ runMs: 60_000 });
	const setup = generate({}, { settings: { onError: 'continueRegularOutput' } });
	const { done, stop } = await startNode(setup);
	await until(() => ledger().submits.length === 1);
	stop();
	const { status, items } = await done;
	expect(status).toBe('canceled');
	// n8n hands the input on in this setting; an item of ours would say 'error'.
	expect(items.every(({ json }) => !('error' in json))).toBe(true);
	await until(() => ledger().cancels.length === 1);
}, 20_000);

test.each([
	['is refused', { kind: 'reply', status: 500 }],
	['is cut', { kind: 'cut', accepted: false }],
] as const)(
	'when the cancel %s once, it is sent again',
	async (_name, what) => {
		fault({ operation: 'cancel', times: 1, fault: what });
		const { status } = await stopAfterSubmits(1);
		expect(status).toBe('canceled');
		expect(ledger().openJobs).toEqual([]);
	},
	20_000,
);

test('when no cancel gets through, the end names the job that may be running', async () => {
	fault({ operation: 'cancel', fault: { kind: 'reply', status: 500 } });
	const { status, error } = await stopAfterSubmits(1);
	expect(status).toBe('canceled');
	expect(error!.description).toContain(ledger().submits[0].jobId);
	expect(ledger().openJobs).toHaveLength(1);
}, 30_000);

test('a failed item without Continue cancels the jobs of the others', async () => {
	workerDoes({ input: { prompt: 'bad' }, runMs: 300, error: 'JOB_FAILED: broken' });
	workerDoes({ runMs: 60_000 });
	const items = ['a', 'bad', 'c'].map((prompt) => ({ json: { prompt } }));
	const { status, error } = await runNode(generate({ prompt: '={{ $json.prompt }}' }, { items }));
	expect(status).toBe('error');
	expect(error!.message).toContain('broken');
	expect(error!.context?.itemIndex).toBe(1);
	const { cancels, openJobs, submits } = ledger();
	expect(openJobs).toEqual([]);
	expect(cancels.map(({ jobId }) => jobId).sort()).toEqual(
		submits
			.filter(({ input }) => (input as { prompt: string }).prompt !== 'bad')
			.map(({ jobId }) => jobId)
			.sort(),
	);
}, 20_000);

test('a job of another item whose cancel is refused is named in the failure that ends the run', async () => {
	fault({ operation: 'cancel', fault: { kind: 'reply', status: 403 } });
	workerDoes({ input: { prompt: 'bad' }, runMs: 300, error: 'JOB_FAILED: broken' });
	workerDoes({ runMs: 60_000 });
	const items = ['a', 'bad'].map((prompt) => ({ json: { prompt } }));
	const { error } = await runNode(generate({ prompt: '={{ $json.prompt }}' }, { items }));
	expect(error!.message).toContain('broken');
	const [left] = ledger().openJobs;
	expect(error!.description).toContain(`These jobs may still be running: ${left}.`);
}, 20_000);

describe("with Don't Wait, jobs that were handed in", () => {
	const items = ['a', 'b', 'bad'].map((prompt) => ({ json: { prompt } }));
	const handIn = (jobOptions: INodeParameters = {}) =>
		generate(
			{
				waitForResult: 'dontWait',
				prompt: '={{ $json.prompt }}',
				jobOptions: { maxParallelJobs: 1, ...jobOptions },
			},
			{ items },
		);
	const refuseTheLast = () =>
		fault({
			operation: 'run',
			match: { input: { prompt: 'bad' } },
			fault: { kind: 'reply', status: 400, body: { error: 'no' } },
		});

	test('are cancelled when another item ends the run: nobody would learn their IDs', async () => {
		workerDoes({ runMs: 60_000 });
		refuseTheLast();
		const { status } = await runNode(handIn());
		expect(status).toBe('error');
		expect(ledger().submits).toHaveLength(2);
		expect(ledger().openJobs).toEqual([]);
	}, 20_000);

	test('are named there where Cancel Remote Job on Stop is off', async () => {
		workerDoes({ runMs: 60_000 });
		refuseTheLast();
		const { error } = await runNode(handIn({ cancelOnStop: false }));
		expect(ledger().openJobs).toHaveLength(2);
		for (const jobId of ledger().openJobs) expect(error!.description).toContain(jobId);
	}, 20_000);

	test('are cancelled by Stop before the last one was submitted', async () => {
		workerDoes({ runMs: 60_000 });
		fault({
			operation: 'run',
			match: { input: { prompt: 'bad' } },
			fault: { kind: 'slow', delayMs: 1500 },
		});
		const { done, stop } = await startNode(handIn());
		await until(() => ledger().submits.length === 2);
		stop();
		expect((await done).status).toBe('canceled');
		await until(() => ledger().openJobs.length === 0);
	}, 20_000);

	test('go on when the run has ended well', async () => {
		workerDoes({ runMs: 60_000 });
		const { status } = await runNode(handIn());
		expect(status).toBe('success');
		expect(ledger().openJobs).toHaveLength(3);
		expect(ledger().cancels).toEqual([]);
	}, 20_000);
});

test('the job ID is in the context, the custom data and the log before the wait', async () => {
	const outcome = await stopAfterSubmits(1);
	const { jobId } = ledger().submits[0];
	expect(JSON.stringify(outcome.context)).toContain(jobId);
	expect(Object.values(outcome.customData).join()).toContain(jobId);
	expect(outcome.log.join('\n')).toContain(jobId);
}, 20_000);
