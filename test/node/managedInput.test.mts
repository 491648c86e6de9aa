/** Bad input of the management operations: a sentence with field, value and limit, and nothing created. */
import type { INodeParameters } from 'n8n-workflow';
import type { Setup } from './harness.mts';
import { failed, ledger, managed, podSetup, useAccount } from './managed.mts';
import { locator } from './platform.mts';

useAccount();

const pod = (parameters: INodeParameters) => podSetup(parameters);
const all: Array<[string, () => Setup]> = [
	["'Name' must not be empty", () => pod({ name: '' })],
	["'Image' or 'Template ID' is required", () => pod({ image: '' })],
	["'Image' and 'Template ID' exclude each other", () => pod({ templateId: 'tpl' })],
	["'GPU Types' has 'RTX 9999', which RunPod does not know", () => pod({ gpuTypes: ['RTX 9999'] })],
	[
		"'Container Disk (GB)' must be between 20 and 4096, not 10.",
		() => pod({ containerDiskGb: 10 }),
	],
	["'Pod' must be the bare ID", () => managed('pod', 'terminate', { pod: locator('a/b') })],
	[
		"'GPU Pools' has 'ADA_99', which RunPod does not know. It knows ADA_24",
		() => managed('endpoint', 'create', { name: 'a', gpuPools: ['ADA_99'] }),
	],
	["'Name Tag' must not be empty", () => managed('pod', 'terminateIdle', { nameTag: ' ' })],
	[
		"'Size (GB)' must be between 10 and 4096, not 5.",
		() => managed('networkVolume', 'create', { name: 'a', dataCenter: locator('EM-1'), sizeGb: 5 }),
	],
	["'Name' must not be empty", () => managed('endpoint', 'create', {})],
	[
		"'GPU Pools' must have 0 to 3 values, not 4.",
		() => managed('endpoint', 'create', { name: 'a', gpuPools: ['A', 'B', 'C', 'D'] }),
	],
	[
		"'Image' and 'Template ID' exclude each other",
		() => managed('endpoint', 'create', { name: 'a', image: 'me/own:1', templateId: 'tpl' }),
	],
	["'Ports' has '8000'; a port looks like 8000/http or 22/tcp.", () => pod({ ports: '8000' })],
	[
		"'Volume Disk (GB)' must be 0 for none, or between 20 and 4096, not 10.",
		() => pod({ volumeDiskGb: 10 }),
	],
	["'Pod Spec (JSON)' is not valid JSON", () => pod({ podOptions: { podSpec: '{' } })],
	[
		"'Pod Spec (JSON)': 'interruptible' - spot Pods are gone",
		() => pod({ podOptions: { podSpec: '{"interruptible": true}' } }),
	],
	[
		"'Environment' has the name 'A-B'",
		() => pod({ environment: { variable: [{ name: 'A-B', value: '1' }] } }),
	],
	["'Start' must be a time, not 'soon'.", () => managed('billing', 'get', { startTime: 'soon' })],
];

test.each(all)('%s', async (text, setup) => {
	const { error } = await failed(setup());
	expect(error!.message).toContain(text);
	expect(ledger().requests.filter(({ method }) => method !== 'GET')).toEqual([]);
});
