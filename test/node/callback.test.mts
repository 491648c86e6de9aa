/** Callback: the execution is parked, RunPod's calls wake it, and only what is read then counts. */
import { bytesOf, everything, RESUME_TOKEN, runNode, startNode } from './harness.mts';
import { jpeg } from './pictures.mts';
import {
	ENDPOINT,
	fault,
	generate,
	KEY,
	ledger,
	platformUrl,
	usePlatform,
	workerDoes,
} from './platform.mts';
import { WaitingN8n } from './waitingN8n.mts';

usePlatform();

let n8n: WaitingN8n;
beforeEach(async () => {
	n8n = new WaitingN8n();
	await n8n.open();
});
afterEach(async () => await n8n.close());

const callback = (parameters = {}, setup = {}) =>
	generate({ waitForResult: 'callback', ...parameters }, setup);
const three = { items: ['a', 'b', 'c'].map((prompt) => ({ json: { prompt } })) };
const perItem = { prompt: '={{ $json.prompt }}' };
const token = `signature=${RESUME_TOKEN}`;

test('one job: submitted once with its own address, parked, and collected when RunPod calls', async () => {
	workerDoes({ runMs: 800 });
	const parked = await n8n.start(callback());
	expect(parked.status).toBe('waiting');
	const { submits } = ledger();
	expect(submits).toHaveLength(1);
	expect(submits[0].webhook).toBe(`${n8n.url}/execution-1?${token}&job=0`);
	expect(JSON.stringify(parked.context)).toContain(submits[0].jobId);
	const { status, items } = await n8n.resumed;
	expect(status).toBe('success');
	expect(items).toHaveLength(1);
	expect(items[0].pairedItem).toEqual({ item: 0 });
	expect(items[0].json.job).toMatchObject({ id: submits[0].jobId, status: 'COMPLETED' });
	expect((await bytesOf(items[0].binary!.data)).toString('base64')).toBe(jpeg);
	expect(JSON.stringify(items[0].json)).not.toContain(jpeg);
});

test('the wait limit is queue and run timeout together', async () => {
	workerDoes({ runMs: 500 });
	const before = Date.now();
	const { run } = await n8n.start(
		callback({ jobOptions: { queueTimeoutS: 100, runTimeoutS: 50 } }),
	);
	const limit = run.waitTill!.getTime();
	expect(limit).toBeGreaterThanOrEqual(before + 150_000);
	expect(limit).toBeLessThanOrEqual(Date.now() + 150_000);
	await n8n.resumed;
});

test('several jobs wake it together, and come out in the order of the input', async () => {
	workerDoes({ input: { prompt: 'a' }, runMs: 1500 });
	workerDoes({ input: { prompt: 'b' }, runMs: 1100 });
	workerDoes({ input: { prompt: 'c' }, runMs: 700 });
	expect((await n8n.start(callback(perItem, three))).status).toBe('waiting');
	const { items, status } = await n8n.resumed;
	expect(status).toBe('success');
	expect(items.map(({ pairedItem }) => pairedItem)).toEqual([
		{ item: 0 },
		{ item: 1 },
		{ item: 2 },
	]);
	const ids = ledger()
		.submits.sort((one, other) => (one.webhook! < other.webhook! ? -1 : 1))
		.map(({ jobId }) => jobId);
	expect(items.map(({ json }) => (json.job as { id: string }).id)).toEqual(ids);
	expect(ledger().submits).toHaveLength(3);
});

test('a job that ends before n8n waits is not lost: there is nothing to wait for', async () => {
	workerDoes({ runMs: 0 });
	fault({ operation: 'run', fault: { kind: 'slow', delayMs: 400 } });
	const { status, items } = await n8n.start(callback());
	expect(status).toBe('success');
	expect(items[0].binary).toBeDefined();
	expect(ledger().submits).toHaveLength(1);
});

test('early, repeated, partial and forged calls change nothing', async () => {
	workerDoes({ runMs: 1500 });
	expect(await n8n.call(token)).toBe(409);
	await n8n.start(callback(perItem, three));
	const forged = {
		id: ledger().submits[0].jobId,
		status: 'COMPLETED',
		output: { image: 'Zm9yZ2Vk' },
	};
	expect(await n8n.call('signature=guessed', forged)).toBe(401);
	expect(await n8n.call('', forged)).toBe(401);
	expect(await n8n.call(token, forged, 'GET')).toBe(404);
	for (let again = 0; again < 3; again += 1) expect(await n8n.call(token, forged)).toBe(200);
	expect(n8n.isWaiting).toBe(true);
	const { items } = await n8n.resumed;
	expect(items).toHaveLength(3);
	expect((await bytesOf(items[0].binary!.data)).toString('base64')).toBe(jpeg);
	expect(await n8n.call(token, forged)).toBe(409);
});

test('a call that cannot look at the last job is refused, so that RunPod calls again', async () => {
	workerDoes({ runMs: 60_000 });
	await n8n.start(callback());
	fault({ operation: 'status', fault: { kind: 'reply', status: 502 } });
	expect(await n8n.call(token)).toBe(503);
	expect(n8n.isWaiting).toBe(true);
}, 20_000);

test('a failed job fails the execution, with its id', async () => {
	workerDoes({ runMs: 500, error: 'OUT_OF_MEMORY: too large' });
	await n8n.start(callback());
	const { status, error } = await n8n.resumed;
	expect(status).toBe('error');
	expect(error!.message).toContain('too large');
	expect(JSON.stringify(error!.context)).toContain(ledger().submits[0].jobId);
	expect(ledger().cancels).toEqual([]);
});

