/** The journeys of a user through a real n8n: a picture by either mode of the worker, Stop, bad input, the form. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findBrowser, sendForm, withBrowser } from '../../scripts/running/browser.mts';
import { choose, logIn, openPanel } from '../../scripts/running/editor.mts';
import { itemsOf } from '../../scripts/running/examples.mts';
import type { Execution } from '../../scripts/running/n8nClient.mts';
import { temporaryPod } from './journeys/temporaryPod.mts';
import { ENDPOINT, LOGIN, RUN_MS, Stand } from './stand.mts';
import type { Look } from './stand.mts';
import { until } from './until.mts';

jest.setTimeout(2 * RUN_MS);
const stand = new Stand();
beforeAll(() => stand.open(), 2 * RUN_MS);
afterAll(() => stand.close(), 60_000);

/** Whether the picture has an object on a ground of about this colour. */
function expectPicture(look: Look, ground: [number, number, number]): void {
	for (const [index, channel] of ground.entries()) {
		expect(Math.abs(look.ground[index] - channel)).toBeLessThan(60);
	}
	expect(look.deviation).toBeGreaterThan(15);
	expect(look.object_share).toBeGreaterThan(0.1);
}

/** Objects and grounds that the demo's models know. */
const TWELVE = [
	['cat', 'yellow'], ['penguin', 'blue'], ['apple', 'green'], ['rocket', 'gray'], ['frog', 'pink'], ['cat', 'red'],
	['sunflower', 'blue'], ['donut', 'purple'], ['car', 'yellow'], ['owl', 'green'], ['cactus', 'orange'], ['penguin', 'red'],
];

const YELLOW: [number, number, number] = [246, 204, 62];
const BLUE: [number, number, number] = [70, 130, 220];

function message(execution: Execution): string {
	return `${execution.error?.message ?? ''} ${execution.error?.description ?? ''}`;
}

describe('the first image', () => {
	let fromPod: Buffer;

	it("the credential's Test button finds the worker", async () => {
		const credential = { id: stand.credentials.runPodWorkerApi, name: 'RunPod Worker', type: 'runPodWorkerApi' };
		expect(await stand.client.testCredential({ ...credential, data: stand.worker() })).toMatchObject({ status: 'OK' });
		const wrong = await stand.client.testCredential({ ...credential, data: { ...stand.worker(), token: 'wrong' } });
		expect(wrong).toMatchObject({ status: 'Error', message: expect.stringContaining('did not accept the token') });
	});

	it('comes from a worker in pod mode and shows what the prompt says', async () => {
		const execution = await stand.run(stand.onWorker('first-image'));
		expect(message(execution)).toBe(' ');
		expect(execution.status).toBe('success');
		fromPod = await stand.imageBytes(execution, 'RunPod');
		const look = await stand.look(fromPod);
		expect(look).toMatchObject({ format: 'JPEG', width: 512, height: 512 });
		expectPicture(look, YELLOW);
		if (look.judge) expect(look.judge).toEqual({ object: 'cat', ground: 'yellow' });
		// The picture is binary data, not text in the execution.
		expect(JSON.stringify(itemsOf(execution, 'RunPod')[0].json).length).toBeLessThan(10_000);
	});

	it('is the same, byte for byte, from a serverless worker with the RunPod SDK', async () => {
		const execution = await stand.run(stand.onEndpoint('first-image'));
		expect(message(execution)).toBe(' ');
		const bytes = await stand.imageBytes(execution, 'RunPod');
		expect(bytes.equals(fromPod)).toBe(true);
		const ledger = stand.emulator.control.snapshot();
		expect(ledger.submits).toHaveLength(1);
		expect(ledger.jobs).toMatchObject([{ endpointId: ENDPOINT, state: 'COMPLETED', readsAfterFinal: 0 }]);
		expect(ledger.cancels).toHaveLength(0);
	});

	it('submitted without waiting, is collected by its job ID', async () => {
		const execution = await stand.run(stand.onWorker('poll-by-id'));
		expect(message(execution)).toBe(' ');
		expectPicture(await stand.look(await stand.imageBytes(execution, 'Collect')), BLUE);
	});
});

