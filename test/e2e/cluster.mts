/** n8n in queue mode: one main process, two workers, Redis and PostgreSQL, and the emulated platform. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunningEmulator } from '../../emulator/server.mts';
import { startDatabases } from '../../scripts/running/databases.mts';
import type { RunningDatabases } from '../../scripts/running/databases.mts';
import { hasEnded, N8nClient } from '../../scripts/running/n8nClient.mts';
import type { Execution, Workflow } from '../../scripts/running/n8nClient.mts';
import { startN8n, startN8nWorker } from '../../scripts/running/n8nServer.mts';
import { stopAll } from '../../scripts/running/processes.mts';
import type { Running } from '../../scripts/running/processes.mts';
import type { Databases } from '../../scripts/setup/databases.mts';
import { placePackage } from '../../scripts/setup/nodePackage.mts';
import { LOGIN, prepared, saveKey, seenOf, startPlatform } from './scripted.mts';
import { until } from './until.mts';

const SETTINGS = {
	N8N_ENCRYPTION_KEY: 'only-for-one-test',
	// A worker that is gone is noticed after 20 seconds, not after a minute.
	QUEUE_WORKER_LOCK_DURATION: '20000',
	QUEUE_WORKER_LOCK_RENEW_TIME: '3000',
	QUEUE_WORKER_STALLED_INTERVAL: '5000',
	// Three processes that start on two busy cores are slow, not ill.
	DB_POSTGRESDB_CONNECTION_TIMEOUT: '180000',
	DB_PING_TIMEOUT_MS: '60000',
	// Nothing here runs user code: the processes that would do it need not start.
	N8N_RUNNERS_MODE: 'external',
	N8N_RUNNERS_AUTH_TOKEN: 'only-for-one-test',
};

/** Where a job was submitted from, as the log of that worker says. */
export interface Origin {
	worker: Running;
	jobId: string;
	executionId: string;
}

export class Cluster {
	client!: N8nClient;
	emulator!: RunningEmulator;
	workers: Running[] = [];
	credential = '';
	private databases?: RunningDatabases;
	private readonly folder = mkdtempSync(join(tmpdir(), 'studio-cluster-'));

	async open(programs: Databases): Promise<void> {
		const given = await prepared();
		this.emulator = await startPlatform();
		this.databases = await startDatabases(programs);
		const environment = { ...this.databases.environment, ...SETTINGS };
		// Each process has its own files, as on machines of their own: what they share is in the databases.
		const [main, ...others] = ['main', 'one', 'two'].map((name) => this.userFolder(name, given.packed));
		const server = await startN8n(given, main, { environment });
		this.workers = await Promise.all(others.map((own) => startN8nWorker(given, own, server.url, environment)));
		this.client = new N8nClient(server.url);
		await this.client.enter(LOGIN);
		this.credential = await saveKey(this.client, this.emulator);
	}

	private userFolder(name: string, packed: string): string {
		const own = join(this.folder, name);
		mkdirSync(own);
		placePackage(packed, own);
		return own;
	}

	async close(): Promise<void> {
		await stopAll();
		await this.emulator?.close();
		this.databases?.remove();
		rmSync(this.folder, { recursive: true, force: true });
	}

	/** Stores and activates a workflow that a webhook starts, as production does; returns its ID. */
	async publish(workflow: Workflow): Promise<string> {
		const stored = await this.client.createWorkflow(workflow);
		await this.client.activate(stored);
		return stored.id;
	}

	/** The worker and the execution of the one job with this prompt; undefined as long as there is none. */
	originOf(prompt: string): Origin | undefined {
		for (const jobId of seenOf(this.emulator, prompt).jobIds) {
			const line = new RegExp(`RunPod job ${jobId} was submitted to \\S+ \\(execution (\\d+),`);
			for (const worker of this.workers) {
				const [, executionId] = line.exec(logOf(worker)) ?? [];
				if (executionId) return { worker, jobId, executionId };
			}
		}
		return undefined;
	}

	/** Until the one job with this prompt is polled, and where from. */
	async polled(prompt: string): Promise<Origin> {
		await until(`'${prompt}' is polled`, () => this.originOf(prompt) && seenOf(this.emulator, prompt).reads.length > 1);
		return this.originOf(prompt)!;
	}

	async finished(id: string): Promise<Execution> {
		let execution: Execution;
		await until(`execution ${id} has ended`, async () => hasEnded((execution = await this.client.execution(id))));
		return execution!;
	}
}

export const logOf = ({ log }: Running): string => readFileSync(log, 'utf8');
