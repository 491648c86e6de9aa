/** A real n8n on 127.0.0.1 with a user folder of its own. */
import { delimiter, dirname, join } from 'node:path';
import type { Prepared } from '../setup/index.mts';
import { freePort } from './ports.mts';
import { start } from './processes.mts';
import type { Running } from './processes.mts';

/** The first start makes the database: more than a minute on a busy machine. */
const READY_MS = 300_000;

export interface N8nServer extends Running {
	/** Address of the editor, without a slash at its end. */
	url: string;
}

export async function startN8n(prepared: Prepared, userFolder: string, port = 0): Promise<N8nServer> {
	const own = await freePort(port);
	const broker = await freePort();
	const url = `http://127.0.0.1:${own}`;
	const server = start({
		name: 'n8n',
		command: prepared.node,
		args: [join(prepared.n8n, 'node_modules', 'n8n', 'bin', 'n8n'), 'start'],
		env: { ...cleanEnvironment(), ...settings(userFolder, own, broker, url), PATH: pathWith(prepared.node) },
		log: join(userFolder, 'n8n.log'),
	});
	await server.line(/Editor is now accessible/, READY_MS);
	return { ...server, url };
}

function settings(userFolder: string, port: number, broker: number, url: string): Record<string, string> {
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
		Object.entries(process.env).filter(([name]) => !/^(N8N_|npm_|DB_|EXECUTIONS_|WEBHOOK_|JEST_|NODE_ENV$|NODE_OPTIONS$)/.test(name)),
	);
}

function pathWith(node: string): string {
	return `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`;
}
