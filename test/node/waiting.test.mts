/** The ways to wait: Poll, Sync, Don't Wait, and Job > Poll Status afterwards. */
import { bytesOf, runNode } from './harness.mts';
import { jpeg, studioWorker } from './pictures.mts';
import { fault, generate, ledger, pollStatus, usePlatform, workerDoes } from './platform.mts';
import { startStub } from './stub.mts';

usePlatform();

test("Don't Wait hands on the job ID and never looks at the job", async () => {
	workerDoes({ runMs: 100 });
	const { status, items } = await runNode(
		generate({
			waitForResult: 'dontWait',
			jobOptions: { webhookUrl: 'https://example.com/finished' },
		}),
	);
	const { submits, reads, cancels } = ledger();
	expect(status).toBe('success');
	expect(items).toHaveLength(1);
	expect(items[0].json.job).toMatchObject({ id: submits[0].jobId, status: 'IN_QUEUE' });
	expect(items[0].binary).toBeUndefined();
	expect(submits[0].webhook).toBe('https://example.com/finished');
	expect(reads).toEqual({});
	expect(cancels).toEqual([]);
});

test('Sync takes the answer of the submit itself', async () => {
	workerDoes({ runMs: 100 });
	const { items } = await runNode(generate({ jobOptions: { submitMode: 'sync' } }));
	const { submits, requests } = ledger();
	expect(submits.map(({ kind }) => kind)).toEqual(['runsync']);
	expect(requests.filter(({ operation }) => operation === 'status')).toEqual([]);
	expect((await bytesOf(items[0].binary!.data)).toString('base64')).toBe(jpeg);
});

test('a Sync that is not finished goes on with the same job', async () => {
	const id = 'sync-60902e6c-u1';
	const output = studioWorker({ route: 'create', prompt: 'x' });
	const platform = await startStub(({ path }) =>
		path.includes('/runsync')
			? { body: { id, status: 'IN_PROGRESS' } }
			: { body: { id, status: 'COMPLETED', output } },
	);
	const setup = generate({ jobOptions: { submitMode: 'sync' } });
	setup.credentials.runPodApi!.jobBaseUrl = `${platform.url}/v2/`;
	const { items } = await runNode(setup);
	await platform.close();
	expect(items[0].json.job).toMatchObject({ id, status: 'COMPLETED' });
	expect(platform.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
		'POST /v2/studio1/runsync?wait=90000',
		`GET /v2/studio1/status/${id}`,
	]);
});

test('a 524 of Sync is never sent again and says that the job may be running', async () => {
	workerDoes({ runMs: 100 });
	fault({ operation: 'runsync', fault: { kind: 'reply', status: 524, accepted: true } });
	const { status, error } = await runNode(generate({ jobOptions: { submitMode: 'sync' } }));
	expect(status).toBe('error');
	expect(ledger().submits).toHaveLength(1);
	expect(ledger().requests.filter(({ operation }) => operation === 'runsync')).toHaveLength(1);
	expect(`${error!.message} ${error!.description}`).toMatch(/may be running/);
});

async function submitOnly(runMs: number): Promise<string> {
	workerDoes({ runMs });
	const { items } = await runNode(generate({ waitForResult: 'dontWait' }));
	return (items[0].json.job as { id: string }).id;
}

test('Poll Status, Once: a running job gives its state, without waiting', async () => {
	const id = await submitOnly(5000);
	const { items } = await runNode(pollStatus(id));
	expect((items[0].json.job as { status: string }).status).toMatch(/IN_QUEUE|IN_PROGRESS/);
	expect((items[0].json.job as { id: string }).id).toBe(id);
	expect(items[0].binary).toBeUndefined();
	expect(ledger().reads[id]).toHaveLength(1);
	// A job of another run stays alone: nobody asked to cancel it.
	expect(ledger().cancels).toEqual([]);
});

test('Poll Status, Until Finished: the result is the one of the operation that started the job', async () => {
	const id = await submitOnly(1500);
	const { items } = await runNode(
		pollStatus(id, { pollMode: 'untilFinished', options: { outputField: 'picture' } }),
	);
	expect(items[0].json).toMatchObject({ route: 'create', job: { id, status: 'COMPLETED' } });
	expect((await bytesOf(items[0].binary!.picture)).toString('base64')).toBe(jpeg);
	expect(ledger().submits).toHaveLength(1);
});

test('Poll Status, Until Finished: the end of the wait names the job and leaves it running', async () => {
	const id = await submitOnly(60_000);
	const { status, error } = await runNode(
		pollStatus(id, { pollMode: 'untilFinished', pollTimeoutS: 5 }),
	);
	expect(status).toBe('error');
	expect(`${error!.message} ${error!.description}`).toContain(id);
	expect(ledger().cancels).toEqual([]);
}, 20_000);

test('Poll Status of a job that nobody knows says how long results are kept', async () => {
	const { status, error } = await runNode(pollStatus('60902e6c-08a1-u1'));
	expect(status).toBe('error');
	expect(error!.message).toBe("Job '60902e6c-08a1-u1' is not known any more.");
	expect(error!.description).toContain(
		'Results are kept 30 minutes after /run and 1 minute after /runsync.',
	);
});

test.each(['https://api.runpod.ai/v2/studio1/status/abc', '../health', 'a b', '={{ "" }}'])(
	"Poll Status refuses the ID '%s' without a request",
	async (id) => {
		const { status, error } = await runNode(pollStatus(id));
		expect(status).toBe('error');
		expect(error!.message).toContain("'Job ID'");
		expect(ledger().requests).toEqual([]);
	},
);

test('a poll interval below the limit is taken as the limit', async () => {
	workerDoes({ runMs: 900 });
	await runNode(generate({ jobOptions: { pollIntervalMs: 1 } }));
	const [looks] = Object.values(ledger().reads);
	expect(looks.length).toBeGreaterThan(0);
	expect(looks.length).toBeLessThan(6);
});
