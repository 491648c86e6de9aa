/** The forms in which workers send pictures, what the item tells, and what the user sees meanwhile. */
import { bytesOf, everything, runNode } from './harness.mts';
import { jpeg, png, studioWorker } from './pictures.mts';
import { generate, KEY, ledger, pollStatus, usePlatform, workerDoes } from './platform.mts';
import { startStub } from './stub.mts';
import type { Stub } from './stub.mts';

usePlatform();

const answer = (image: unknown) => ({
	...studioWorker({ route: 'create', prompt: 'a fox' }),
	image,
});

let store: Stub;
let pictures: Record<string, { status?: number; bytes?: Buffer; headers?: Record<string, string> }>;
beforeAll(async () => {
	store = await startStub(({ path }) => pictures[path] ?? { status: 404 });
});
afterAll(async () => await store.close());
beforeEach(() => {
	pictures = {};
	store.seen.length = 0;
});

test.each([
	['base64', (data: string) => data],
	['base64 in lines', (data: string) => data.replace(/(.{76})/g, '$1\n')],
	['a data URL', (data: string) => `data:image/jpeg;base64,${data}`],
])('%s gives the same bytes', async (_name, form) => {
	workerDoes({ output: answer(form(jpeg)) });
	const { items } = await runNode(generate());
	expect((await bytesOf(items[0].binary!.data)).toString('base64')).toBe(jpeg);
	expect(items[0].json.files).toMatchObject([{ mimeType: 'image/jpeg', width: 16, height: 8 }]);
});

test('a link gives the same bytes, without the key', async () => {
	pictures = { '/fox.png': { bytes: Buffer.from(png, 'base64') } };
	workerDoes({ output: answer(`${store.url}/fox.png`) });
	const { items } = await runNode(generate());
	const file = items[0].binary!.data;
	// The kind is read from the file itself, whatever the server or the name says.
	expect(file).toMatchObject({ mimeType: 'image/png', fileName: 'a red fox in the snow.png' });
	expect((await bytesOf(file)).toString('base64')).toBe(png);
	expect(items[0].json.files).toMatchObject([{ url: `${store.url}/fox.png`, bytes: 83 }]);
	expect(JSON.stringify(store.seen)).not.toContain(KEY);
});

test('a redirect of a link is followed, a link into nothing is told with the job', async () => {
	pictures = {
		'/moved': { status: 302, headers: { location: `${store.url}/fox.png` } },
		'/fox.png': { bytes: Buffer.from(png, 'base64') },
	};
	workerDoes({ times: 1, output: answer(`${store.url}/moved`) });
	workerDoes({ output: answer(`${store.url}/nothing`) });
	const first = await runNode(generate());
	expect(first.items[0].binary!.data.mimeType).toBe('image/png');
	const second = await runNode(generate());
	expect(second.status).toBe('error');
	expect(`${second.error!.message} ${second.error!.description}`).toContain(
		ledger().submits[1].jobId,
	);
	expect(everything(second)).not.toContain(KEY);
});

test('foreign shapes: an image under another name, and a list of links', async () => {
	pictures = { '/one.png': { bytes: Buffer.from(png, 'base64') } };
	workerDoes({ times: 1, output: { image_url: `data:image/png;base64,${png}`, seed: 3 } });
	workerDoes({
		output: {
			images: [
				{ url: `${store.url}/one.png`, seed: 5 },
				{ data: jpeg, seed: 6 },
			],
		},
	});
	const one = await runNode(generate());
	expect(one.items[0].json.seed).toBe(3);
	expect(one.items[0].binary!.data.mimeType).toBe('image/png');
	const two = await runNode(generate());
	expect(two.items.map(({ json }) => json.seed)).toEqual([5, 6]);
	expect(two.items.map(({ binary }) => Object.keys(binary!))).toEqual([
		['img_000_00'],
		['img_000_01'],
	]);
});

test('a long text of a foreign worker does not get into the JSON', async () => {
	workerDoes({ output: { ...answer(jpeg), debug: 'x'.repeat(50_000) } });
	const { items } = await runNode(generate());
	expect(JSON.stringify(items[0].json).length).toBeLessThan(5000);
});

test('an agent that sees the JSON alone knows what was made', async () => {
	workerDoes();
	const { items } = await runNode(generate());
	const { json } = items[0];
	expect(json).toMatchObject({
		metadata: { prompt: 'a red fox in the snow', seed: 4242 },
		files: [{ fileName: 'a red fox in the snow.jpg' }],
	});
	expect(JSON.stringify(json)).not.toMatch(/[A-Za-z0-9+/]{200}/);
});

test('the job tells its times and its worker, and whether it was the first one', async () => {
	const output = { ...answer(jpeg), meta: { job_id: 'x', duration_ms: 40, cold_start: true } };
	workerDoes({ queueMs: 200, runMs: 300, output });
	const { items } = await runNode(generate());
	const job = items[0].json.job as Record<string, unknown>;
	expect(job.delayTime).toBeGreaterThanOrEqual(190);
	expect(job.executionTime).toBeGreaterThanOrEqual(290);
	expect(job.workerId).toEqual(expect.any(String));
	expect(job.coldStart).toBe(true);
});

const progress = [
	{ atMs: 100, output: { stage: 'loading', percent: 5, message: 'Loading the model' } },
	{ atMs: 900, output: { stage: 'generating', percent: 60, message: 'Step 15 of 25' } },
];

test('progress fills the timeline, and the browser in manual runs', async () => {
	workerDoes({ runMs: 2500, progress });
	const { items, messages } = await runNode(generate());
	const timeline = items[0].json.timeline as Array<Record<string, unknown>>;
	expect(timeline.map(({ status }) => status).at(-1)).toBe('COMPLETED');
	expect(timeline).toEqual(
		expect.arrayContaining([expect.objectContaining({ percent: 60, message: 'Step 15 of 25' })]),
	);
	const times = timeline.map(({ at }) => Date.parse(String(at)));
	expect([...times].sort((one, other) => one - other)).toEqual(times);
	expect(messages.join()).toContain('Step 15 of 25');
	expect(messages.join()).toMatch(/Worker ready after \d+s/);
});

test('a production run tells the browser nothing', async () => {
	workerDoes({ runMs: 1200, progress });
	const { messages, status } = await runNode(generate({}, { mode: 'trigger' }));
	expect([status, messages]).toEqual(['success', []]);
});

test('Poll Status, Once, shows the progress of a running job', async () => {
	workerDoes({ runMs: 8000, progress });
	const submitted = await runNode(generate({ waitForResult: 'dontWait' }));
	const { id } = submitted.items[0].json.job as { id: string };
	await new Promise((resolve) => setTimeout(resolve, 400));
	const { items } = await runNode(pollStatus(id));
	expect(JSON.stringify(items[0].json.timeline)).toContain('Loading the model');
});

test.each([
	['../../etc/passwd', 'passwd'],
	['a/b\\c:d*e?f', 'a'],
	['CON', 'CON'],
	['  ..  ', ''],
	['ends with dots...', 'ends with dots'],
	['a\tb\nbell', 'bell'],
])("a file name like '%s' is made safe", async (filename, part) => {
	workerDoes();
	const { items } = await runNode(generate({ options: { filename } }));
	const name = items[0].binary!.data.fileName!;
	expect(name).toMatch(/^[^/\\:*?"<>|\u0000-\u001f]+\.jpg$/);
	expect(name).not.toMatch(/^\.|\.\.|\.\.jpg$/);
	expect(name).toContain(part);
});
