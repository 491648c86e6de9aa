/** Names of Pods, what is sent for a new one, and how other configurations are read. */
import { readCatalog } from '../../nodes/RunPod/core/catalog.ts';
import { hasTag, podNameOf, podStateOf, slugOf } from '../../nodes/RunPod/core/pods.ts';
import { readPodSpec } from '../../nodes/RunPod/core/podSpec.ts';
import { candidatesOf, checkWish, podBody } from '../../nodes/RunPod/core/podWish.ts';
import type { PodWish } from '../../nodes/RunPod/core/podWish.ts';

const wish: PodWish = {
	tag: 'n8n-runpod',
	ownerKey: '',
	name: 'captions',
	image: 'me/worker:1',
	templateId: '',
	gpuTypes: ['NVIDIA RTX A4000'],
	gpuOrder: 'asListed',
	gpuCount: 1,
	cloud: 'SECURE',
	containerDiskGb: 50,
	volumeDiskGb: 50,
	networkVolume: '',
	mountPath: '/workspace',
	dataCenters: [],
	ports: ['8000/http'],
	env: {},
	args: '',
	cudaVersions: [],
	minCudaVersion: '',
	registry: '',
	globalNetworking: false,
	startSsh: false,
	startJupyter: false,
};

test.each([
	['User-42', 'user-42'],
	['a.b@c d', 'a-b-c-d'],
	['Ünï_cödé', '-n-_c-d-'],
	['UPPER_lower-9', 'upper_lower-9'],
	['', ''],
	['x'.repeat(90), 'x'.repeat(60)],
])('slug of %s', (text, slug) => expect(slugOf(text)).toBe(slug));

test('a name is tag and slug, and the tag ends where the slug begins', () => {
	expect(podNameOf('n8n-runpod', 'Ann Lee')).toBe('n8n-runpod-ann-lee');
	expect(hasTag({ name: 'n8n-runpod-ann' }, 'n8n-runpod')).toBe(true);
	expect(hasTag({ name: 'n8n-runpodder' }, 'n8n-runpod')).toBe(false);
	expect(hasTag({ name: '-x' }, '')).toBe(false);
});

test('an unknown status is no end', () => {
	expect(
		['PROVISIONING', 'RUNNING', 'EXITED', 'ERROR', 'NEW'].map((word) => podStateOf(word)),
	).toEqual(['creating', 'starting', 'stopped', 'failed', 'pending']);
	expect(podStateOf('RUNNING', true)).toBe('ready');
});

test('the body has the count, the disks of 50 GB and no open doors', () => {
	expect(podBody(wish, { gpu: 'NVIDIA RTX A4000', cloud: 'SECURE' })).toEqual({
		name: 'n8n-runpod-captions',
		image: 'me/worker:1',
		gpu: { id: 'NVIDIA RTX A4000', count: 1 },
		cloud: 'SECURE',
		disk: 50,
		ports: ['8000/http'],
		env: {},
		mounts: { persistent: { size: 50, path: '/workspace' } },
		startSsh: false,
		startJupyter: false,
	});
});

test('CUDA versions are an exact list or the least one', () => {
	const gpuOf = (more: object) => podBody({ ...wish, ...more }, { gpu: 'A', cloud: 'SECURE' }).gpu;
	expect(gpuOf({ cudaVersions: ['12.6', '12.8'] })).toEqual({
		id: 'A',
		count: 1,
		allowedCudaVersions: ['12.6', '12.8'],
	});
	expect(gpuOf({ minCudaVersion: '12.8' })).toEqual({ id: 'A', count: 1, minCudaVersion: '12.8' });
});

test('a network volume takes the place of the volume disk; 0 GB is none', () => {
	const candidate = { gpu: 'g', cloud: 'SECURE' as const };
	expect(podBody({ ...wish, networkVolume: 'vol1' }, candidate).mounts).toEqual({
		network: [{ volumeId: 'vol1', path: '/workspace' }],
	});
	expect(podBody({ ...wish, volumeDiskGb: 0 }, candidate)).not.toHaveProperty('mounts');
});

test.each([
	[{ name: '' }, "'Name' must not be empty"],
	[{ image: '' }, "'Image' or 'Template ID' is required"],
	[{ templateId: 't' }, "'Image' and 'Template ID' exclude each other"],
	[{ gpuTypes: [] }, "'GPU Types' must not be empty."],
	[{ containerDiskGb: 10 }, "'Container Disk (GB)' must be between 20 and 4096, not 10."],
	[{ volumeDiskGb: 10 }, "'Volume Disk (GB)' must be 0 for none, or between 20 and 4096, not 10."],
	[{ gpuCount: 0 }, "'GPU Count' must be between 1 and 10, not 0."],
	[{ cloud: 'SPOT' }, "'Cloud' must be one of SECURE, COMMUNITY, ANY, not 'SPOT'."],
	[{ ports: ['8000'] }, "'Ports' has '8000'; a port looks like 8000/http or 22/tcp."],
	[
		{ ports: Array.from({ length: 11 }, (_, n) => `${n + 1}/http`) },
		"'Ports' has 11 HTTP ports; the limit is 10.",
	],
	[{ cudaVersions: ['12'] }, "'CUDA Versions' has '12'; a version looks like 12.8."],
])('%o is refused', (change, text) => {
	expect(() => checkWish({ ...wish, ...change })).toThrow(text);
});

