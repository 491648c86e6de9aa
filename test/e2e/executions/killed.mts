/** n8n is killed hard while executions poll, wait on a Pod and are parked, and is started again. */
import axios from 'axios';
import { itemsOf } from '../../../scripts/running/examples.mts';
import { savePodToken, startWorkersInPods } from '../realPods.mts';
import { pictureAfter, seenOf } from '../scripted.mts';
import type { Scripted } from '../scripted.mts';
import { until } from '../until.mts';
import { chain, endPod, keep, manual, newPod, onPod, ours, prompts, runPod, RUNPOD } from '../workflows.mts';

export function killed(stand: Scripted): void {
	const ofPolled = () => seenOf(stand.emulator, 'polled');
	const ofParked = () => ['a', 'b', 'c'].flatMap((prompt) => seenOf(stand.emulator, prompt).submits);
	let polled: string;
	let parked: string;
	let onOwnPod: string;
	let podToken: string;
	let log: string;
	const pods = () => stand.emulator.control.snapshot();

	/** A Pod that runs the real worker, and a job on it that takes a while. */
	async function startOnPod(): Promise<string> {
		const { client, credential, emulator, prepared } = stand;
		startWorkersInPods(emulator, prepared.python);
		podToken = (await savePodToken(client, emulator)).id;
		const access = { runPodApi: credential, runPodWorkerApi: podToken };
		const long = { prompt: 'a cat on a yellow background', width: 256, height: 256, steps: 150 };
		return await stand.start(chain('On a Pod', [manual(), newPod('killed', access), onPod(long, access), endPod(access)]));
	}

	/** What Terminate Idle makes of the Pods that are there. */
	async function reap(): Promise<Array<Record<string, unknown>>> {
		// No Request alone: a worker without a GPU has no other clock.
		const rules = { idleWhen: 'request', requestIdleS: 1 };
		const parameters = { resource: 'pod', operation: 'terminateIdle', ...rules };
		const reaper = ours('Reaper', parameters, { runPodApi: stand.credential, runPodWorkerApi: podToken });
		const execution = await stand.finished(await stand.start(chain('Reaper', [manual(), reaper])));
		expect(execution.error).toBeUndefined();
		return itemsOf(execution, 'Reaper').map(({ json }) => json);
	}

	beforeAll(async () => {
		const { emulator, client, credential } = stand;
		onOwnPod = await startOnPod();
		pictureAfter(emulator, 'polled', 9000);
		for (const [prompt, runMs] of Object.entries({ a: 9000, b: 6000, c: 3000 })) pictureAfter(emulator, prompt, runMs);
		polled = await stand.start(chain('Polled', [manual(), runPod(credential, { prompt: 'polled' })]));
		const waiting = runPod(credential, { waitForResult: 'callback' });
		const behind = keep('After', '$("Each").item.json.prompt');
		// A name that has to be quoted in expressions.
		waiting.name = 'My "Pictures"';
		parked = await stand.start(chain('Parked', [manual(), ...prompts('a', 'b', 'c'), waiting, behind]));
		await until('the first execution polls', () => ofPolled().reads.length > 1);
		await until('the second execution is parked', async () => (await client.execution(parked)).status === 'waiting');
		const submits = ofParked();
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
		expect((await client.execution(parked)).status).toBe('waiting');

		await until('the Pod has a job', async () => {
			await emulator.control.advance(0);
			return pods().podCalls.some(({ path, status }) => path === '/run' && status === 200);
		});

		log = await stand.killAndRestart();
		await emulator.control.advance(10_000);
	});

	it('leaves a parked execution that goes on when its jobs call', async () => {
		const execution = await stand.finished(parked);
		expect(execution.error).toBeUndefined();
		expect(execution.status).toBe('success');
		const pictures = itemsOf(execution, 'My "Pictures"');
		expect(pictures.map(({ json }) => json.prompt)).toEqual(['a', 'b', 'c']);
		expect(pictures.every(({ binary }) => binary?.data !== undefined)).toBe(true);
		expect(itemsOf(execution, 'After').map(({ json }) => json.kept)).toEqual(['a', 'b', 'c']);
		expect(ofParked()).toHaveLength(3);
	});

	it('leaves a polled job running, with its ID in the log of the server', async () => {
		const execution = await stand.finished(polled);
		expect(execution.status).toBe('crashed');
		expect(ofPolled()).toMatchObject({ states: ['COMPLETED'], cancels: [] });
		const [jobId] = ofPolled().jobIds;
		expect(log).toContain(`RunPod job ${jobId} was submitted to studio (execution ${polled}, node 'RunPod', item 0)`);
		// Nothing else is left of it: custom data is stored at the end of an execution only.
		expect(execution).toMatchObject({ customData: {}, error: { message: expect.stringMatching(/did not finish/) } });
	});

	it('lets Job > Poll Status hand on the result of that job, which was submitted once', async () => {
		const [, jobId] = new RegExp(`RunPod job (\\S+) was submitted to studio \\(execution ${polled},`).exec(log) ?? [];
		const collect = runPod(stand.credential, { resource: 'job', operation: 'pollStatus', jobId });
		const id = await stand.start(chain('Collect', [manual(), collect]));
		const execution = await stand.finished(id);
		expect(execution.error).toBeUndefined();
		const [item] = itemsOf(execution, RUNPOD);
		expect(item).toMatchObject({ json: { prompt: 'polled' }, binary: { data: { mimeType: 'image/png' } } });
		expect(ofPolled().submits).toHaveLength(1);
	});

	it('leaves a Pod, which Terminate Idle finds as soon as its job is done', async () => {
		expect((await stand.finished(onOwnPod)).status).toBe('crashed');
		expect(pods().openPods).toHaveLength(1);
		const said: Array<Record<string, unknown>> = [];
		await until('the Pod is terminated', async () => {
			said.push(...(await reap()));
			return pods().openPods.length === 0;
		});
		for (const { action, reason } of said.slice(0, -1)) {
			expect([action, reason]).toEqual(['none', expect.stringMatching(/^(Busy: 1 job|Not idle yet\. No Request: \d+ s of 1 s)/)]);
		}
		expect(said.at(-1)).toMatchObject({ name: 'n8n-runpod-killed', action: 'terminate', done: true });
		expect(pods()).toMatchObject({ openPods: [], leaks: [] });
	});
}
