/** Pods that are real processes: they answer through the proxy, and none is left when its Pod has ended. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEmulator } from '../../emulator/server.mts';
import type { RunningEmulator } from '../../emulator/server.mts';

let emulator: RunningEmulator;
const KEY = 'rpa_real_pods';

/** Stands for a worker: answers what it was told, and ends its own Pod or itself when asked to. */
const APPLICATION = `
const { RUNPOD_POD_ID: pod, RUNPOD_API_KEY: key, API: api, PORT, MARK } = process.env;
require('node:http').createServer(async (request, response) => {
	if (request.url === '/die') process.exit(3);
	if (request.url === '/leave') await fetch(api + '/pods/' + pod + '/action', {
		method: 'POST', headers: { authorization: 'Bearer ' + key }, body: '{"action":"terminate"}' });
	const chunks = [];
	for await (const chunk of request) chunks.push(chunk);
	response.setHeader('content-type', 'application/json');
	response.end(JSON.stringify({ pod, mark: MARK, pid: process.pid, url: request.url, body: Buffer.concat(chunks).toString() }));
}).listen(Number(PORT), '127.0.0.1', () => console.log('listening on ' + PORT));
`;

jest.setTimeout(60_000);

beforeAll(async () => {
	emulator = await startEmulator({ keys: [{ key: KEY }] });
});
afterAll(async () => await emulator.close());
beforeEach(() => {
	emulator.control.reset();
	emulator.control.addPodScript({
		script: {
			provisionMs: 0,
			startMs: 0,
			process: {
				command: [process.execPath, '-e', APPLICATION],
				env: { API: '{url}/management/v2' },
			},
		},
	});
});

async function call(method: string, path: string, body?: unknown) {
	const response = await fetch(`${emulator.url}/management/v2${path}`, {
		method,
		headers: { authorization: `Bearer ${KEY}` },
		...(body === undefined ? {} : { body: JSON.stringify(body) }),
	});
	const text = await response.text();
	return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
}

/** Waits until `look` gives a value; the test's own time limit ends it. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
	for (;;) {
		const found = await look();
		if (found !== undefined) return found;
		await sleep(50);
	}
}

const isAlive = (pid: number): boolean => {
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
};
const gone = async (pid: number) => await until(async () => (isAlive(pid) ? undefined : true));
const state = async (id: string, wanted: string) =>
	await until(async () => {
		const { body } = await call('GET', `/pods/${id}`);
		return body.status === wanted ? body : undefined;
	});

/** A Pod whose application answers; until then the proxy has nobody to ask. */
async function serving(): Promise<{ id: string; pid: number }> {
	const { body } = await call('POST', '/pods', {
		name: 'real',
		image: 'any:1',
		gpu: { id: 'Emulated GPU 24', count: 1 },
		ports: ['8000/http'],
		env: { MARK: 'from the create' },
	});
	const answer = await until(async () => {
		const response = await fetch(`${emulator.url}/_pods/${body.id}-8000/health?x=1`, {
			method: 'POST',
			body: 'hello',
		});
		if (response.status === 200) return (await response.json()) as Record<string, any>;
		expect(response.status).toBe(502);
		return undefined;
	});
	expect(answer).toMatchObject({
		pod: body.id,
		mark: 'from the create',
		url: '/health?x=1',
		body: 'hello',
	});
	return { id: body.id, pid: answer.pid };
}

test('it serves through the proxy, stops, starts again and ends', async () => {
	const { id, pid } = await serving();
	await state(id, 'RUNNING');
	expect(emulator.control.account.logs.get(id)?.[0]).toMatch(/^listening on \d+$/);
	await call('POST', `/pods/${id}/action`, { action: 'stop' });
	await gone(pid);
	expect((await fetch(`${emulator.url}/_pods/${id}-8000/`)).status).toBe(502);
	await call('POST', `/pods/${id}/action`, { action: 'start' });
	await state(id, 'RUNNING');
	const again = await until(async () => {
		const response = await fetch(`${emulator.url}/_pods/${id}-8000/`);
		return response.status === 200 ? ((await response.json()) as { pid: number }) : undefined;
	});
	expect((await call('DELETE', `/pods/${id}`)).status).toBe(204);
	await gone(again.pid);
	expect(emulator.control.snapshot().openPods).toEqual([]);
});

test('a process that dies leaves its Pod EXITED', async () => {
	const { id } = await serving();
	await fetch(`${emulator.url}/_pods/${id}-8000/die`);
	expect(await state(id, 'EXITED')).toMatchObject({ cost: 0, actions: ['start', 'terminate'] });
});

test('a worker ends its own Pod with the key that it was given', async () => {
	const { id, pid } = await serving();
	await fetch(`${emulator.url}/_pods/${id}-8000/leave`).catch(() => undefined);
	await gone(pid);
	expect(emulator.control.snapshot()).toMatchObject({
		openPods: [],
		pods: [{ status: 'TERMINATED', actions: [{ action: 'terminate', key: `pod ${id}` }] }],
	});
});

test('a command that cannot be started is an ERROR; a reset leaves no process', async () => {
	const { pid } = await serving();
	emulator.control.addPodScript({
		script: { provisionMs: 0, startMs: 0, process: { command: ['/there/is/no/such/program'] } },
	});
	const { body } = await call('POST', '/pods', {
		name: 'wrong',
		image: 'any:1',
		gpu: { id: 'Emulated GPU 24', count: 1 },
	});
	await state(body.id, 'ERROR');
	emulator.control.reset();
	await emulator.control.endPods();
	expect(isAlive(pid)).toBe(false);
});

const python = process.env.STUDIO_PYTHON;
(python === undefined ? describe.skip : describe)('the worker of this package', () => {
	test.each([
		['terminate', 'TERMINATED'],
		['stop', 'EXITED'],
	])('asks the platform to %s its own Pod at the end of its time', async (action, status) => {
		emulator.control.reset();
		emulator.control.addPodScript({
			script: {
				provisionMs: 0,
				startMs: 0,
				process: {
					command: [python ?? '', '-u', join(__dirname, '..', '..', 'worker', 'handler.py')],
					env: {
						HOST: '127.0.0.1',
						AUTH_TOKEN: 'token',
						MODEL_SET: 'demo',
						RUNPOD_MANAGEMENT_URL: '{url}/management/v2',
						IDLE_ACTION: action,
						POD_MAX_LIFETIME_S: '1',
					},
				},
			},
		});
		const { body } = await call('POST', '/pods', {
			name: 'idle',
			image: 'any:1',
			gpu: { id: 'Emulated GPU 24', count: 1 },
			ports: ['8000/http'],
		});
		await until(async () => {
			const { pods } = emulator.control.snapshot();
			return pods[0].status === status ? true : undefined;
		});
		expect(emulator.control.snapshot().pods).toMatchObject([
			{ id: body.id, status, actions: [{ action, key: `pod ${body.id}` }] },
		]);
		expect(emulator.control.account.logs.get(body.id)?.join('\n')).toContain(
			`this Pod asks the platform to ${action} it: it has run for`,
		);
	});
});
