/**
 * Faults: what the caller gets, and what the ledger says really happened.
 * Long because the faults of one platform are read beside each other.
 */
import { ENDPOINT, start, type Bench } from './client.mts';

let bench: Bench;
beforeEach(async () => {
	bench = await start();
});

const script = (more: object = {}) =>
	bench.control.addScript({ script: { runMs: 1000, output: { done: true }, ...more } });
const ledger = () => bench.control.snapshot();

describe('faults of calls', () => {
	it('hides a new job for a while, as the platform may after /run', async () => {
		await bench.admin.post('/faults', {
			operation: 'status',
			untilMs: 3000,
			fault: { kind: 'reply', status: 404 },
		});
		const id = await bench.run();
		const hidden = await bench.status(id);
		expect([hidden.status, hidden.data.status]).toEqual([404, 404]);
		await bench.control.advance(3000);
		expect((await bench.status(id)).data).toEqual({ id, status: 'IN_QUEUE' });
	});

	it.each([
		[7, '7'],
		[undefined, undefined],
	])('answers 429 twice, Retry-After %s', async (retryAfter, header) => {
		bench.control.addFault({
			operation: 'status',
			times: 2,
			fault: { kind: 'reply', status: 429, retryAfter },
		});
		const id = await bench.run();
		const answers = [await bench.status(id), await bench.status(id), await bench.status(id)];
		expect(answers.map(({ status }) => status)).toEqual([429, 429, 200]);
		expect(answers[0].headers['retry-after']).toBe(header);
	});

	it.each([500, 502, 503])('refuses a submit with %s without accepting it', async (status) => {
		bench.control.addFault({ operation: 'run', times: 1, fault: { kind: 'reply', status } });
		expect((await bench.api.post('/run', { input: { n: 1 } })).status).toBe(status);
		expect(ledger().submits).toEqual([]);
	});

	it('cuts the connection after a submit was accepted', async () => {
		bench.control.addFault({ operation: 'run', times: 1, fault: { kind: 'cut', accepted: true } });
		await expect(bench.run()).rejects.toThrow(/socket hang up|ECONNRESET/);
		expect(ledger().submits).toHaveLength(1);
		expect(ledger().openJobs).toHaveLength(1);
	});

	it('cuts the connection before a submit was accepted', async () => {
		bench.control.addFault({ operation: 'run', times: 1, fault: { kind: 'cut', accepted: false } });
		await expect(bench.run()).rejects.toThrow(/socket hang up|ECONNRESET/);
		expect(ledger().submits).toEqual([]);
	});

	it('answers an accepted /runsync with 524 while the job goes on', async () => {
		script();
		bench.control.addFault({
			operation: 'runsync',
			fault: { kind: 'reply', status: 524, accepted: true },
		});
		expect((await bench.api.post('/runsync', { input: { n: 1 } })).status).toBe(524);
		await bench.control.advance(1000);
		expect(ledger().jobs).toMatchObject([{ state: 'COMPLETED', billedMs: 1000 }]);
	});

	it('answers slowly', async () => {
		bench.control.addFault({ operation: 'health', fault: { kind: 'slow', delayMs: 5000 } });
		let answered = false;
		const asked = bench.api.get('/health').then(() => (answered = true));
		while (ledger().requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
		await bench.control.advance(4999);
		expect(answered).toBe(false);
		await bench.control.advance(1);
		await asked;
	});

	it('breaks off in the middle of a reply', async () => {
		bench.control.addFault({
			operation: 'status',
			times: 1,
			fault: { kind: 'truncate', bytes: 10 },
		});
		const id = await bench.run();
		await expect(bench.status(id)).rejects.toThrow(/aborted|ECONNRESET|stream/);
		expect((await bench.status(id)).data.status).toBe('IN_QUEUE');
	});

	it('answers 200 with a page instead of JSON', async () => {
		const fault = {
			kind: 'reply' as const,
			status: 200,
			body: '<html>hello</html>',
			contentType: 'text/html',
		};
		bench.control.addFault({ operation: 'health', fault });
		const { data, headers } = await bench.api.get('/health');
		expect([data, headers['content-type']]).toEqual(['<html>hello</html>', 'text/html']);
	});

	it('shows a state word that no client knows', async () => {
		bench.control.addFault({ fault: { kind: 'stateWord', word: 'WARMING' }, untilMs: 2000 });
		const id = await bench.run();
		expect((await bench.status(id)).data).toEqual({ id, status: 'WARMING' });
		await bench.control.advance(2000);
		expect((await bench.status(id)).data.status).toBe('IN_QUEUE');
	});

	it('applies by order, by input and by endpoint', async () => {
		bench.control.setEndpoint({ id: 'other' });
		bench.control.addFault({
			operation: 'run',
			match: { order: 2 },
			times: 1,
			fault: { kind: 'reply', status: 500 },
		});
		bench.control.addFault({
			match: { input: { style: { name: 'ink' } } },
			fault: { kind: 'reply', status: 502 },
		});
		bench.control.addFault({ endpoint: 'other', fault: { kind: 'reply', status: 503 } });
		const send = async (input: object) => (await bench.api.post('/run', { input })).status;
		expect([await send({ n: 1 }), await send({ n: 2 }), await send({ n: 2 })]).toEqual([
			200, 500, 200,
		]);
		expect(await send({ n: 4, style: { name: 'ink', weight: 1 } })).toBe(502);
		expect(ledger().submits).toHaveLength(2);
		expect((await bench.api.get('/health')).status).toBe(200);
		expect((await bench.api.get(`${bench.url}/v2/other/health`)).status).toBe(503);
	});

	it('refuses a rule that it does not understand', async () => {
		const refused = await bench.admin.post('/faults', {
			fault: { kind: 'reply', status: 500 },
			tims: 2,
		});
		expect(refused.status).toBe(400);
		expect(JSON.stringify(refused.data)).toContain('tims');
	});
});

describe('faults of jobs', () => {
	const after = async (ms: number, id: string) => {
		await bench.control.advance(ms);
		return (await bench.status(id)).data;
	};

	it('keeps a job in the queue, others pass', async () => {
		script();
		bench.control.addFault({ match: { order: 1 }, fault: { kind: 'stuck' } });
		const [first, second] = [await bench.run(), await bench.run()];
		expect((await after(10_000, second)).status).toBe('COMPLETED');
		expect(await after(3_600_000, first)).toEqual({ id: first, status: 'IN_QUEUE' });
	});

	it('lets a job out of the queue when its time is over', async () => {
		script();
		bench.control.addFault({ untilMs: 20_000, fault: { kind: 'stuck' } });
		const id = await bench.run();
		expect(await after(22_000, id)).toMatchObject({ status: 'COMPLETED', delayTime: 20_000 });
	});

	it('completes without output', async () => {
		script();
		bench.control.addFault({ fault: { kind: 'noOutput' } });
		const id = await bench.run();
		expect(await after(1000, id)).toEqual({
			id,
			status: 'COMPLETED',
			delayTime: 0,
			executionTime: 1000,
			workerId: 'scripted-1',
		});
	});

	it('fails with a given text', async () => {
		script();
		bench.control.addFault({ fault: { kind: 'fail', error: 'OUT_OF_MEMORY: The GPU is full.' } });
		const id = await bench.run();
		expect(await after(1000, id)).toMatchObject({
			status: 'FAILED',
			error: 'OUT_OF_MEMORY: The GPU is full.',
		});
	});

	it.each(['loseResult', 'workerLost'] as const)(
		'%s once: the platform tries again and completes',
		async (kind) => {
			script();
			bench.control.addFault({ times: 1, fault: { kind } });
			const id = await bench.run();
			const ended = await after(120_000, id);
			expect(ended).toMatchObject({ status: 'COMPLETED', retries: 1, output: { done: true } });
			const { jobs, incidents } = ledger();
			expect(jobs[0].attempts.map(({ end }) => end)).toEqual(['requeue', 'complete']);
			// The lost attempt is billed too.
			expect(jobs[0].billedMs).toBeGreaterThanOrEqual(61_000);
			expect(incidents.filter((incident) => incident.kind === 'worker-lost')).toHaveLength(1);
		},
	);

	it('workerLost for good: the job fails after one retry', async () => {
		script();
		bench.control.addFault({ fault: { kind: 'workerLost' } });
		const id = await bench.run();
		expect(await after(121_000, id)).toMatchObject({
			status: 'FAILED',
			error: 'job timed out after 1 retries',
			retries: 1,
		});
	});

	it('a scripted worker dies after some progress: another attempt starts', async () => {
		const progress = [{ atMs: 200, output: { percent: 20 } }];
		bench.control.addScript({
			times: 1,
			script: { runMs: 1000, dieAtMs: 500, progress, output: 1 },
		});
		script();
		const id = await bench.run();
		expect(await after(600, id)).toMatchObject({ status: 'IN_PROGRESS', output: { percent: 20 } });
		expect(await after(60_900, id)).toMatchObject({
			status: 'COMPLETED',
			retries: 1,
			output: { done: true },
		});
		expect(ledger().jobs[0].billedMs).toBe(61_500);
	});

	it('times out in the queue, and can be retried', async () => {
		bench.control.addFault({ match: { order: 1 }, fault: { kind: 'timeOut', afterMs: 5000 } });
		const id = await bench.run();
		expect(await after(5000, id)).toEqual({ id, status: 'TIMED_OUT' });
		script();
		expect((await bench.api.post(`/retry/${id}`)).data).toEqual({ id, status: 'IN_QUEUE' });
		expect(await after(1000, id)).toMatchObject({ status: 'COMPLETED' });
	});

	it('forgets a job', async () => {
		bench.control.addFault({ fault: { kind: 'forget', afterMs: 5000 } });
		const id = await bench.run();
		expect(await after(4999, id)).toEqual({ id, status: 'IN_QUEUE' });
		expect(await after(1, id)).toEqual({
			status: 404,
			title: 'Not Found',
			detail: 'job not found',
		});
		expect(ledger().jobs[0].state).toBe('DELETED');
	});

	it('counts reads after the end was shown, and headers of every call', async () => {
		script();
		const id = await bench.run();
		await after(1000, id);
		await bench.status(id);
		expect(ledger().jobs[0].readsAfterFinal).toBe(1);
		expect(
			ledger().requests.every(({ headers }) => headers.authorization === 'Bearer rpa_emulator'),
		).toBe(true);
		expect(ledger().submits[0]).toMatchObject({
			endpointId: ENDPOINT,
			kind: 'run',
			input: { prompt: 'a cat' },
		});
	});
});

describe('sinks, the hosts of result links and callbacks', () => {
	const sink = async (options: object) => {
		expect((await bench.admin.post('/sinks', { name: 'image.png', ...options })).status).toBe(200);
		return bench.api.get(`${bench.url}/_sink/image.png`, {
			responseType: 'arraybuffer',
			maxRedirects: 0,
		});
	};

	it('gives bytes, also very many', async () => {
		const bodyBase64 = Buffer.from([137, 80, 78, 71]).toString('base64');
		const { data, headers } = await sink({
			contentType: 'image/png',
			bodyBase64,
			sizeBytes: 3_000_000,
		});
		expect([data.length, data[0], data[3], data[4]]).toEqual([3_000_000, 137, 71, 0]);
		expect([headers['content-type'], headers['content-length']]).toEqual(['image/png', '3000000']);
	});

	it('keeps the length to itself, redirects', async () => {
		expect((await sink({ tellLength: false })).headers['content-length']).toBeUndefined();
		const moved = await sink({ status: 302, headers: { location: 'http://10.0.0.1/x' } });
		expect([moved.status, moved.headers.location]).toEqual([302, 'http://10.0.0.1/x']);
	});

	it('breaks off', async () => {
		await expect(sink({ sizeBytes: 500_000, cutAfterBytes: 200_000 })).rejects.toThrow(
			/aborted|ECONNRESET/,
		);
	});
});
