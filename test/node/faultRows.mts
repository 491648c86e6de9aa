/** One row for each thing that goes wrong between n8n and the platform. Long because it is one table. */
import type { FaultRule } from '../../emulator/server.mts';
import type { WorkerOptions } from './platform.mts';

export interface Row {
	name: string;
	faults?: FaultRule[];
	worker?: WorkerOptions;
	jobOptions?: Record<string, string | number | boolean>;
	/** Requests that submit, and jobs that the platform accepted. */
	sent: number;
	accepted: number;
	cancels?: number;
	/** Jobs that the platform still runs when the node has ended. */
	open?: number;
	/** `image`, or the code of the failure and words of its text. */
	got: string;
	says?: RegExp;
}

const run = (status: number, more: object = {}): FaultRule => ({
	operation: 'run',
	fault: { kind: 'reply', status, ...more },
});
const look = (status: number, times: number, more: object = {}): FaultRule => ({
	operation: 'status',
	times,
	fault: { kind: 'reply', status, ...more },
});
const page = { body: '<html>Bad gateway</html>', contentType: 'text/html' };
const short = { runMs: 300 };

export const rows: Row[] = [
	{ name: 'nothing', sent: 1, accepted: 1, got: 'image' },

	// The submit.
	{ name: 'submit: 401', faults: [run(401)], sent: 1, accepted: 0, got: 'UNAUTHORIZED' },
	{ name: 'submit: 403', faults: [run(403)], sent: 1, accepted: 0, got: 'FORBIDDEN' },
	{ name: 'submit: 404', faults: [run(404)], sent: 1, accepted: 0, got: 'ENDPOINT_NOT_FOUND' },
	{
		name: 'submit: 400',
		faults: [run(400, { body: { error: 'no' } })],
		sent: 1,
		accepted: 0,
		got: 'INVALID_INPUT',
	},
	{
		name: 'submit: 429 twice',
		faults: [{ ...run(429, { retryAfter: 1 }), times: 2 }],
		sent: 3,
		accepted: 1,
		got: 'image',
	},
	{
		name: 'submit: 500',
		faults: [run(500)],
		sent: 1,
		accepted: 0,
		got: 'NETWORK',
		says: /may be running/,
	},
	{
		name: 'submit: 502, yet accepted',
		faults: [run(502, { accepted: true, ...page })],
		worker: { runMs: 60_000 },
		sent: 1,
		accepted: 1,
		open: 1,
		got: 'NETWORK',
		says: /may be running/,
	},
	{
		name: 'submit: cut before it arrived',
		faults: [{ operation: 'run', fault: { kind: 'cut', accepted: false } }],
		sent: 1,
		accepted: 0,
		got: 'NETWORK',
		says: /may be running/,
	},
	{
		name: 'submit: cut after it arrived',
		faults: [{ operation: 'run', fault: { kind: 'cut', accepted: true } }],
		worker: { runMs: 60_000 },
		sent: 1,
		accepted: 1,
		open: 1,
		got: 'NETWORK',
		says: /may be running/,
	},
	{
		name: 'submit: 200 without an ID',
		faults: [run(200, { accepted: true, body: {} })],
		worker: { runMs: 60_000 },
		sent: 1,
		accepted: 1,
		open: 1,
		got: 'NETWORK',
		says: /may be running/,
	},
	{
		name: 'submit: 200 with a web page',
		faults: [run(200, { accepted: true, ...page })],
		worker: { runMs: 60_000 },
		sent: 1,
		accepted: 1,
		open: 1,
		got: 'NETWORK',
		says: /may be running/,
	},
	{
		name: 'submit: 429 for good',
		faults: [run(429, { retryAfter: 1 })],
		sent: 6,
		accepted: 0,
		got: 'RATE_LIMITED',
	},
	{
		name: 'submit: 503',
		faults: [run(503, page)],
		sent: 1,
		accepted: 0,
		got: 'NETWORK',
		says: /may be running/,
	},
	{
		name: 'submit: the answer breaks off',
		faults: [{ operation: 'run', fault: { kind: 'truncate', bytes: 10 } }],
		worker: { runMs: 60_000 },
		sent: 1,
		accepted: 1,
		open: 1,
		got: 'NETWORK',
		says: /may be running/,
	},
	{
		name: 'submit: 413',
		faults: [run(413)],
		sent: 1,
		accepted: 0,
		got: 'INVALID_INPUT',
	},
	{
		name: 'sync: 524',
		faults: [
			{ operation: 'runsync', fault: { kind: 'reply', status: 524, accepted: true, ...page } },
		],
		worker: { runMs: 60_000 },
		jobOptions: { submitMode: 'sync' },
		sent: 1,
		accepted: 1,
		open: 1,
		got: 'NETWORK',
		says: /may be running/,
	},

	// The looks.
	{
		name: 'look: 500 three times',
		faults: [look(500, 3)],
		worker: short,
		sent: 1,
		accepted: 1,
		got: 'image',
	},
	{
		name: 'look: 502 with a web page',
		faults: [look(502, 2, page)],
		worker: short,
		sent: 1,
		accepted: 1,
		got: 'image',
	},
	{
		name: 'look: 200 with a web page',
		faults: [look(200, 1, page)],
		worker: short,
		sent: 1,
		accepted: 1,
		got: 'image',
	},
	{
		name: 'look: 429 with Retry-After',
		faults: [look(429, 2, { retryAfter: 1 })],
		worker: short,
		sent: 1,
		accepted: 1,
		got: 'image',
	},
	{
		name: 'look: 404 at first',
		faults: [look(404, 2, { body: { detail: 'job not found' } })],
		worker: short,
		sent: 1,
		accepted: 1,
		got: 'image',
	},
	{
		name: 'look: cut',
		faults: [{ operation: 'status', times: 2, fault: { kind: 'cut', accepted: false } }],
		worker: short,
		sent: 1,
		accepted: 1,
		got: 'image',
	},
	{
		name: 'look: the answer breaks off',
		faults: [{ operation: 'status', times: 2, fault: { kind: 'truncate', bytes: 10 } }],
		worker: { runMs: 3000 },
		sent: 1,
		accepted: 1,
		got: 'image',
	},
	{
		name: 'look: slow',
		faults: [{ operation: 'status', times: 1, fault: { kind: 'slow', delayMs: 2000 } }],
		worker: short,
		sent: 1,
		accepted: 1,
		got: 'image',
	},
	{
		name: 'look: a state that nobody knows',
		faults: [{ operation: 'status', times: 2, fault: { kind: 'stateWord', word: 'THINKING' } }],
		worker: short,
		sent: 1,
		accepted: 1,
		got: 'image',
	},
	{
		name: 'look: 403 twice',
		faults: [look(403, 2)],
		worker: short,
		sent: 1,
		accepted: 1,
		got: 'image',
	},
	{
		name: 'look: 403 for good, the key may still cancel',
		faults: [look(403, 99)],
		worker: { runMs: 60_000 },
		sent: 1,
		accepted: 1,
		cancels: 1,
		got: 'FORBIDDEN',
		says: /was cancelled/,
	},
	{
		name: 'look: 401, the key was revoked',
		faults: [look(401, 99), { operation: 'cancel', fault: { kind: 'reply', status: 401 } }],
		worker: { runMs: 60_000 },
		sent: 1,
		accepted: 1,
		open: 1,
		got: 'UNAUTHORIZED',
		says: /may still be running/,
	},

	// The job.
	{
		name: 'job: no worker comes',
		faults: [{ fault: { kind: 'stuck' } }],
		jobOptions: { queueTimeoutS: 5 },
		sent: 1,
		accepted: 1,
		cancels: 1,
		got: 'WORKER_START_TIMEOUT',
		says: /within 5 seconds/,
	},
	{
		name: 'job: no worker comes, and the cancel fails once',
		faults: [
			{ fault: { kind: 'stuck' } },
			{ operation: 'cancel', times: 1, fault: { kind: 'cut', accepted: false } },
		],
		jobOptions: { queueTimeoutS: 5 },
		sent: 1,
		accepted: 1,
		cancels: 1,
		got: 'WORKER_START_TIMEOUT',
		says: /was cancelled/,
	},
	{
		name: 'job: no worker comes, and the cancel fails for good',
		faults: [
			{ fault: { kind: 'stuck' } },
			{ operation: 'cancel', fault: { kind: 'reply', status: 500 } },
		],
		jobOptions: { queueTimeoutS: 5 },
		sent: 1,
		accepted: 1,
		open: 1,
		got: 'WORKER_START_TIMEOUT',
		says: /may still be running/,
	},
	{
		name: 'job: runs too long',
		worker: { runMs: 60_000 },
		jobOptions: { runTimeoutS: 5 },
		sent: 1,
		accepted: 1,
		got: 'RUN_TIMEOUT',
		says: /longer than 5 seconds/,
	},
	{
		name: 'job: TIMED_OUT',
		faults: [{ fault: { kind: 'timeOut', afterMs: 400 } }],
		worker: { runMs: 5000 },
		sent: 1,
		accepted: 1,
		got: 'RUN_TIMEOUT',
	},
	{
		name: 'job: fails with a code',
		worker: { error: 'OUT_OF_MEMORY: Out of memory at 2048 x 2048' },
		sent: 1,
		accepted: 1,
		got: 'OUT_OF_MEMORY',
		says: /2048 x 2048/,
	},
	{
		name: 'job: fails without a code',
		worker: { error: 'it broke' },
		sent: 1,
		accepted: 1,
		got: 'JOB_FAILED',
		says: /it broke/,
	},
	{
		name: 'job: fails with a word that is no code',
		worker: { error: 'NONSENSE: it broke' },
		sent: 1,
		accepted: 1,
		got: 'JOB_FAILED',
		says: /NONSENSE: it broke/,
	},
	{
		name: 'job: failure inside the output',
		worker: { output: { error: 'MODEL_NOT_FOUND: Model not found: x' } },
		sent: 1,
		accepted: 1,
		got: 'MODEL_NOT_FOUND',
	},
	{
		name: 'job: the result was dropped',
		faults: [{ fault: { kind: 'noOutput' } }],
		sent: 1,
		accepted: 1,
		got: 'RESULT_MISSING',
	},
	{
		name: 'job: no image in the result',
		worker: { output: { route: 'create', image: 'bm8gaW1hZ2U=' } },
		sent: 1,
		accepted: 1,
		got: 'UNSUPPORTED_IMAGE',
	},
];
