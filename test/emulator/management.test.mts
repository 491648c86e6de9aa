/** The management plane: endpoints, workers, logs and the catalog of GPUs. */
import { startEmulator } from '../../emulator/server.mts';
import type { RunningEmulator } from '../../emulator/server.mts';

let emulator: RunningEmulator;
const KEY = 'rpa_management_test';

beforeAll(async () => {
	emulator = await startEmulator({
		keys: [
			{ key: KEY, name: 'owner' },
			{ key: 'rpa_narrow_key', name: 'narrow', management: false },
		],
		endpoints: [{ id: 'e1', workersMax: 0, gpu: { pools: ['ADA_24', 'AMPERE_48'] } }],
	});
});
afterAll(async () => await emulator.close());
beforeEach(() => emulator.control.reset());

async function get(path: string, key = KEY) {
	const response = await fetch(`${emulator.url}/management/v2${path}`, {
		headers: { authorization: `Bearer ${key}` },
	});
	return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const control = async (body: unknown) =>
	await fetch(`${emulator.url}/_control/account`, { method: 'POST', body: JSON.stringify(body) });

test('endpoints with their limits of workers and their pools', async () => {
	const one = await get('/serverless/e1');
	expect(one.body).toMatchObject({
		id: 'e1',
		type: 'QUEUE',
		workers: { max: 0, idleTimeout: 5 },
		gpu: { pools: ['ADA_24', 'AMPERE_48'], count: 1 },
	});
	expect((await get('/serverless')).body).toEqual({ endpoints: [one.body] });
	expect((await get('/serverless/e2')).status).toBe(404);
});

test('the catalog tells stock only with both words', async () => {
	await control({ gpus: [{ id: 'G', pool: 'P', price: 3, availability: 'LOW' }] });
	const { body } = await get('/catalog/gpus?include=AVAILABILITY&product=SERVERLESS');
	expect(body).toMatchObject({
		gpus: [{ id: 'G', pool: 'P', price: { serverless: 3 }, availability: 'LOW' }],
	});
	expect((await get('/catalog/gpus?include=AVAILABILITY')).status).toBe(400);
	expect((await get('/catalog/gpus?product=SERVERLESS')).status).toBe(400);
});

test('workers with their summary', async () => {
	await control({ workers: { e1: [{ id: 'w1', status: 'THROTTLED', gpuTypeId: 'G' }] } });
	expect((await get('/serverless/e1/workers')).body).toMatchObject({
		workers: [{ id: 'w1', status: 'THROTTLED', gpuTypeId: 'G', gpuCount: 1 }],
		summary: { throttled: 1, running: 0, total: 1 },
	});
});

test('logs come as events and the stream stays open', async () => {
	await control({ logs: { w1: ['one', 'two', 'three'] } });
	const abort = new AbortController();
	const response = await fetch(
		`${emulator.url}/management/v2/serverless/e1/workers/w1/logs?tail=2`,
		{ headers: { authorization: `Bearer ${KEY}` }, signal: abort.signal },
	);
	expect(response.headers.get('content-type')).toContain('text/event-stream');
	let text = '';
	for await (const chunk of response.body!) {
		text += Buffer.from(chunk).toString('utf8');
		if (text.includes('three')) break;
	}
	abort.abort();
	expect(text).not.toContain('one');
	expect(text).toMatch(/data: \{"source":"container","line":"two"/);
	expect((await get('/serverless/e1/workers/w1/logs?tail=5001')).status).toBe(400);
	expect((await get('/serverless/e1/workers/w9/logs')).status).toBe(404);
});

test('a key without the right gets 403, a wrong one 401', async () => {
	expect((await get('/serverless/e1', 'rpa_narrow_key')).status).toBe(403);
	expect((await get('/catalog/gpus', 'rpa_no_such_key')).status).toBe(401);
});

test('what the control does not understand is refused', async () => {
	expect((await control({ gpu: [] })).status).toBe(400);
	expect((await control({ gpus: [{ id: 'G', prize: 1 }] })).status).toBe(400);
});