describe('candidates', () => {
	const known = readCatalog({
		gpus: [
			{ id: 'A', availability: 'NONE', price: { secure: 1, community: 0.1 } },
			{ id: 'B', availability: 'LOW', price: { secure: 3, community: 2 }, community: false },
			{ id: 'C', availability: 'HIGH', price: { secure: 2, community: 2.5 } },
		],
	});
	const order = (gpuOrder: string, cloud = 'SECURE') =>
		candidatesOf({ ...wish, gpuTypes: ['A', 'B', 'C'], gpuOrder, cloud }, known)
			.map((one) => `${one.gpu}${one.cloud[0]}`)
			.join(' ');

	test('as listed, those without stock last', () => expect(order('asListed')).toBe('BS CS AS'));
	test('largest stock first', () => expect(order('stock')).toBe('CS BS AS'));
	test('lowest price of the cloud first', () => expect(order('price')).toBe('CS BS AS'));
	test('any cloud: Secure for all, then Community where it is offered', () =>
		expect(order('asListed', 'ANY')).toBe('BS CS AS CC AC'));
	test('without a catalog the list of the user counts', () =>
		expect(candidatesOf({ ...wish, gpuTypes: ['X', 'Y'] }).map(({ gpu }) => gpu)).toEqual([
			'X',
			'Y',
		]));
});

describe('Pod Spec', () => {
	test("the gateway's configuration", () => {
		const {
			wish: read,
			settings,
			elsewhere,
		} = readPodSpec({
			template_id: null,
			image_name: 'comfy/gateway:1',
			proxy_port: 8188,
			startup_timeout_s: 360,
			startup_poll_s: 5,
			idle_timeout_s: 900,
			failure_backoff_s: 30,
			gpu_type_id: 'NVIDIA RTX A4000',
			gpu_count: 2,
			volume_gb: 20,
			cloud_type: 'ALL',
			max_active_sessions: 4,
			telemetry_port: 8000,
			telemetry_path: '/metrics',
			telemetry_poll_s: 60,
			telemetry_idle_s: 600,
			telemetry_gpu_threshold: 0,
			pod_name_tag: 'comfy',
			extra_payload: {
				networkVolumeId: 'vol1',
				volumeMountPath: '/workspace',
				dataCenterId: 'EU-RO-1',
			},
		});
		expect(read).toEqual({
			image: 'comfy/gateway:1',
			templateId: '',
			gpuTypes: ['NVIDIA RTX A4000'],
			gpuCount: 2,
			volumeDiskGb: 20,
			cloud: 'ANY',
			tag: 'comfy',
			networkVolume: 'vol1',
			mountPath: '/workspace',
			dataCenters: ['EU-RO-1'],
		});
		expect(settings).toEqual({
			port: 8188,
			readyTimeoutS: 360,
			pollS: 5,
			failureBackoffS: 30,
			maxPods: 4,
		});
		expect(elsewhere).toHaveLength(6);
	});

	test('names of API v1', () => {
		const text = JSON.stringify({
			imageName: 'a:1',
			gpuTypeIds: ['A', 'B'],
			cloudType: 'COMMUNITY',
			containerDiskInGb: 20,
			volumeInGb: 20,
			ports: '8188/http, 22/tcp',
			env: [{ key: 'A', value: 1 }],
			dockerStartCmd: ['python', '-u', 'my app.py'],
		});
		expect(readPodSpec(text).wish).toEqual({
			image: 'a:1',
			templateId: '',
			gpuTypes: ['A', 'B'],
			cloud: 'COMMUNITY',
			containerDiskGb: 20,
			volumeDiskGb: 20,
			ports: ['8188/http', '22/tcp'],
			env: { A: '1' },
			args: 'python -u "my app.py"',
		});
	});

	test('names of API v2', () => {
		const spec = {
			gpu: { id: 'A', count: 2, minCudaVersion: '12.8' },
			mounts: { network: [{ volumeId: 'v', path: '/data' }] },
			startSsh: true,
		};
		expect(readPodSpec(spec).wish).toEqual({
			gpuTypes: ['A'],
			gpuCount: 2,
			minCudaVersion: '12.8',
			networkVolume: 'v',
			mountPath: '/data',
			startSsh: true,
		});
	});

	test.each([
		['{ "a": }', 'is not valid JSON'],
		['[]', 'must be a JSON object'],
		['{"imagename":"x"}', "'imagename' - is not known"],
		['{"interruptible":true}', 'spot Pods are gone'],
		['{"gpuCount":"two"}', '\'gpuCount\' must be a number, not "two"'],
		['{"gpu":{"type":"A"}}', "'gpu.type' is not known"],
	])('%s is refused', (text, message) => expect(() => readPodSpec(text)).toThrow(message));

	test('nothing is nothing', () => expect(readPodSpec('').wish).toEqual({}));
});
