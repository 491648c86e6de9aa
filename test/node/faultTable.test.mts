/**
 * What goes wrong between n8n and the platform, what the platform's ledger saw of it, and what the
 * user got. Every row also holds what holds always: at most one accepted submit for an item, no look
 * after the end, no job that runs on unnoticed. FAULT_TABLE=1 prints the table.
 * Long because it is one table.
 */
import type { FaultRule } from '../../emulator/server.mts';
import type { Outcome } from './harness.mts';
import { runNode } from './harness.mts';
import type { WorkerOptions } from './platform.mts';
import { fault, generate, ledger, usePlatform, workerDoes } from './platform.mts';

usePlatform();

interface Row {
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

const rows: Row[] = [
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

function textOf({ error }: Outcome): string {
	return `${error?.message} ${error?.description}`;
}

const table: Array<Record<string, unknown>> = [];

test.each(rows)(
	'$name',
	async (row) => {
		for (const rule of row.faults ?? []) fault(rule);
		workerDoes(row.worker);
		const outcome = await runNode(
			generate({ jobOptions: { requestTimeoutS: 30, ...row.jobOptions } }),
		);
		const { submits, cancels, jobs, openJobs, requests, billedMs } = ledger();
		const sent = requests.filter(({ operation }) => ['run', 'runsync'].includes(operation)).length;
		const code = (outcome.error?.context?.data as { code?: string } | undefined)?.code;
		const got = outcome.items[0]?.binary?.data.mimeType === 'image/jpeg' ? 'image' : code;
		table.push({
			fault: row.name,
			sent,
			accepted: submits.length,
			cancels: cancels.length,
			open: openJobs.length,
			billedMs,
			got,
			text: outcome.error?.message ?? '',
		});
		expect({
			got,
			sent,
			accepted: submits.length,
			cancels: cancels.length,
			open: openJobs.length,
		}).toEqual({
			got: row.got,
			sent: row.sent,
			accepted: row.accepted,
			cancels: row.cancels ?? 0,
			open: row.open ?? 0,
		});
		if (row.says) expect(textOf(outcome)).toMatch(row.says);
		for (const job of jobs) expect(job.readsAfterFinal).toBe(0);
		// What went wrong after the submit names the job, or the time of a submit whose ID is not known.
		if (outcome.error && submits.length > 0) {
			const known = textOf(outcome);
			const at = (outcome.error.context?.data as { submitted_at?: string }).submitted_at;
			expect(known.includes(submits[0].jobId) || known.includes(String(at))).toBe(true);
		}
	},
	60_000,
);

afterAll(() => {
	if (process.env.FAULT_TABLE) process.stdout.write(`${JSON.stringify(table, null, 1)}\n`);
});
