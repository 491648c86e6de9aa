/** Pictures of the node beside an account: an emulated one, whose catalog has RunPod's names and invented prices. */
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { DEFAULT_KEY, startEmulator } from '../../emulator/server.mts';
import type { AccountChange } from '../../emulator/server.mts';
import type { Demo } from './demo.mts';
import { execute, openList, openPanel } from './editor.mts';

const CATALOG: AccountChange = {
	gpus: [
		{ id: 'NVIDIA RTX A4000', name: 'RTX A4000', pool: 'AMPERE_16', memory: 16, price: 0.2, availability: 'HIGH' },
		{ id: 'NVIDIA RTX A5000', name: 'RTX A5000', pool: 'AMPERE_24', memory: 24, price: 0.3, availability: 'LOW' },
		{ id: 'NVIDIA GeForce RTX 4090', name: 'RTX 4090', pool: 'ADA_24', memory: 24, price: 0.7, availability: 'HIGH' },
		{ id: 'NVIDIA L40S', name: 'L40S', pool: 'ADA_48_PRO', memory: 48, price: 0.9, availability: 'MEDIUM' },
		{ id: 'NVIDIA A100 80GB PCIe', name: 'A100 PCIe', pool: 'AMPERE_80', memory: 80, price: 1.6, availability: 'NONE' },
	],
};

const pod = {
	resource: 'pod',
	operation: 'create',
	name: 'captions',
	image: 'ghcr.io/your-name/runpod-studio-worker:1.0.0',
	gpuTypes: ['NVIDIA RTX A5000', 'NVIDIA GeForce RTX 4090'],
	// RunPod's own proxy cannot be reached from here.
	waitUntilReady: false,
};

/** Stores a workflow in the demo's n8n, photographs it, and takes it away again. */
export async function photographAccount(page: Page, { client }: Demo, folder: string): Promise<void> {
	const emulator = await startEmulator();
	emulator.control.account.change(CATALOG);
	const credential = await client.saveCredential('RunPod (pictures)', 'runPodApi', {
		apiKey: DEFAULT_KEY,
		jobBaseUrl: `${emulator.url}/v2`,
		managementBaseUrl: `${emulator.url}/management/v2`,
	});
	const node = (name: string, type: string, x: number, parameters = {}, more = {}) => ({
		id: name,
		name,
		type,
		typeVersion: 1,
		position: [x, 0],
		parameters,
		...more,
	});
	const { id } = await client.createWorkflow({
		name: 'A Pod',
		nodes: [
			node('Start', 'n8n-nodes-base.manualTrigger', 0),
			node('Pod', 'n8n-nodes-runpod-studio.runPod', 240, pod, {
				credentials: { runPodApi: { id: credential, name: 'RunPod (pictures)' } },
			}),
		],
		connections: { Start: { main: [[{ node: 'Pod', type: 'main', index: 0 }]] } },
	});
	try {
		await execute(page, `${client.url}/workflow/${id}`, 'Pod');
		await openPanel(page, 'Pod');
		await page.waitForTimeout(1500);
		await page.screenshot({ path: join(folder, 'pod-create.png') });
		await openList(page, 'gpuTypes', 'stock');
		await page.waitForTimeout(500);
		await page.screenshot({ path: join(folder, 'gpu-types.png') });
	} finally {
		await client.removeWorkflow(id);
		await client.removeCredential(credential);
		await emulator.close();
	}
}
