/** The demo: worker and n8n side by side, filled with a login, a credential and the example workflows. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepare } from '../setup/index.mts';
import { placePackage } from '../setup/nodePackage.mts';
import { repository } from '../setup/places.mts';
import { say, step } from '../setup/progress.mts';
import { hashOf, openDemoFolder } from './demoFolder.mts';
import type { DemoFolder } from './demoFolder.mts';
import { credentialName, credentialType, example, imageOf, nodeOf } from './examples.mts';
import { N8nClient } from './n8nClient.mts';
import type { Login } from './n8nClient.mts';
import { startN8n } from './n8nServer.mts';
import { startPodWorker } from './worker.mts';

const EXAMPLES = ['first-image', 'image-form', 'poll-by-id'];
/** The first picture also loads the model. */
const FIRST_IMAGE_MS = 300_000;

export interface Demo {
	client: N8nClient;
	login: Login;
	/** File with the first image. */
	image: string;
	/** IDs of the stored workflows by the name of their example. */
	workflows: Record<string, string>;
	editor: string;
	form: string;
}

export interface DemoOptions {
	fresh: boolean;
	port: number;
}

/** Prepares and starts everything and makes the first image. The processes end with stopAll(). */
export async function startDemo(options: DemoOptions): Promise<Demo> {
	const kept = openDemoFolder(options.fresh);
	process.once('exit', kept.release);
	const prepared = await prepare(options.fresh);
	placePackage(prepared.packed, kept.folder);
	const [worker, server] = await step('Starting the worker and n8n', () =>
		Promise.all([
			startPodWorker(prepared.python, join(kept.folder, 'worker.log')),
			startN8n(prepared, kept.folder, { port: options.port }),
		]),
	);
	const client = new N8nClient(server.url);
	const workflows = await step('Storing login, credential and workflows in n8n', () =>
		fill(client, kept, { serverType: 'studio', baseUrl: worker.url, token: worker.token }),
	);
	const image = await step('Making the first image', () => makeFirstImage(client, kept, workflows));
	return {
		client,
		login: kept.memory.login,
		image,
		workflows,
		editor: `${server.url}/workflow/${workflows['first-image']}`,
		form: `${server.url}/form/picture`,
	};
}

/** What is there from an earlier run stays, with its executions; the worker's address is new each time. */
async function fill(client: N8nClient, kept: DemoFolder, worker: Record<string, unknown>): Promise<Record<string, string>> {
	const { memory } = kept;
	await client.enter(memory.login);
	memory.credential = await client.saveCredential(credentialName, credentialType, worker, memory.credential);
	const ids: Record<string, string> = {};
	for (const name of EXAMPLES) {
		const workflow = example(name, { [credentialType]: memory.credential });
		const hash = hashOf(workflow);
		const known = memory.workflows[name];
		if (known?.hash === hash && (await client.hasWorkflow(known.id))) {
			ids[name] = known.id;
			kept.earlier.add(known.id);
			continue;
		}
		// An older version of the form would hold the form's address.
		if (known) await client.deactivate(known.id);
		ids[name] = await store(client, kept, name);
	}
	kept.save();
	await client.pageReady('/form/picture');
	return ids;
}

async function store(client: N8nClient, kept: DemoFolder, name: string): Promise<string> {
	const { memory } = kept;
	const workflow = example(name, { [credentialType]: memory.credential ?? '' });
	const stored = await client.createWorkflow(workflow);
	if (workflow.nodes.some((node) => node.type.endsWith('.formTrigger'))) await client.activate(stored);
	memory.workflows[name] = { id: stored.id, hash: hashOf(workflow) };
	kept.save();
	return stored.id;
}

/**
 * The stored workflow belongs to the user, who may have changed it: where it makes no image any more,
 * it stays as it is, and a new copy of the example is stored and run instead.
 */
async function makeFirstImage(client: N8nClient, kept: DemoFolder, workflows: Record<string, string>): Promise<string> {
	const known = workflows['first-image'];
	const bytes = await firstImage(client, known).catch(async (error: Error) => {
		if (!kept.earlier.has(known)) throw error;
		say(`The workflow of an earlier run makes no image any more (${error.message.trim()}). A new copy is stored.`);
		workflows['first-image'] = await store(client, kept, 'first-image');
		return await firstImage(client, workflows['first-image']);
	});
	const folder = join(repository, 'demo-output');
	mkdirSync(folder, { recursive: true });
	const file = join(folder, 'first-image.jpg');
	writeFileSync(file, bytes);
	return file;
}

async function firstImage(client: N8nClient, workflowId: string): Promise<Buffer> {
	const workflow = example('first-image', {});
	const execution = await client.finished(
		await client.run(workflowId, nodeOf(workflow, '.manualTrigger')),
		FIRST_IMAGE_MS,
	);
	return await client.bytes(imageOf(execution, nodeOf(workflow, '.runPod')));
}
