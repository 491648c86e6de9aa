/** The resource Job: any worker's job, cancel and retry, on n8n's engine and the emulated platform. */
import type { INodeParameters } from 'n8n-workflow';
import { bytesOf, runNode } from './harness.mts';
import type { Setup } from './harness.mts';
import { jpeg, png } from './pictures.mts';
import {
	fault,
	generate,
	ledger,
	pollStatus,
	usePlatform,
	workerDoes,
	workerReturnsNothing,
} from './platform.mts';

usePlatform();

function job(operation: string, parameters: INodeParameters, setup: Partial<Setup> = {}): Setup {
	const base = pollStatus('');
	const { resource, endpoint } = base.parameters;
	return { ...base, parameters: { resource, endpoint, operation, ...parameters }, ...setup };
}

const run = (input: unknown, more: INodeParameters = {}, setup: Partial<Setup> = {}) =>
	job(
		'run',
		{
			input: (typeof input === 'string' ? input : JSON.stringify(input)) as string,
			jobOptions: { pollIntervalMs: 500, ...(more.jobOptions as INodeParameters) },
			...Object.fromEntries(Object.entries(more).filter(([name]) => name !== 'jobOptions')),
		},
		setup,
	);

async function submitted(options: Parameters<typeof workerDoes>[0]): Promise<string> {
	workerDoes(options);
	const { items } = await runNode(generate({ waitForResult: 'dontWait' }));
	return (items[0].json.job as { id: string }).id;
}

async function finished(options: Parameters<typeof workerDoes>[0]): Promise<string> {
	const id = await submitted(options);
	await runNode(pollStatus(id, { pollMode: 'untilFinished' }));
	return id;
}

describe('Run', () => {
	test('hands on what a worker of another kind gives, and sends what the user wrote', async () => {
		workerDoes({ output: { text: 'hello', tokens: [1, 2] } });
		const { items } = await runNode(run({ messages: [{ role: 'user' }] }));
		expect(items[0].json).toMatchObject({ text: 'hello', tokens: [1, 2], files: [] });
		expect(items[0].json.job).toMatchObject({ status: 'COMPLETED' });
		expect(ledger().submits[0].input).toEqual({ messages: [{ role: 'user' }] });
	});

	test.each([
		['a text', 'done', { output: 'done' }],
		['a list', [1, { a: 2 }], { output: [1, { a: 2 }] }],
	])('%s as output', async (_, output, expected) => {
		workerDoes({ output });
		const simple = await runNode(run({ a: 1 }));
		const raw = await runNode(run({ a: 1 }, { simplify: false }));
		expect(simple.items[0].json).toMatchObject(expected);
		expect(raw.items[0].json).toMatchObject({ status: 'COMPLETED', output });
	});

	test('base64 pictures become binary, one item each', async () => {
		workerDoes({ output: { images: [{ filename: 'a', data: png }, { data: jpeg }], took: 3 } });
		const { items } = await runNode(run({ workflow: {} }));
		expect(items).toHaveLength(2);
		const [one, two] = items.map(({ binary }) => Object.values(binary!)[0]);
		expect((await bytesOf(one)).toString('base64')).toBe(png);
		expect((await bytesOf(two)).toString('base64')).toBe(jpeg);
		expect(items[0].json).toMatchObject({ took: 3, filename: 'a' });
		expect(JSON.stringify(items.map(({ json }) => json))).not.toContain(png.slice(0, 40));
	});

	test('a link stays a link', async () => {
		workerDoes({ output: { image_url: 'https://example.com/a.png', cost: 0.01 } });
		const { items } = await runNode(run({ prompt: 'x' }));
		expect(items[0].json.image_url).toBe('https://example.com/a.png');
		expect(items[0].binary).toBeUndefined();
	});

	test.each([
		['', 'must not be empty'],
		['{}', 'must not be empty'],
		['[]', 'must not be empty'],
		['null', 'must not be empty'],
		['[1]', 'must be a JSON object'],
		['"a"', 'must be a JSON object'],
		['{ "a": }', 'is not valid JSON'],
	])("input '%s' costs nothing", async (input, text) => {
		const { status, error } = await runNode(run(input));
		expect(status).toBe('error');
		expect(error!.message).toContain(`'Input (JSON)' ${text}`);
		expect(ledger().requests.filter(({ operation }) => operation === 'run')).toEqual([]);
	});

	test('an expression may give the object itself', async () => {
		workerDoes({ output: { ok: 1 } });
		await runNode(run('={{ $json.body }}', {}, { items: [{ json: { body: { n: 5 } } }] }));
		expect(ledger().submits[0].input).toEqual({ n: 5 });
	});

	test('without an output it fails, unless that is allowed', async () => {
		workerReturnsNothing();
		const strict = await runNode(run({ a: 1 }));
		expect(strict.error!.message).toContain('completed without a result');
		const allowed = await runNode(run({ a: 1 }, { options: { allowEmptyOutput: true } }));
		expect(allowed.status).toBe('success');
		expect(allowed.items[0].json.job).toMatchObject({ status: 'COMPLETED' });
	});

	test('priority and time to live reach the platform', async () => {
		workerDoes({ output: 1 });
		await runNode(run({ a: 1 }, { jobOptions: { priority: 'low', ttlS: 600, runTimeoutS: 60 } }));
		expect(ledger().submits[0].policy).toEqual({
			executionTimeout: 60_000,
			ttl: 600_000,
			lowPriority: true,
		});
	});
});