test('with Continue, failed items go to the error output, and the others on', async () => {
	workerDoes({ input: { prompt: 'b' }, runMs: 500, error: 'JOB_FAILED: broken' });
	workerDoes({ runMs: 700 });
	const settings = { onError: 'continueErrorOutput' as const };
	await n8n.start(callback(perItem, { ...three, settings }));
	const { status, items, errorItems } = await n8n.resumed;
	expect(status).toBe('success');
	expect(items.map(({ pairedItem }) => pairedItem)).toEqual([{ item: 0 }, { item: 2 }]);
	expect(errorItems).toHaveLength(1);
	expect(errorItems[0].json.details).toMatchObject({ code: 'JOB_FAILED' });
});

test('a refused submit without Continue leaves no job behind', async () => {
	workerDoes({ runMs: 60_000 });
	fault({
		operation: 'run',
		match: { input: { prompt: 'c' } },
		fault: { kind: 'reply', status: 400 },
	});
	const { status } = await n8n.start(
		callback({ ...perItem, jobOptions: { maxParallelJobs: 1 } }, three),
	);
	expect(status).toBe('error');
	expect(ledger().submits).toHaveLength(2);
	expect(ledger().openJobs).toEqual([]);
	expect(n8n.isWaiting).toBe(false);
}, 20_000);

test('an n8n that the job API cannot reach is told, and polls', async () => {
	workerDoes({ runMs: 100 });
	const setup = callback();
	// The same platform by a name that is not this machine's own, as it would be in another place.
	const jobBaseUrl = `${platformUrl().replace('127.0.0.1', '[::ffff:127.0.0.1]')}/v2`;
	const runPodApi = { ...setup.credentials.runPodApi!, jobBaseUrl };
	const { status, items, run } = await n8n.start({ ...setup, credentials: { runPodApi } });
	expect(status).toBe('success');
	expect(items[0].binary).toBeDefined();
	expect(ledger().submits.map(({ webhook }) => webhook)).toEqual([undefined]);
	expect(JSON.stringify(run.data.resultData.runData)).toMatch(
		/Poll was used instead of Callback: n8n's address http:..127.0.0.1:\d+ is private/,
	);
});

test('nothing that is stored holds the key', async () => {
	workerDoes({ runMs: 500 });
	const parked = await n8n.start(callback());
	expect(everything(parked)).not.toContain(KEY);
	expect(everything(parked)).toContain(ENDPOINT);
	expect(everything(await n8n.resumed)).not.toContain(KEY);
});

test('Retry On Fail parks with the jobs that were submitted, and submits only the missing one', async () => {
	workerDoes({ runMs: 1500 });
	fault({
		operation: 'run',
		match: { input: { prompt: 'c' } },
		times: 1,
		fault: { kind: 'reply', status: 400 },
	});
	const settings = { retryOnFail: true, maxTries: 2, waitBetweenTries: 0 };
	const jobOptions = { maxParallelJobs: 1, cancelOnStop: false };
	const { status } = await n8n.start(callback({ ...perItem, jobOptions }, { ...three, settings }));
	expect(status).toBe('waiting');
	const { items } = await n8n.resumed;
	const prompts = ledger().submits.map(({ input }) => (input as { prompt: string }).prompt);
	expect(prompts).toEqual(['a', 'b', 'c']);
	expect(items.map(({ pairedItem }) => pairedItem)).toEqual([
		{ item: 0 },
		{ item: 1 },
		{ item: 2 },
	]);
}, 20_000);

test('Stop while the jobs are submitted cancels those that were accepted', async () => {
	workerDoes({ runMs: 60_000 });
	fault({
		operation: 'run',
		match: { input: { prompt: 'c' } },
		fault: { kind: 'slow', delayMs: 1500 },
	});
	const setup = callback(perItem, three);
	const { done, stop } = await startNode({ ...setup, waitingBaseUrl: n8n.url });
	while (ledger().submits.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
	stop();
	expect((await done).status).toBe('canceled');
	const end = Date.now() + 10_000;
	while (ledger().openJobs.length > 0 && Date.now() < end) {
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
	expect(ledger().openJobs).toEqual([]);
}, 20_000);

/** The operations by which people find a parked execution's jobs. */
const byId = (operation: string, jobId: string, more = {}) => {
	const { parameters, credentials } = callback();
	const { endpoint } = parameters;
	return { parameters: { resource: 'job', operation, endpoint, jobId, ...more }, credentials };
};

test('Stop of a parked execution reaches no node: Job > Cancel ends its jobs by the IDs in the custom data', async () => {
	workerDoes({ runMs: 60_000 });
	const { customData } = await n8n.start(callback(perItem, three));
	const ids = customData.runpodJobId.split(',');
	expect([...ids].sort()).toEqual([...ledger().openJobs].sort());
	for (const jobId of ids) {
		const { items } = await runNode(byId('cancel', jobId));
		expect(items[0].json).toMatchObject({ id: jobId, status: 'CANCELLED' });
	}
	expect(ledger().openJobs).toEqual([]);
});

test('a job whose calls are all lost is found by the ID that the node left for expressions', async () => {
	workerDoes({ runMs: 600 });
	fault({ fault: { kind: 'webhook', mode: 'drop' } });
	const parked = await n8n.start(callback());
	const { jobs } = parked.context.runpod as { jobs: Array<{ jobId: string }> };
	const found = byId('pollStatus', jobs[0].jobId, { pollMode: 'untilFinished' });
	const { items } = await runNode(found);
	expect((await bytesOf(items[0].binary!.data)).toString('base64')).toBe(jpeg);
	expect(n8n.isWaiting).toBe(true);
	expect(ledger().submits).toHaveLength(1);
});
