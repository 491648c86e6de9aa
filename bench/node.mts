/**
 * The node against the usual ways to run the same 100 jobs: makespan, how late an end is noticed,
 * requests, event loop, memory. The platform is the emulator in a process of its own; its ledger is
 * the witness. Prints a table and, as its last line, one JSON object.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import {
	BIG_MB,
	durations,
	figuresOf,
	ideal,
	MANY,
	pictureScript,
	scriptsOf,
	SMALLEST_PNG,
	WORKERS,
} from './node/load.mts';
import type { Figures, Ledger } from './node/load.mts';

const KEY = 'rpa_keyOfTheBench';
/** The rivals' jobs and pauses are shortened alike: a sequential run takes a quarter of an hour. */
const RIVAL_SCALE = 10;
const WAYS = ['ours', 'httpRequestWait5s', 'sequentialFixed5s'] as const;
type Way = (typeof WAYS)[number];
type Row = Figures & { eventLoopP99Ms: number; bigResultMb: number };

const tsx = ['--import', 'tsx', '--expose-gc'];

async function startPlatform() {
	const child = spawn(process.execPath, [...tsx, 'emulator/main.mts', '--key', KEY], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
	const url = line.replace('emulator on ', '');
	const control = async (path: string, body?: object): Promise<unknown> => {
		const response = await fetch(`${url}/_control/${path}`, {
			method: body ? 'POST' : 'GET',
			body: body && JSON.stringify(body),
		});
		if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
		return await response.json();
	};
	return { url, control, stop: () => child.kill() };
}

type Running = Awaited<ReturnType<typeof startPlatform>>;

async function measure(what: string, task: object, flags: string[] = []) {
	const args = [...flags, ...tsx, 'bench/node/measure.mts', what, JSON.stringify(task)];
	const { stdout } = await promisify(execFile)(process.execPath, args);
	return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
		eventLoopP99Ms: number;
		overIdleMb: number;
		keptMb: number;
	};
}

async function rowOf({ url, control }: Running, way: Way, ms: number[]): Promise<Row> {
	const scale = way === 'ours' ? 1 : RIVAL_SCALE;
	const endpoint = way.toLowerCase();
	const link = `${url}/_sink/big`;
	await control('endpoints', { id: endpoint, workersMax: WORKERS });
	for (const rule of scriptsOf(
		endpoint,
		ms.map((one) => one / scale),
	))
		await control('scripts', rule);
	const task = { url, key: KEY, endpoint, scale, link };
	const { eventLoopP99Ms } = await measure(way, task);
	const ledger = (await control('ledger?parts=submits,reads,jobs')) as Ledger;
	await control('scripts', {
		endpoint,
		script: { output: { images: [{ type: 's3_url', image: link }] } },
	});
	const { overIdleMb } = await measure(`${way} big`, task);
	return { ...figuresOf(ledger, endpoint, ms, scale), eventLoopP99Ms, bigResultMb: overIdleMb };
}

/** Engine and node take half of it; the pictures together have ten times as much. */
const HEAP_MB = 128;

/** Many items, each with a picture as base64, in a small heap: were results kept, it would not end. */
async function manyOf({ url, control }: Running) {
	const endpoint = 'many';
	await control('endpoints', { id: endpoint, workersMax: WORKERS });
	await control('scripts', pictureScript(endpoint));
	const task = { url, key: KEY, endpoint, scale: 1, link: '' };
	return await measure('ours many', task, [`--max-old-space-size=${HEAP_MB}`]);
}

const rounded = (row: Row) =>
	Object.fromEntries(
		Object.entries(row).map(([name, value]) => [
			name,
			Number(value.toFixed(name === 'makespanRatio' ? 3 : 1)),
		]),
	) as unknown as Row;

const GOALS: Row = {
	makespanRatio: 1.05,
	noticeDelayMs: 300,
	readsPerJob: 8,
	eventLoopP99Ms: 20,
	bigResultMb: 80,
};
const LABELS: Record<keyof Row, string> = {
	makespanRatio: 'Makespan / ideal',
	noticeDelayMs: 'End noticed after (ms, mean)',
	readsPerJob: 'Reads per job',
	eventLoopP99Ms: 'Event loop delay p99 (ms)',
	bigResultMb: `Memory over idle, ${BIG_MB} MB by link (MB)`,
};

export async function main(): Promise<void> {
	const platform = await startPlatform();
	const rows = {} as Record<Way, Row>;
	let many: Awaited<ReturnType<typeof measure>>;
	try {
		const ms = durations();
		const bodyBase64 = SMALLEST_PNG;
		await platform.control('sinks', {
			name: 'big',
			bodyBase64,
			contentType: 'image/png',
			sizeBytes: BIG_MB * 1e6,
		});
		const [shortest, longest] = [Math.min(...ms), Math.max(...ms)].map((one) => one / 1000);
		console.log(
			`${ms.length} jobs of ${shortest} to ${longest} s on ${WORKERS} workers, ideal ${(ideal(ms) / 1000).toFixed(1)} s; Node ${process.versions.node}. The rivals' times are shortened by ${RIVAL_SCALE} and counted back.\n`,
		);
		for (const way of WAYS) rows[way] = rounded(await rowOf(platform, way, ms));
		many = await manyOf(platform);
	} finally {
		platform.stop();
	}
	const line = (cells: unknown[]) => console.log(`| ${cells.join(' | ')} |`);
	line(['', 'Goal', 'This node', 'HTTP Request + Wait 5 s', 'One by one, fixed 5 s']);
	line(['---', '---:', '---:', '---:', '---:']);
	for (const name of Object.keys(LABELS) as Array<keyof Row>) {
		line([LABELS[name], `<= ${GOALS[name]}`, ...WAYS.map((way) => rows[way][name])]);
	}
	const figure = (value: number) => Number(value.toFixed(1));
	console.log(
		`\n${MANY} items with an image of 1 MB each, window 10, in a heap of ${HEAP_MB} MB: ${figure(many.keptMb)} MB kept at the end, ${figure(many.overIdleMb)} MB over idle at most, event loop p99 ${figure(many.eventLoopP99Ms)} ms`,
	);
	const { ours, ...rivals } = rows;
	const [manyItemsMb, manyItemsKeptMb] = [figure(many.overIdleMb), figure(many.keptMb)];
	console.log(`\n${JSON.stringify({ ...ours, manyItemsMb, manyItemsKeptMb, rivals })}`);
}
