/** Webhooks, told to sinks of the emulator itself. */
import { start, type Bench } from './client.mts';

let bench: Bench;
beforeEach(async () => {
	bench = await start();
});

const url = () => `${bench.url}/_sink/hook?token=secret`;
const script = (more: object = { output: { done: true } }) =>
	bench.control.addScript({ script: { runMs: 1000, ...more } });
const calls = () => bench.control.snapshot().sinks;

it('posts the whole job with its input and the address, unsigned, without the key', async () => {
	script();
	const id = await bench.run({ n: 1 }, { webhook: url() });
	await bench.control.advance(1000);
	const [call, ...others] = calls();
	expect(others).toEqual([]);
	expect(JSON.parse(call.body)).toEqual({
		id,
		status: 'COMPLETED',
		input: { n: 1 },
		output: { done: true },
		delayTime: 0,
		executionTime: 1000,
		webhook: url(),
	});
	expect(call.headers).toMatchObject({
		'content-type': 'application/json',
		'user-agent': 'Go-http-client/2.0',
	});
	expect(call.headers.traceparent).toBeDefined();
	expect(call.headers.authorization).toBeUndefined();
});

it('tells of a failure, not of a cancelled job', async () => {
	script({ error: 'no' });
	const failed = await bench.run({ n: 1 }, { webhook: url() });
	const cancelled = await bench.run({ n: 2 }, { webhook: url() });
	await bench.api.post(`/cancel/${cancelled}`);
	await bench.control.advance(60_000);
	expect(calls().map(({ body }) => [JSON.parse(body).id, JSON.parse(body).error])).toEqual([
		[failed, 'no'],
	]);
});

it('tries three times in all, after 5 s and 15 s, then never again', async () => {
	script();
	await bench.admin.post('/sinks', { name: 'hook', status: 503 });
	const id = await bench.run({ n: 1 }, { webhook: url() });
	await bench.control.advance(1000);
	const start = bench.control.clock.now();
	await bench.control.advance(600_000);
	const { webhooks } = bench.control.snapshot();
	expect(webhooks.map(({ at, attempt, status }) => [at - start, attempt, status])).toEqual([
		[0, 1, 503],
		[5000, 2, 503],
		[20_000, 3, 503],
	]);
	expect((await bench.status(id)).data.status).toBe('COMPLETED');
});

it('stops trying after a 2xx', async () => {
	script();
	await bench.admin.post('/sinks', { name: 'hook', status: 204, failFirst: 1, body: '' });
	await bench.run({ n: 1 }, { webhook: url() });
	await bench.control.advance(60_000);
	expect(bench.control.snapshot().webhooks.map(({ status }) => status)).toEqual([500, 204]);
});

it('can be lost and doubled by a fault', async () => {
	script();
	bench.control.addFault({ match: { order: 1 }, fault: { kind: 'webhook', mode: 'drop' } });
	bench.control.addFault({
		match: { order: 2 },
		fault: { kind: 'webhook', mode: 'twice', delayMs: 5000 },
	});
	await bench.run({ n: 1 }, { webhook: url() });
	const second = await bench.run({ n: 2 }, { webhook: url() });
	await bench.control.advance(5999);
	expect(calls()).toEqual([]);
	await bench.control.advance(1);
	expect(calls().map(({ body }) => JSON.parse(body).id)).toEqual([second, second]);
});
