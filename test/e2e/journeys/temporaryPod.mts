/** The example that captions a folder on a temporary Pod, with a Pod that is a real worker. */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import axios from 'axios';
import { example, itemsOf } from '../../../scripts/running/examples.mts';
import type { Execution, Workflow } from '../../../scripts/running/n8nClient.mts';
import { GPU, savePodToken, startWorkersInPods } from '../realPods.mts';
import type { Stand } from '../stand.mts';

export function temporaryPod(stand: Stand): void {
	const folder = () => join(stand.files, 'images');
	let execution: Execution;
	let token: string;

	/** A picture of the demo's model, from the worker that runs already. */
	async function picture(prompt: string): Promise<Buffer> {
		const input = { route: 'create', prompt, width: 256, height: 256, steps: 20, cfg_scale: 5, seed: 7 };
		const headers = { authorization: `Bearer ${stand.pod.token}` };
		const { data } = await axios.post(`${stand.pod.url}/runsync`, { input }, { headers, proxy: false });
		return Buffer.from((data as { output: { image: string } }).output.image, 'base64');
	}

	/** The example as a user fills it in: folder, GPU and model of this account. */
	function workflow(credential: string): Workflow {
		const filled = example('caption-folder', { runPodApi: stand.credentials.runPodApi, runPodWorkerApi: credential });
		const set = (name: string, parameters: Record<string, unknown>) =>
			Object.assign(filled.nodes.find((node) => node.name === name)!.parameters, parameters);
		set('Images', { fileSelector: `${folder()}/*.{jpg,jpeg,png,webp}` });
		set('Pod', { gpuTypes: [GPU], readiness: { pollS: 1 } });
		set('Caption', { model: 'blip' });
		return filled;
	}

	beforeAll(async () => {
		startWorkersInPods(stand.emulator, stand.prepared.python);
		const cat = await picture('a cat on a yellow background');
		const files = {
			'a-cat.jpg': cat,
			// It begins like an image, so only the worker finds out.
			'broken.jpg': cat.subarray(0, cat.length / 2),
			'penguin.jpg': await picture('a penguin on a blue background'),
		};
		mkdirSync(folder());
		for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder(), name), bytes);
		const saved = await savePodToken(stand.client, stand.emulator);
		token = saved.token;
		execution = await stand.run(workflow(saved.id));
	}, 240_000);

	const calls = () => stand.emulator.control.snapshot().podCalls;

	it('comes to its end, with a failed image among the captions', () => {
		expect(execution.error).toBeUndefined();
		expect(execution.status).toBe('success');
		const [pod] = itemsOf(execution, 'Pod');
		expect(pod.json).toMatchObject({ name: 'n8n-runpod-captions', created: true, state: 'ready', health: 'PASSED' });
		const said = itemsOf(execution, 'Caption').map(({ json }) => json.caption ?? (json.details as { code: string }).code);
		expect(said).toEqual([expect.stringMatching(/\bcat\b.*\byellow\b/), 'UNSUPPORTED_IMAGE', expect.stringContaining('penguin')]);
	});

	it('has terminated its Pod, and paid for one', () => {
		const { pods, openPods, podUsd } = stand.emulator.control.snapshot();
		expect(itemsOf(execution, 'Remove Pod')).toMatchObject([{ json: { terminated: true, was_gone: false } }]);
		expect(openPods).toEqual([]);
		expect(pods).toMatchObject([{ name: 'n8n-runpod-captions', status: 'TERMINATED', gpu: GPU }]);
		expect(podUsd).toBeGreaterThan(0);
	});

	it('packs each image and its text into one archive', async () => {
		const [{ binary }] = itemsOf(execution, 'Training set');
		const file = join(stand.files, 'training-set.zip');
		writeFileSync(file, await stand.client.bytes(binary!.data));
		const list = 'import json, sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(json.dumps({n: z.read(n).decode("utf8") if n.endswith(".txt") else len(z.read(n)) for n in z.namelist()}))';
		const { stdout } = await promisify(execFile)(stand.prepared.python, ['-c', list, file]);
		expect(JSON.parse(stdout)).toEqual({
			'a-cat.jpg': expect.any(Number),
			'a-cat.txt': expect.stringMatching(/^ohwx, .*\bcat\b/),
			'penguin.jpg': expect.any(Number),
			'penguin.txt': expect.stringMatching(/^ohwx, .*\bpenguin\b/),
		});
	});

	it('opened the worker with the token of its own credential, and showed it nowhere', () => {
		const { requests, leaks } = stand.emulator.control.snapshot();
		const created = requests.find(({ operation }) => operation === 'pod-create')!;
		expect(created.body).toMatchObject({ env: { AUTH_TOKEN: token, MODEL_SET: 'caption' } });
		const answered = calls().filter(({ status }) => status === 200);
		expect(answered.map(({ path }) => path)).toEqual(expect.arrayContaining(['/health', '/run']));
		for (const { headers } of answered) expect(headers.authorization).toBe(`Bearer ${token}`);
		expect(JSON.stringify(execution)).not.toContain(token);
		expect(leaks).toEqual([]);
	});

	it('makes no Pod for an empty folder', async () => {
		const empty = workflow('');
		const [images] = empty.nodes.filter(({ name }) => name === 'Images');
		Object.assign(images.parameters, { fileSelector: `${folder()}/*.tiff` });
		const { length } = stand.emulator.control.snapshot().pods;
		expect((await stand.run(empty)).error?.message).toContain('No file');
		expect(stand.emulator.control.snapshot().pods).toHaveLength(length);
	});
}
