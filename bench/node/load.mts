/** The jobs of the bench, and what the emulated platform has to do with them. */

export const WORKERS = 10;
export const WINDOW = 20;
export const JOBS = 100;
export const BIG_MB = 200;
export const MANY = 1000;
/** Bytes of each of the many pictures. */
const MANY_BYTES = 1_000_000;

/** Milliseconds on the worker: between 1 and 15 s, evenly on a logarithmic scale, always the same ones. */
export function durations(count = JOBS): number[] {
	let seed = 20_260_101;
	const random = () => {
		// A small generator with a known sequence (mulberry32).
		seed = (seed + 0x6d2b79f5) | 0;
		let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
	return Array.from({ length: count }, () => Math.round(1000 * 15 ** random()));
}

/** The makespan if each worker took the next job of the list the moment it is free. */
export function ideal(ms: number[], workers = WORKERS): number {
	const free = new Array<number>(workers).fill(0);
	for (const one of ms) {
		const next = free.indexOf(Math.min(...free));
		free[next] += one;
	}
	return Math.max(...free);
}

/** One script per job: the worker tells its progress every twentieth of its time. */
export const scriptsOf = (endpoint: string, ms: number[]) =>
	ms.map((runMs, n) => ({
		endpoint,
		match: { input: { n } },
		script: {
			runMs: Math.round(runMs),
			progress: Array.from({ length: 19 }, (_, step) => ({
				atMs: Math.round((runMs * (step + 1)) / 20),
				output: { stage: 'generating', percent: 5 * (step + 1), message: `step ${step + 1} of 20` },
			})),
			output: { n, ok: true },
		},
	}));

/** A short job with a picture in its result, as base64: about as large as an image of 1024 x 1024. */
export function pictureScript(endpoint: string) {
	const png = Buffer.from(SMALLEST_PNG, 'base64');
	// The file's last chunk has 12 bytes; what stands before it is not looked at.
	const bytes = Buffer.concat([
		png.subarray(0, -12),
		Buffer.alloc(MANY_BYTES, 7),
		png.subarray(-12),
	]);
	return { endpoint, script: { runMs: 100, output: { image: bytes.toString('base64') } } };
}

export const SMALLEST_PNG =
	'iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAIAAAA2iEnWAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg==';

/** The parts of the ledger that the bench reads. */
export interface Ledger {
	submits: Array<{ at: number; jobId: string; endpointId: string }>;
	reads: Record<string, Array<{ at: number; state?: string }>>;
	jobs: Array<{ id: string; endpointId: string; finishedAt?: number }>;
}

export interface Figures {
	makespanRatio: number;
	noticeDelayMs: number;
	readsPerJob: number;
}

const FINAL = new Set(['COMPLETED', 'FAILED', 'CANCELLED', 'TIMED_OUT']);

/** Times are multiplied by `scale`: a scaled run took so many times less than it stands for. */
export function figuresOf(ledger: Ledger, endpoint: string, ms: number[], scale: number): Figures {
	const jobs = ledger.jobs.filter(({ endpointId }) => endpointId === endpoint);
	const starts = ledger.submits.filter(({ endpointId }) => endpointId === endpoint);
	const noticed = jobs.map(({ id, finishedAt = NaN }) => {
		const reads = ledger.reads[id] ?? [];
		const last = reads.find(({ state }) => state !== undefined && FINAL.has(state));
		return { at: last?.at ?? NaN, delay: (last?.at ?? NaN) - finishedAt, reads: reads.length };
	});
	const mean = (values: number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
	const span = Math.max(...noticed.map(({ at }) => at)) - Math.min(...starts.map(({ at }) => at));
	return {
		makespanRatio: (span * scale) / ideal(ms),
		noticeDelayMs: mean(noticed.map(({ delay }) => delay)) * scale,
		readsPerJob: mean(noticed.map(({ reads }) => reads)),
	};
}
