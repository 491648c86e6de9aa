/** Each way a job can end badly has its sentence, names the job, and is told per item. */
import { runNode } from './harness.mts';
import type { Outcome } from './harness.mts';
import { jpeg, studioWorker } from './pictures.mts';
import {
	fault,
	generate,
	KEY,
	ledger,
	usePlatform,
	workerDoes,
	workerReturnsNothing,
} from './platform.mts';

usePlatform();

function textOf({ error }: Outcome): string {
	return `${error!.message} ${error!.description}`;
}

/** The message, and the ID of the only job in it or beside it. */
function expectJobNamed(outcome: Outcome): void {
	expect(textOf(outcome)).toContain(ledger().submits[0].jobId);
}

test('a wrong key', async () => {
	const setup = generate();
	setup.credentials.runPodApi!.apiKey = 'rpa_wrong';
	const outcome = await runNode(setup);
	expect(outcome.error!.message).toBe('The API key was not accepted.');
	expect(outcome.error!.description).toContain(
		'Create a new key in RunPod under Settings > API Keys and paste it whole, without spaces.',
	);
	expect(ledger().submits).toEqual([]);
});

test('a key without permission for the endpoint', async () => {
	fault({
		operation: 'run',
		fault: {
			kind: 'reply',
			status: 403,
			body: { error: 'You do not have permission to use RunPod Serverless' },
		},
	});
	const outcome = await runNode(generate());
	expect(outcome.error!.message).toBe("This key may not run jobs on endpoint 'studio1'.");
	expect(ledger().submits).toEqual([]);
});

test('an endpoint that this key does not see', async () => {
	const outcome = await runNode(
		generate({ endpoint: { __rl: true, mode: 'id', value: 'nowhere' } }),
	);
	expect(outcome.error!.message).toBe(
		"Endpoint 'nowhere' was not found with this key. A key sees only its own account.",
	);
});

test('a failure with a code of the worker', async () => {
	workerDoes({ error: 'OUT_OF_MEMORY: Out of memory while making 1152 x 768' });
	const outcome = await runNode(generate());
	expect(outcome.error!.message).toContain('Out of memory while making 1152 x 768');
	expect(outcome.error!.description).toContain('Tiled Upscale');
	expectJobNamed(outcome);
});

test('a failure of a foreign worker, as a JSON string with its traceback', async () => {
	workerDoes({
		error: JSON.stringify({
			error_type: "<class 'ValueError'>",
			error_message: 'the model does not know this word',
			error_traceback: 'Traceback (most recent call last): File "/handler.py"',
		}),
	});
	const outcome = await runNode(generate());
	expect(outcome.error!.message).toContain('Job failed: the model does not know this word');
	expect(textOf(outcome)).not.toContain('Traceback');
	expectJobNamed(outcome);
});

test('a failure hidden in the output of a completed job', async () => {
	workerDoes({ output: { error: 'no such checkpoint' } });
	const outcome = await runNode(generate());
	expect(outcome.status).toBe('error');
	expect(outcome.error!.message).toContain('Job failed: no such checkpoint');
	expectJobNamed(outcome);
});

test('a completed job without an output', async () => {
	workerReturnsNothing();
	const outcome = await runNode(generate());
	expect(outcome.error!.message).toContain(
		`Job '${ledger().submits[0].jobId}' completed without a result`,
	);
});

test('a result that the platform dropped', async () => {
	workerDoes();
	fault({ fault: { kind: 'noOutput' } });
	const outcome = await runNode(generate());
	expect(outcome.error!.message).toContain('completed without a result');
});

test.each([
	['text', Buffer.from('this is no image at all, only words').toString('base64')],
	['half an image', jpeg.slice(0, 8)],
	['no base64', '!!! not base64 !!!'],
	['nothing', ''],
])('a result that is %s', async (_name, image) => {
	workerDoes({
		output: { ...studioWorker({ route: 'create', prompt: 'x' }), image },
	});
	const outcome = await runNode(generate());
	expect(outcome.status).toBe('error');
	expect(outcome.items).toEqual([]);
	expectJobNamed(outcome);
});

test('a job that was cancelled by somebody else', async () => {
	workerDoes();
	fault({
		operation: 'status',
		fault: { kind: 'reply', status: 200, body: { id: 'x', status: 'CANCELLED' } },
	});
	const outcome = await runNode(generate());
	expect(outcome.status).toBe('error');
	expectJobNamed(outcome);
});

test.each([
	['TIMED_OUT', { status: 'TIMED_OUT' }],
	['FAILED', { status: 'FAILED', error: 'job failed: executionTimeout exceeded' }],
])('the run timeout, told as %s', async (_name, body) => {
	workerDoes();
	fault({ operation: 'status', fault: { kind: 'reply', status: 200, body: { id: 'x', ...body } } });
	const outcome = await runNode(generate());
	expect(outcome.error!.message).toBe('The job ran longer than 300 seconds');
	expect(outcome.error!.description).toContain("Raise 'Run Timeout (Seconds)'");
	expectJobNamed(outcome);
});

