/** Callback in a real n8n that is killed while the execution is parked, started again, and called then. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import axios from 'axios';
import { DEFAULT_KEY, startEmulator } from '../../emulator/server.mts';
import type { RunningEmulator } from '../../emulator/server.mts';
import { itemsOf } from '../../scripts/running/examples.mts';
import { N8nClient } from '../../scripts/running/n8nClient.mts';
import type { Workflow } from '../../scripts/running/n8nClient.mts';
import { startN8n } from '../../scripts/running/n8nServer.mts';
import type { N8nServer } from '../../scripts/running/n8nServer.mts';
import { stopAll } from '../../scripts/running/processes.mts';
import { prepare } from '../../scripts/setup/index.mts';
import type { Prepared } from '../../scripts/setup/index.mts';
import { placePackage } from '../../scripts/setup/nodePackage.mts';

const START_MS = 300_000;
const ENDPOINT = 'studio';
/** One white dot. */
const PNG =
	'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==';

const folder = mkdtempSync(join(tmpdir(), 'studio-parked-'));
let prepared: Prepared;
let emulator: RunningEmulator;
let server: N8nServer;
let client: N8nClient;
let credential: string;

beforeAll(async () => {
	const given = process.env.STUDIO_PREPARED;
	prepared = given ? (JSON.parse(given) as Prepared) : await prepare(false);
	placePackage(prepared.packed, folder);
	// Jobs end when the test says so, however long n8n takes to start.
	emulator = await startEmulator({ clock: 'fake', endpoints: [{ id: ENDPOINT, workersMax: 3 }] });
	server = await startN8n(prepared, folder);
	client = new N8nClient(server.url);
	await client.enter({ email: 'e2e@example.com', password: 'Only-for-1-test' });
	credential = await client.saveCredential('RunPod', 'runPodApi', {
		apiKey: DEFAULT_KEY,
		jobBaseUrl: `${emulator.url}/v2`,
		managementBaseUrl: `${emulator.url}/management/v2`,
	});
}, START_MS);

afterAll(async () => {
	await stopAll();
	await emulator?.close();
	rmSync(folder, { recursive: true, force: true });
}, 60_000);

async function until(what: string, condition: () => unknown, ms = 60_000): Promise<void> {
	const end = Date.now() + ms;
	while (!(await condition())) {
		if (Date.now() > end) throw new Error(`Waited in vain until ${what}.`);
		await sleep(50);
	}
}

/** Three prompts, three jobs, and a node behind that asks each picture for its prompt. */
function workflow(): Workflow {
	const node = (name: string, type: string, parameters: object, typeVersion: number) => ({
		id: name.toLowerCase(),
		name,
		type,
		typeVersion,
		position: [0, 0],
		parameters: parameters as Record<string, unknown>,
	});
	const to = (name: string) => ({ main: [[{ node: name, type: 'main', index: 0 }]] });
	return {
		name: 'Parked',
		nodes: [
			node('Start', 'n8n-nodes-base.manualTrigger', {}, 1),
			node('Prompts', 'n8n-nodes-base.set', { mode: 'raw', jsonOutput: '{"prompt": ["a", "b", "c"]}' }, 3.4),
			node('Each', 'n8n-nodes-base.splitOut', { fieldToSplitOut: 'prompt' }, 1),
			{
				...node(
					'My "Pictures"',
					'n8n-nodes-runpod-studio.runPod',
					{
						endpoint: { __rl: true, mode: 'id', value: ENDPOINT },
						prompt: '={{ $json.prompt }}',
						waitForResult: 'callback',
					},
					1,
				),
				credentials: { runPodApi: { id: credential, name: 'RunPod' } },
			},
			node('After', 'n8n-nodes-base.set', { mode: 'raw', jsonOutput: '={{ { of: $("Each").item.json.prompt } }}' }, 3.4),
		],
		connections: {
			Start: to('Prompts'),
			Prompts: to('Each'),
			Each: to('My "Pictures"'),
			'My "Pictures"': to('After'),
		},
	};
}

it(
	'a parked execution outlives kill -9 and goes on when its jobs call',
	async () => {
		for (const [prompt, runMs] of [
			['a', 9000],
			['b', 6000],
			['c', 3000],
		] as const) {
			emulator.control.addScript({
				match: { input: { prompt } },
				script: { runMs, output: { images: [{ image: PNG, prompt }] } },
			});
		}
		const { id: workflowId } = await client.createWorkflow(workflow());
		const id = await client.run(workflowId, 'Start');
		await until('the execution is parked', async () => (await client.execution(id)).status === 'waiting');
		const { submits } = emulator.control.snapshot();
		expect(submits).toHaveLength(3);
		expect(new Set(submits.map(({ webhook }) => webhook)).size).toBe(3);

		// Forged and partial calls: without the secret nothing, with it no more than a look.
		const [{ webhook = '' }] = submits;
		const forge = async (url: string) =>
			(await axios.post(url, { status: 'COMPLETED' }, { validateStatus: () => true, proxy: false })).status;
		expect(await forge(webhook.split('?')[0])).toBe(401);
		expect(await forge(webhook)).toBe(200);
		await emulator.control.advance(3000);
		await until('the first call arrived', () => emulator.control.snapshot().webhooks.length > 0);
		expect((await client.execution(id)).status).toBe('waiting');

		process.kill(-server.pid, 'SIGKILL');
		await server.ended;
		const port = Number(new URL(server.url).port);
		server = await startN8n(prepared, folder, port);
		await client.ready();
		await emulator.control.advance(10_000);
		const execution = await client.finished(id, 60_000);
		expect(execution.error).toBeUndefined();
		expect(execution.status).toBe('success');
		const pictures = itemsOf(execution, 'My "Pictures"');
		expect(pictures.map(({ json }) => json.prompt)).toEqual(['a', 'b', 'c']);
		expect(pictures.every(({ binary }) => binary?.data !== undefined)).toBe(true);
		expect(itemsOf(execution, 'After').map(({ json }) => json.of)).toEqual(['a', 'b', 'c']);
		const after = emulator.control.snapshot();
		expect(after.submits).toHaveLength(3);
		expect(after.openJobs).toEqual([]);
		expect(after.leaks).toEqual([]);
	},
	START_MS + 120_000,
);
