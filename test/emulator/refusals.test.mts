/** What the job plane refuses: bodies, sizes, keys, unknown names, too many calls. */
import axios from 'axios';
import { start, type Bench } from './client.mts';

let bench: Bench;
beforeEach(async () => {
	bench = await start();
});

describe('refusals', () => {
	it.each([
		[{ prompt: 'x' }, 'input'],
		[{ input: { n: 1 }, webhok: 'https://x.test' }, 'webhok'],
		[{ input: { n: 1 }, webhook: 'no address' }, 'webhook'],
		[{ input: { n: 1 }, policy: { executionTimeout: 4999 } }, 'policy.executionTimeout'],
		[{ input: { n: 1 }, policy: { ttl: 9999 } }, 'policy.ttl'],
		[{ input: { n: 1 }, policy: { ttl: 604_800_001 } }, 'policy.ttl'],
		[{ input: { n: 1 }, policy: { retries: 1 } }, 'retries'],
		[{ input: 'text' }, 'input'],
	])('refuses the body %j', async (body, field) => {
		const { status, data } = await bench.api.post('/run', body);
		expect([status, data.status]).toEqual([400, 400]);
		expect(data.detail).toContain(field);
	});

	it('takes 10 MB by /run and 20 MB by /runsync, not more', async () => {
		const body = (bytes: number) =>
			`{"input":{"x":"${'a'.repeat(bytes - '{"input":{"x":""}}'.length)}"}}`;
		const post = async (path: string, bytes: number) =>
			(await bench.api.post(path, body(bytes), { headers: { 'content-type': 'application/json' } }))
				.status;
		expect([await post('/run', 10_000_000), await post('/run', 10_000_001)]).toEqual([200, 413]);
		expect(await post('/runsync', 20_000_001)).toBe(413);
	});

	it('knows keys: none, wrong, without "Bearer", of another endpoint, without the right', async () => {
		bench.control.addKey({
			key: 'rpa_narrow',
			name: 'narrow',
			endpoints: ['other'],
			management: false,
		});
		bench.control.addKey({ key: 'rpa_nojobs', name: 'nojobs', serverless: false });
		const ask = async (authorization?: string) => {
			const { status, data } = await axios.get(`${bench.url}/v2/ep-test/health`, {
				headers: { authorization },
				validateStatus: () => true,
				proxy: false,
			});
			return [status, data.detail];
		};
		expect(await ask()).toEqual([401, 'no token provided']);
		expect(await ask('Bearer rpa_wrong_key')).toEqual([401, 'invalid api key']);
		expect(await ask('rpa_emulator')).toEqual([401, 'invalid api key']);
		expect(await ask('Bearer rpa_narrow')).toEqual([404, 'endpoint not found']);
		expect((await ask('Bearer rpa_nojobs'))[0]).toBe(403);
		expect(bench.control.snapshot().requests.map(({ key }) => key)).toEqual([
			'none',
			'wrong',
			'wrong',
			'narrow',
			'nojobs',
		]);
	});

	it('refuses a key from the moment it is revoked', async () => {
		await bench.run();
		await bench.admin.delete('/keys/default');
		expect((await bench.api.get('/health')).status).toBe(401);
	});

	it('has the 404 bodies of an endpoint and of a job', async () => {
		expect((await bench.api.get(`${bench.url}/v2/nowhere/health`)).data).toEqual({
			detail: 'endpoint not found',
		});
		expect((await bench.status('no-such-job')).data).toEqual({
			status: 404,
			title: 'Not Found',
			detail: 'job not found',
		});
	});

	it('allows 2 purges in 10 s, then tells how long to wait', async () => {
		const purge = () => bench.api.post('/purge-queue');
		expect([(await purge()).status, (await purge()).status]).toEqual([200, 200]);
		await bench.control.advance(4000);
		const refused = await purge();
		expect([refused.status, refused.headers['retry-after']]).toEqual([429, '6']);
		bench.control.setEndpoint({ id: 'ep-test', retryAfter: false });
		expect((await purge()).headers['retry-after']).toBeUndefined();
		await bench.control.advance(6000);
		expect((await purge()).status).toBe(200);
	});

	it('takes no more than 50 jobs into the queue of an endpoint without workers', async () => {
		bench.control.setEndpoint({ id: 'ep-test', workersMax: 0 });
		for (let n = 0; n < 51; n++) await bench.run({ n });
		expect((await bench.api.post('/run', { input: { n: 51 } })).status).toBe(429);
	});
});
