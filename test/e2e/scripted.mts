/**
 * What the tests of executions stand on: a real n8n and the emulated platform, whose jobs are scripts
 * on a clock that the test moves: a job ends when the test says so, however slow the machine is.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_KEY, startEmulator } from '../../emulator/server.mts';
import type { RunningEmulator } from '../../emulator/server.mts';
import { hasEnded, N8nClient } from '../../scripts/running/n8nClient.mts';
import type { Execution, Workflow } from '../../scripts/running/n8nClient.mts';
import { startN8n } from '../../scripts/running/n8nServer.mts';
import type { N8nServer } from '../../scripts/running/n8nServer.mts';
import { stopAll } from '../../scripts/running/processes.mts';
import { prepare } from '../../scripts/setup/index.mts';
import type { Prepared } from '../../scripts/setup/index.mts';
import { placePackage } from '../../scripts/setup/nodePackage.mts';
import { podProxy } from './realPods.mts';
import { until } from './until.mts';
import { ENDPOINT } from './workflows.mts';

/** Starting and preparing on two busy cores. */
export const START_MS = 300_000;
/** One white dot. */
export const PNG =
	'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==';

export const LOGIN = { email: 'e2e@example.com', password: 'Only-for-1-test' };

export async function prepared(): Promise<Prepared> {
	const given = process.env.STUDIO_PREPARED;
	return given ? (JSON.parse(given) as Prepared) : await prepare(false);
}

export const startPlatform = async (): Promise<RunningEmulator> =>
	await startEmulator({ clock: 'fake', endpoints: [{ id: ENDPOINT, workersMax: 50 }] });

/** A credential of the emulated platform; returns its ID. */
export async function saveKey(client: N8nClient, emulator: RunningEmulator): Promise<string> {
	const { url } = emulator;
	const data = {
		apiKey: DEFAULT_KEY,
		jobBaseUrl: `${url}/v2`,
		managementBaseUrl: `${url}/management/v2`,
		podProxyUrl: podProxy(emulator),
	};
	return await client.saveCredential('RunPod', 'runPodApi', data);
}

/** How the platform plays a job: by its prompt, with a picture after so many milliseconds of its clock. */
export function pictureAfter({ control }: RunningEmulator, prompt: string, runMs: number): void {
	const output = { images: [{ image: PNG, prompt }] };
	control.addScript({ match: { input: { prompt } }, script: { runMs, output } });
}

/** What the platform saw of the jobs with this prompt. */
export function seenOf({ control }: RunningEmulator, prompt: string) {
	const all = control.snapshot();
	const submits = all.submits.filter(({ input }) => (input as { prompt?: string }).prompt === prompt);
	const ids = new Set(submits.map(({ jobId }) => jobId));
	return {
		submits,
		jobIds: [...ids],
		reads: [...ids].flatMap((id) => all.reads[id] ?? []),
		cancels: all.cancels.filter(({ jobId }) => ids.has(jobId)),
		open: all.openJobs.filter((id) => ids.has(id)),
		states: all.jobs.filter(({ id }) => ids.has(id)).map(({ state }) => state),
	};
}

export class Scripted {
	client!: N8nClient;
	emulator!: RunningEmulator;
	server!: N8nServer;
	credential = '';
	prepared!: Prepared;
	readonly folder = mkdtempSync(join(tmpdir(), 'studio-executions-'));

	async open(): Promise<void> {
		this.prepared = await prepared();
		placePackage(this.prepared.packed, this.folder);
		this.emulator = await startPlatform();
		this.server = await startN8n(this.prepared, this.folder);
		this.client = new N8nClient(this.server.url);
		await this.client.enter(LOGIN);
		this.credential = await saveKey(this.client, this.emulator);
	}

	async close(): Promise<void> {
		await stopAll();
		await this.emulator?.close();
		rmSync(this.folder, { recursive: true, force: true });
	}

	/** Kills n8n hard and starts it again at the same address; returns what the killed one had logged. */
	async killAndRestart(): Promise<string> {
		process.kill(-this.server.pid, 'SIGKILL');
		await this.server.ended;
		const log = readFileSync(this.server.log, 'utf8');
		this.server = await startN8n(this.prepared, this.folder, { port: Number(new URL(this.server.url).port) });
		await this.client.ready();
		return log;
	}

	/** The end of an execution. What is due on the platform now happens meanwhile, nothing later. */
	async finished(id: string): Promise<Execution> {
		let execution: Execution;
		await until(`execution ${id} has ended`, async () => {
			await this.emulator.control.advance(0);
			execution = await this.client.execution(id);
			return hasEnded(execution);
		});
		return execution!;
	}

	/** Stores a workflow and starts it at its manual trigger; returns the execution's ID. */
	async start(workflow: Workflow): Promise<string> {
		const { id } = await this.client.createWorkflow(workflow);
		return await this.client.run(id, 'Start');
	}
}
