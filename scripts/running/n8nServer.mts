/** A real n8n on 127.0.0.1 with a user folder of its own. */
import { delimiter, dirname, join } from 'node:path';
import type { Prepared } from '../setup/index.mts';
import { freePort } from './ports.mts';
import { start } from './processes.mts';
import type { Running } from './processes.mts';

/** The first start makes the database: more than a minute on a busy machine. */
const READY_MS = 600_000;

export interface N8nServer extends Running {
	/** Address of the editor, without a slash at its end. */
	url: string;
}

export interface N8nOptions {
	/** 0 (default): a free one. */
	port?: number;
	/** Further settings by n8n's names. */
	environment?: Record<string, string>;
}

export async function startN8n(prepared: Prepared, userFolder: string, options: N8nOptions = {}): Promise<N8nServer> {
	const port = await freePort(options.port);
	const url = `http://127.0.0.1:${port}`;
	const environment = { ...(await settings(userFolder, port, url)), ...options.environment };
	const server = run('n8n', prepared, ['start'], userFolder, environment);
	await server.line(/Editor is now accessible/, READY_MS);
	return { ...server, url };
}

/** A worker of n8n in queue mode; `url` is the address of the main process. */
export async function startN8nWorker(
	prepared: Prepared,
	userFolder: string,
	url: string,
	environment: Record<string, string>,
): Promise<Running> {
	const port = await freePort();
	const worker = run('The n8n worker', prepared, ['worker'], userFolder, {
		...(await settings(userFolder, port, url)),
		...environment,
	});
	await worker.line(/n8n worker is now ready/, READY_MS);
	return worker;
}

const run = (name: string, prepared: Prepared, args: string[], userFolder: string, environment: NodeJS.ProcessEnv): Running =>
	start({
		name,
		command: prepared.node,
		args: [join(prepared.n8n, 'node_modules', 'n8n', 'bin', 'n8n'), ...args],
		env: { ...cleanEnvironment(), ...environment, PATH: pathWith(prepared.node) },
		log: join(userFolder, 'n8n.log'),
	});

async function settings(userFolder: string, port: number, url: string): Promise<Record<string, string>> {
	const broker = await freePort();
	return {
		N8N_USER_FOLDER: userFolder,
		N8N_LISTEN_ADDRESS: '127.0.0.1',
		N8N_HOST: '127.0.0.1',
		N8N_PORT: String(port),
		// Task runners talk over a second port; two n8n on one machine must not share it.
		N8N_RUNNERS_BROKER_PORT: String(broker),
		WEBHOOK_URL: `${url}/`,
		N8N_WEBHOOK_URL: `${url}/`,
		N8N_SECURE_COOKIE: 'false',
		N8N_DIAGNOSTICS_ENABLED: 'false',
		N8N_VERSION_NOTIFICATIONS_ENABLED: 'false',
		N8N_TEMPLATES_ENABLED: 'false',
		N8N_PERSONALIZATION_ENABLED: 'false',
		N8N_HIRING_BANNER_ENABLED: 'false',
	};
}

/** The user's environment without settings of another n8n, of npm or of a test runner: with NODE_ENV=test n8n ends at once. */
function cleanEnvironment(): NodeJS.ProcessEnv {
	return Object.fromEntries(
		Object.entries(process.env).filter(([name]) => !/^(N8N_|npm_|DB_|EXECUTIONS_|QUEUE_|OFFLOAD_|WEBHOOK_|JEST_|NODE_ENV$|NODE_OPTIONS$)/.test(name)),
	);
}

function pathWith(node: string): string {
	return `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`;
}