describe('Cancel', () => {
	test('ends a running job', async () => {
		const jobId = await submitted({ runMs: 60_000 });
		const { items } = await runNode(job('cancel', { jobId }));
		expect(items[0].json).toEqual({ id: jobId, status: 'CANCELLED' });
		expect(ledger().cancels).toMatchObject([{ jobId, changed: true }]);
	});

	test('of a finished job tells its state', async () => {
		const jobId = await finished({});
		const { status, items } = await runNode(job('cancel', { jobId }));
		expect(status).toBe('success');
		expect(items[0].json).toEqual({ id: jobId, status: 'COMPLETED' });
	});

	test('a platform that refuses to cancel a finished job is asked for its state', async () => {
		const jobId = await finished({});
		fault({ operation: 'cancel', fault: { kind: 'reply', status: 400 } });
		const { items } = await runNode(job('cancel', { jobId }));
		expect(items[0].json).toEqual({ id: jobId, status: 'COMPLETED' });
	});

	test('is sent again when its answer is lost', async () => {
		const jobId = await submitted({ runMs: 60_000 });
		fault({ operation: 'cancel', times: 1, fault: { kind: 'cut', accepted: true } });
		const { items } = await runNode(job('cancel', { jobId }));
		expect(items[0].json.status).toBe('CANCELLED');
	});

	test('of an unknown job fails for that item alone', async () => {
		const jobId = await submitted({ runMs: 60_000 });
		const { items, errorItems } = await runNode(
			job(
				'cancel',
				{ jobId: '={{ $json.id }}' },
				{
					items: [{ json: { id: 'unknown-u1' } }, { json: { id: jobId } }],
					settings: { onError: 'continueErrorOutput' },
				},
			),
		);
		expect(items.map(({ json }) => json.id)).toEqual([jobId]);
		expect(errorItems[0].json.error).toContain("Job 'unknown-u1' is not known any more.");
		expect(errorItems[0].json.details).toMatchObject({ job_id: 'unknown-u1' });
	});
});

describe('Retry', () => {
	test('runs a failed job again under its ID', async () => {
		const jobId = await finishedBadly();
		const { items } = await runNode(job('retry', { jobId }));
		expect(items[0].json).toEqual({ id: jobId, status: 'IN_QUEUE' });
		expect(ledger().retries).toHaveLength(1);
	});

	test.each(['COMPLETED', 'CANCELLED'])('refuses a job that is %s', async (state) => {
		const jobId = await (state === 'COMPLETED' ? finished({}) : submitted({ runMs: 60_000 }));
		if (state === 'CANCELLED') await runNode(job('cancel', { jobId }));
		const { status, error } = await runNode(job('retry', { jobId }));
		expect(status).toBe('error');
		expect(error!.message).toBe('Only failed or timed-out jobs can be retried.');
		expect(error!.description).toContain(state);
		expect(ledger().requests.filter(({ operation }) => operation === 'retry')).toEqual([]);
	});

	test('is not sent again when its answer is lost: the state tells whether it was heard', async () => {
		const jobId = await finishedBadly();
		workerDoes({ runMs: 60_000 });
		fault({ operation: 'retry', fault: { kind: 'cut', accepted: true } });
		const { status, items } = await runNode(job('retry', { jobId }));
		expect(status).toBe('success');
		expect(items[0].json.status).toMatch(/IN_QUEUE|IN_PROGRESS/);
		expect(ledger().requests.filter(({ operation }) => operation === 'retry')).toHaveLength(1);
	});

	test('that was not heard is told as such', async () => {
		const jobId = await finishedBadly();
		fault({ operation: 'retry', fault: { kind: 'cut', accepted: false } });
		const { error } = await runNode(job('retry', { jobId }));
		expect(error!.message).toContain('The answer to the retry');
		expect(ledger().retries).toEqual([]);
	});

	async function finishedBadly(): Promise<string> {
		const jobId = await submitted({ error: 'boom', times: 1 });
		await runNode(pollStatus(jobId, { pollMode: 'untilFinished' }));
		return jobId;
	}
});