test('the queue timeout cancels the job and advises', async () => {
	fault({ fault: { kind: 'stuck' } });
	workerDoes();
	const outcome = await runNode(generate({ jobOptions: { queueTimeoutS: 5 } }));
	expect(outcome.error!.message).toContain('Worker did not become ready within 5 seconds');
	expect(outcome.error!.description).toContain('180 or 240');
	expect(ledger().cancels).toMatchObject([{ changed: true }]);
	expect(ledger().openJobs).toEqual([]);
}, 20_000);

test('with the error output, the bad item goes there and the others go on', async () => {
	workerDoes({ input: { prompt: 'bad' }, error: 'JOB_FAILED: the worker stumbled' });
	workerDoes();
	const outcome = await runNode(
		generate(
			{ prompt: '={{ $json.prompt }}' },
			{
				items: ['good', 'bad', 'fine'].map((prompt) => ({ json: { prompt } })),
				settings: { onError: 'continueErrorOutput' },
			},
		),
	);
	expect(outcome.status).toBe('success');
	expect(outcome.items.map(({ pairedItem }) => pairedItem)).toEqual([{ item: 0 }, { item: 2 }]);
	expect(outcome.errorItems).toHaveLength(1);
	const [{ json, pairedItem }] = outcome.errorItems;
	expect(pairedItem).toEqual({ item: 1 });
	expect(json.error).toContain('the worker stumbled');
	const bad = ledger().submits.find(({ input }) => (input as { prompt: string }).prompt === 'bad');
	expect(json.details).toMatchObject({ job_id: bad!.jobId });
});

test('with Continue, the bad item stays in its place', async () => {
	workerDoes();
	const outcome = await runNode(
		generate(
			{ width: '={{ $json.width }}' },
			{
				items: [{ json: { width: 512 } }, { json: { width: 513 } }, { json: { width: 520 } }],
				settings: { onError: 'continueRegularOutput' },
			},
		),
	);
	expect(outcome.items.map(({ pairedItem }) => pairedItem)).toEqual([
		{ item: 0 },
		{ item: 1 },
		{ item: 2 },
	]);
	expect(outcome.items[1].json.error).toContain('Width must be a multiple of 8; nearest: 512.');
	expect(ledger().submits).toHaveLength(2);
});

test('a submit whose answer was lost is never sent again', async () => {
	workerDoes();
	fault({ operation: 'run', fault: { kind: 'cut', accepted: true } });
	const outcome = await runNode(generate());
	expect(outcome.status).toBe('error');
	expect(ledger().submits).toHaveLength(1);
	expect(ledger().requests.filter(({ operation }) => operation === 'run')).toHaveLength(1);
	expect(textOf(outcome)).not.toContain(KEY);
});

test('a submit that was refused with 429 is sent again, and pays once', async () => {
	workerDoes();
	fault({ operation: 'run', times: 1, fault: { kind: 'reply', status: 429, retryAfter: 1 } });
	const outcome = await runNode(generate());
	expect(outcome.status).toBe('success');
	expect(ledger().submits).toHaveLength(1);
}, 20_000);

test('looks that fail with 500, 429 or a cut connection do not end the wait', async () => {
	workerDoes({ runMs: 300 });
	for (const status of [500, 429]) {
		fault({ operation: 'status', times: 1, fault: { kind: 'reply', status } });
	}
	fault({ operation: 'status', times: 1, fault: { kind: 'cut', accepted: false } });
	const outcome = await runNode(generate());
	expect(outcome.status).toBe('success');
	expect(ledger().submits).toHaveLength(1);
}, 30_000);

test('a 404 right after the submit is not the end', async () => {
	workerDoes({ runMs: 300 });
	fault({
		operation: 'status',
		times: 2,
		fault: {
			kind: 'reply',
			status: 404,
			body: { status: 404, title: 'Not Found', detail: 'job not found' },
		},
	});
	const outcome = await runNode(generate());
	expect(outcome.status).toBe('success');
}, 30_000);

test('a state that nobody knows is not the end', async () => {
	workerDoes({ runMs: 300 });
	fault({ operation: 'status', times: 1, fault: { kind: 'stateWord', word: 'THINKING' } });
	const outcome = await runNode(generate());
	expect(outcome.status).toBe('success');
	expect(ledger().jobs[0].readsAfterFinal).toBe(0);
}, 20_000);

test('a 429 with Retry-After slows down all jobs of the endpoint, not only the one that got it', async () => {
	workerDoes({ runMs: 5000 });
	fault({ operation: 'status', times: 1, fault: { kind: 'reply', status: 429, retryAfter: 3 } });
	const items = [0, 1, 2].map((n) => ({ json: { n } }));
	const { status } = await runNode(generate({}, { items }));
	expect(status).toBe('success');
	const reads = ledger().requests.filter(({ operation }) => operation === 'status');
	const refused = reads.find((read) => read.status === 429)!;
	// Looks that were on their way already do not count.
	const after = reads.filter(({ at }) => at > refused.at + 300);
	expect(Math.min(...after.map(({ at }) => at))).toBeGreaterThanOrEqual(refused.at + 3000);
	expect(new Set(after.map(({ jobId }) => jobId)).size).toBe(3);
}, 30_000);
