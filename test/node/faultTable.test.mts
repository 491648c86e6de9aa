/**
 * What goes wrong between n8n and the platform, what the platform's ledger saw of it, and what the
 * user got. Every row also holds what holds always: at most one accepted submit for an item, no look
 * after the end, no job that runs on unnoticed. docs/faults.md is this table; FAULT_TABLE=1 writes it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome } from './harness.mts';
import { rows } from './faultRows.mts';
import { runNode } from './harness.mts';
import { fault, generate, ledger, usePlatform, workerDoes } from './platform.mts';

usePlatform();

function textOf({ error }: Outcome): string {
	return `${error?.message} ${error?.description}`;
}

interface Seen {
	fault: string;
	sent: number;
	accepted: number;
	cancels: number;
	open: number;
	billed: string;
	got: string;
}

const table: Seen[] = [];

/** Without what differs each time. */
const usual = (text: string): string =>
	text.replace(/20\d\d-[\dT:.-]+Z/g, '*time*').replace(/'[\da-f-]{36}-\w+'/g, '*ID*');

test.each(rows)(
	'$name',
	async (row) => {
		for (const rule of row.faults ?? []) fault(rule);
		// Long enough that each job that was worked on has a time that is billed.
		workerDoes({ runMs: 50, ...row.worker });
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
			billed: billedMs > 0 ? 'yes' : 'no',
			got: got === 'image' ? 'the image' : `\`${code}\` ${usual(outcome.error?.message ?? '')}`,
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

const PLACE = join(__dirname, '..', '..', 'docs', 'faults.md');
const START = '| Fault |';

test('docs/faults.md tells what was seen', () => {
	// With a filter there is no whole table to compare.
	if (table.length < rows.length) return;
	const line = (cells: unknown[]) => `| ${cells.join(' | ')} |\n`;
	const seen =
		line(['Fault', 'Sent', 'Accepted', 'Cancelled', 'Left running', 'Billed', 'What you get']) +
		line(['---', '---:', '---:', '---:', '---:', '---', '---']) +
		table.map((one) => line(Object.values(one))).join('');
	const page = readFileSync(PLACE, 'utf8');
	const head = page.slice(0, page.indexOf(START));
	if (process.env.FAULT_TABLE) writeFileSync(PLACE, head + seen);
	expect(readFileSync(PLACE, 'utf8').slice(head.length)).toBe(seen);
});
