/** The control API, the clocks, the management plane's list, and the emulator as a process. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import axios from 'axios';
import { FakeClock } from '../../emulator/control/clock.mts';
import { ENDPOINT, start } from './client.mts';

describe('the fake clock', () => {
	it('runs timers at their own time and in order, also those set on the way', async () => {
		const clock = new FakeClock(0);
		const seen: Array<[string, number]> = [];
		clock.after(20, () => seen.push(['second', clock.now()]));
		clock.after(10, () => {
			seen.push(['first', clock.now()]);
			clock.after(5, () => seen.push(['between', clock.now()]));
		});
		clock.after(31, () => seen.push(['never', clock.now()]));
		clock.after(12, () => seen.push(['cancelled', clock.now()])).cancel();
		await clock.advance(30);
		expect(seen).toEqual([
			['first', 10],
			['between', 15],
			['second', 20],
		]);
		expect(clock.now()).toBe(30);
	});
});

describe('the control API', () => {
	it('creates endpoints, moves the clock, tells parts of the ledger, and starts anew', async () => {
		const bench = await start({ endpoints: [] });
		expect((await bench.api.get('/health')).status).toBe(404);
		const created = await bench.admin.post('/endpoints', { id: ENDPOINT, workersMax: 7 });
		expect(created.data).toMatchObject({
			id: ENDPOINT,
			workersMax: 7,
			executionTimeoutMs: 600_000,
		});
		await bench.admin.post('/scripts', { endpoint: ENDPOINT, script: { runMs: 100, output: 1 } });
		const id = await bench.run();
		const before = (await bench.admin.get('/clock')).data.now;
		expect((await bench.admin.post('/clock/advance', { ms: 150 })).data.now).toBe(before + 150);
		expect((await bench.status(id)).data.status).toBe('COMPLETED');
		const parts = (await bench.admin.get('/ledger?parts=submits,billedMs')).data;
		expect(parts).toMatchObject({ submits: [{ jobId: id }], billedMs: 100 });
		expect((await bench.admin.get('/ledger?parts=money')).status).toBe(400);
		expect((await bench.admin.post('/reset')).status).toBe(200);
		expect((await bench.admin.get('/ledger')).data).toMatchObject({
			submits: [],
			requests: [],
			jobs: [],
		});
		expect((await bench.api.get('/health')).status).toBe(404);
	});

	it.each([
		['/endpoints', { id: 'x', workerMax: 1 }],
		['/endpoints', { id: 'a/b' }],
		['/keys', { key: 'short' }],
		['/scripts', { script: { output: 1, error: 'both' } }],
		['/scripts', { script: { runMs: -1 } }],
		['/sinks', { name: 'x', stat: 1 }],
		['/clock/advance', { seconds: 1 }],
	])('%s refuses %j', async (path, body) => {
		const bench = await start();
		expect((await bench.admin.post(path, body)).status).toBe(400);
	});

	it('gives the environment of a worker, with what the SDK needs in its addresses', async () => {
		const bench = await start();
		const { data } = await bench.admin.get(`/endpoints/${ENDPOINT}/worker-env?workerId=w7`);
		expect(data).toMatchObject({ RUNPOD_POD_ID: 'w7', RUNPOD_ENDPOINT_ID: ENDPOINT });
		expect(data.RUNPOD_WEBHOOK_GET_JOB).toMatch(/\/job-take\/\$ID\?.+/);
	});

	it('does not move a real clock', async () => {
		const bench = await start({ clock: 'real' });
		expect((await bench.admin.post('/clock/advance', { ms: 1 })).status).toBe(400);
	});

	it('ends held calls when the emulator starts anew', async () => {
		const bench = await start();
		const env = bench.control.workerEnvironment(ENDPOINT, 'w1');
		const take = axios.get(env.RUNPOD_WEBHOOK_GET_JOB.replace('$ID', 'w1'), {
			headers: { authorization: env.RUNPOD_AI_API_KEY },
			proxy: false,
		});
		const sync = bench.api.post('/runsync', { input: { n: 1 } });
		while (bench.control.snapshot().requests.length < 2)
			await new Promise((resolve) => setTimeout(resolve, 5));
		const { data } = await take;
		expect(data.input).toEqual({ n: 1 });
		bench.control.reset();
		expect((await sync).status).toBe(404);
	});
});

describe('the list of Pods that credential tests read', () => {
	it('answers 200, 401 and 403 as the management plane does', async () => {
		const bench = await start();
		bench.control.addKey({ key: 'rpa_restricted', management: false });
		const ask = async (key?: string) => {
			const { status, data, headers } = await axios.get(`${bench.url}/management/v2/pods`, {
				headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
				validateStatus: () => true,
				proxy: false,
			});
			return [status, data.pods ?? data.status, String(headers['content-type']).split(';')[0]];
		};
		expect(await ask('rpa_emulator')).toEqual([200, [], 'application/json']);
		expect(await ask()).toEqual([401, 401, 'application/problem+json']);
		expect(await ask('rpa_wrong_key')).toEqual([401, 401, 'application/problem+json']);
		expect(await ask('rpa_restricted')).toEqual([403, 403, 'application/problem+json']);
	});
});

describe('the emulator as a process', () => {
	it('prints its address, serves, and ends on SIGTERM', async () => {
		const root = join(__dirname, '..', '..');
		const child = spawn(
			process.execPath,
			['--import', 'tsx', join(root, 'emulator/main.mts'), '--endpoint', 'ep-1'],
			{
				cwd: root,
				stdio: ['ignore', 'pipe', 'inherit'],
			},
		);
		const line = await new Promise<string>((resolve) =>
			child.stdout.once('data', (data) => resolve(String(data))),
		);
		const url = /^emulator on (http:\/\/127\.0\.0\.1:\d+)\n$/.exec(line)?.[1];
		const { data } = await axios.get(`${url}/v2/ep-1/health`, {
			headers: { authorization: 'Bearer rpa_emulator' },
			proxy: false,
		});
		expect(data.jobs.inQueue).toBe(0);
		child.kill('SIGTERM');
		expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
	}, 60_000);
});

describe('leaks', () => {
	it('finds a key outside the Authorization header of the platform, and names it without showing it', async () => {
		const bench = await start();
		await bench.run({ prompt: 'a cat' });
		expect(bench.control.snapshot().leaks).toEqual([]);
		const id = await bench.run({ token: 'rpa_emulator' });
		await bench.api.get(`${bench.url}/_sink/image.png`);
		await bench.api.get('/health?api_key=rpa_emulator');
		expect((await bench.admin.get('/ledger?parts=leaks')).data.leaks).toEqual([
			{ key: 'default', where: `request /v2/${ENDPOINT}/health` },
			{ key: 'default', where: `submit ${id}` },
			{ key: 'default', where: 'sink image.png' },
		]);
	});
});