describe('captions', () => {
	it('of a picture says what the prompt of the picture said', async () => {
		const execution = await stand.run(stand.onWorker('picture-and-caption'));
		expect(message(execution)).toBe(' ');
		const [{ json, binary }] = itemsOf(execution, 'Caption');
		expect(json.caption).toMatch(/\bcat\b.*\byellow\b/);
		expect(json.summary).toEqual({ ok: 1, failed: 0 });
		expect(Object.keys(binary ?? {}).sort()).toEqual(['caption', 'data']);
		expect((await stand.client.bytes((binary ?? {}).caption)).toString('utf8')).toBe(json.caption);
	});

	it('of twelve pictures with a broken file among them: eleven texts and one failed item, in order', async () => {
		const wanted = TWELVE.map(([object, ground]) => ({ json: { prompt: `a ${object} on a ${ground} background`, object } }));
		const workflow = stand.onWorker('picture-and-caption');
		const [trigger, picture, caption] = workflow.nodes;
		const code = (name: string, jsCode: string, n: number) => ({
			...trigger,
			id: `b0000000-0000-4000-8000-00000000000${n}`,
			name,
			type: 'n8n-nodes-base.code',
			typeVersion: 2,
			parameters: { jsCode },
		});
		const broken = { data: Buffer.from('this is no picture').toString('base64'), mimeType: 'image/png', fileName: 'broken.png' };
		workflow.nodes = [
			trigger,
			code('Prompts', `return ${JSON.stringify(wanted)};`, 1),
			{ ...picture, parameters: { ...picture.parameters, prompt: '={{ $json.prompt }}', width: 256, height: 256 } },
			code('Break one', `const items = $input.all(); items[5].binary = { data: ${JSON.stringify(broken)} }; return items;`, 2),
			{ ...caption, onError: 'continueRegularOutput' } as typeof caption,
		];
		const chain = workflow.nodes.map(({ name }) => name);
		workflow.connections = Object.fromEntries(
			chain.slice(1).map((node, at) => [chain[at], { main: [[{ node, type: 'main', index: 0 }]] }]),
		);
		const execution = await stand.run(workflow);
		expect(message(execution)).toBe(' ');
		const out = itemsOf(execution, 'Caption');
		expect(out).toHaveLength(12);
		expect(out[5].json).toMatchObject({ details: { code: 'UNSUPPORTED_IMAGE' } });
		expect(out[4].json.summary).toEqual({ ok: 11, failed: 1 });
		expect(out[11].binary?.caption).toMatchObject({ fileName: expect.stringMatching(/\.txt$/), mimeType: 'text/plain' });
		const right = out.filter(({ json }, n) => TWELVE[n].every((word) => String(json.caption).includes(word)));
		// The demo's models are small: one of eleven may be called by another name.
		expect(right.length).toBeGreaterThanOrEqual(10);
	});
});

describe('a folder captioned on a temporary Pod', () => temporaryPod(stand));

describe('Stop in the editor', () => {
	it('ends the job on the worker between two steps, by exactly one cancel', async () => {
		const { control } = stand.emulator;
		const first = control.snapshot();
		// The ledger's lists grow: what counts is how long they were.
		const [jobs, submits, cancels] = [first.jobs.length, first.submits.length, first.cancels.length];
		const job = () => control.snapshot().jobs[jobs];
		const reports = () =>
			control.snapshot().requests.filter((one) => one.operation === 'job-done' && one.jobId === job()?.id);
		const executionId = await stand.start(stand.onEndpoint('first-image', { steps: 150 }));
		await until('the worker has reported steps', () => job() !== undefined && reports().length > 3);
		await stand.client.stop(executionId);

		await until('the job is cancelled', () => job().state === 'CANCELLED');
		const execution = await stand.client.finished(executionId, RUN_MS);
		expect(execution.status).toBe('canceled');
		const log = (): string => readFileSync(join(stand.folder, 'serverless.log'), 'utf8');
		await until('the worker has let go of the job', () => log().includes(`job ${job().id} was cancelled`));

		const after = control.snapshot();
		expect(after.cancels.slice(cancels)).toMatchObject([{ jobId: job().id, changed: true }]);
		expect(after.submits).toHaveLength(submits + 1);
		// The SDK asks for stop signals up to a second apart, so steps go on until the worker is told; then
		// the job ends between two of them, far from its last one, and nothing of it is posted any more.
		const reported = reports().length;
		expect(reported).toBeLessThan(120);
		await sleep(1000);
		expect(reports()).toHaveLength(reported);
		expect(after.incidents.filter((one) => one.kind.includes('result'))).toEqual([]);
	});

	it('leaves a worker that makes the next picture', async () => {
		expect((await stand.run(stand.onEndpoint('first-image'))).status).toBe('success');
	});
});

describe('bad input costs nothing and is told with its remedy', () => {
	const cases: Array<[string, Record<string, unknown>, RegExp]> = [
		['an empty prompt', { prompt: ' ' }, /Prompt/],
		['a width that is no multiple of 8', { width: 500 }, /Width must be a multiple of 8; nearest: 504/],
		['a width out of range', { width: 4096 }, /Width.*2048/s],
		['a pasted URL as endpoint ID', { endpoint: { __rl: true, mode: 'id', value: 'https://x/y' } }, /Endpoint ID must be the bare ID/],
		['an endpoint of another account', { endpoint: { __rl: true, mode: 'id', value: 'foreign' } }, /'foreign' was not found with this key/],
	];
	it.each(cases)('%s', async (_name, parameters, sentence) => {
		const before = stand.emulator.control.snapshot().submits.length;
		const execution = await stand.run(stand.onEndpoint('first-image', parameters));
		expect(execution.status).toBe('error');
		expect(message(execution)).toMatch(sentence);
		expect(stand.emulator.control.snapshot().submits).toHaveLength(before);
	});

	it('a worker that is not running', async () => {
		const execution = await stand.run(stand.onWorker('first-image', { workerUrl: 'http://127.0.0.1:9' }));
		expect(execution.status).toBe('error');
		expect(message(execution)).toMatch(/Nothing was submitted: the connection was refused/);
	});
});

const browser = findBrowser();
const needed = browser ? it : it.skip;
const why = browser ? '' : ' (no browser was found: install chromium, e.g. apt-get install chromium)';

describe("the node's panel in the editor", () => {
	needed(`offers both places to run on, each with its own field and credential${why}`, async () => {
		const { id } = await stand.client.createWorkflow(stand.onWorker('first-image'));
		await withBrowser(browser ?? '', async (one) => {
			const page = await one.newPage();
			await logIn(page, stand.client.url, LOGIN);
			await page.goto(`${stand.client.url}/workflow/${id}`);
			await openPanel(page, 'RunPod');
			const onEndpoint = await choose(page, 'runOn', 'RunPod Endpoint');
			expect(onEndpoint).toEqual(expect.arrayContaining(['resource', 'operation', 'runOn', 'endpoint', 'prompt']));
			expect(onEndpoint).not.toContain('workerUrl');
			// The worker's credential does not fit there: another one is asked for.
			await page.getByPlaceholder('Select Credential').waitFor();
			const onWorker = await choose(page, 'runOn', 'Worker URL');
			expect(onWorker).toEqual(expect.arrayContaining(['runOn', 'workerUrl', 'prompt']));
			expect(onWorker).not.toContain('endpoint');
			await page.getByText('Credential for RunPod Worker API').waitFor();
		});
	});
});

describe('the form', () => {

	needed(`filled in by a browser, shows the picture on its page${why}`, async () => {
		const form = await stand.client.createWorkflow(stand.onWorker('image-form'));
		await stand.client.activate(form);
		await stand.client.pageReady('/form/picture', RUN_MS);
		const shown = await withBrowser(browser ?? '', async (one) =>
			sendForm(await one.newPage(), `${stand.client.url}/form/picture`, 'a penguin on a blue background'),
		);
		expect(shown).toMatchObject({ width: 512, height: 512 });
		const look = await stand.look(shown.bytes);
		expectPicture(look, BLUE);
	});
});
