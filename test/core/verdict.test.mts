/** The shapes that RunPod and workers really send, and what a user reads. */
import { failures } from '../../nodes/RunPod/contract/errors.ts';
import type { FailureCode } from '../../nodes/RunPod/contract/errors.ts';
import { failureOf, splitCode } from '../../nodes/RunPod/core/failure.ts';
import { describeReply, isUnknownOutcome, textOf } from '../../nodes/RunPod/core/reply.ts';
import { pauseBefore, readRetryAfter } from '../../nodes/RunPod/core/retry.ts';
import { readJob } from '../../nodes/RunPod/core/state.ts';
import { judge, readCause } from '../../nodes/RunPod/core/verdict.ts';

const verdict = (body: Record<string, unknown>) =>
	judge(readJob({ id: 'j-u1', ...body }), { jobId: 'j-u1', runSeconds: 300 });

describe('a final job', () => {
	it.each<[string, Record<string, unknown>, string | undefined, string | undefined]>([
		['with output', { status: 'COMPLETED', output: { image: 'x' } }, undefined, undefined],
		[
			'with output and an empty error in it',
			{ status: 'COMPLETED', output: { error: null } },
			undefined,
			undefined,
		],
		[
			'without output',
			{ status: 'COMPLETED', executionTime: 1571 },
			'RESULT_MISSING',
			"Job 'j-u1' completed without a result",
		],
		[
			'with output.error',
			{ status: 'COMPLETED', output: { error: 'no CUDA' } },
			'JOB_FAILED',
			'Job failed: no CUDA',
		],
		[
			'with a text',
			{ status: 'FAILED', error: 'job timed out after 1 retries' },
			'JOB_FAILED',
			'Job failed: job timed out after 1 retries',
		],
		[
			'with a JSON string',
			{
				status: 'FAILED',
				error: JSON.stringify({
					error_type: "<class 'ValueError'>",
					error_message: 'bad seed',
					error_traceback: 'Traceback …',
				}),
			},
			'JOB_FAILED',
			'Job failed: bad seed',
		],
		[
			'with an object',
			{ status: 'FAILED', error: { error_message: 'bad seed' } },
			'JOB_FAILED',
			'Job failed: bad seed',
		],
		[
			'with a code',
			{ status: 'FAILED', error: 'OUT_OF_MEMORY: Out of memory at 4096x2720' },
			'OUT_OF_MEMORY',
			'Out of memory at 4096x2720',
		],
		[
			'with a code in a JSON string',
			{ status: 'FAILED', error: '{"error_message":"MODEL_NOT_FOUND: Model not found: \'x\'"}' },
			'MODEL_NOT_FOUND',
			"Model not found: 'x'",
		],
		[
			'with a word like a code',
			{ status: 'FAILED', error: 'WARNING: hot' },
			'JOB_FAILED',
			'Job failed: WARNING: hot',
		],
		[
			'with broken JSON',
			{ status: 'FAILED', error: '{"error_message":' },
			'JOB_FAILED',
			'Job failed: {"error_message":',
		],
		[
			'without a reason',
			{ status: 'FAILED' },
			'JOB_FAILED',
			'Job failed: the worker gave no reason',
		],
		[
			'that ran too long, told as FAILED',
			{ status: 'FAILED', error: 'executionTimeout exceeded' },
			'RUN_TIMEOUT',
			'The job ran longer than 300 seconds',
		],
		[
			'that ran too long',
			{ status: 'TIMED_OUT' },
			'RUN_TIMEOUT',
			'The job ran longer than 300 seconds',
		],
		[
			'that somebody cancelled',
			{ status: 'CANCELLED' },
			'JOB_FAILED',
			'Job failed: the job was cancelled, but not by this run',
		],
	])('%s', (_name, body, code, message) => {
		const failure = verdict(body);
		expect(failure?.code).toBe(code);
		if (message !== undefined) expect(failure?.message).toBe(message);
		if (failure !== undefined) expect(failure.details).toMatchObject({ job_id: 'j-u1', code });
	});

	it('keeps the traceback apart', () => {
		expect(readCause('{"error_message":"m","error_traceback":"t"}')).toEqual({
			text: 'm',
			traceback: 't',
		});
		const failure = verdict({
			status: 'FAILED',
			error: '{"error_message":"m","error_traceback":"secret path"}',
		});
		expect(failure?.traceback).toBe('secret path');
		expect(`${failure?.message} ${failure?.description}`).not.toContain('secret path');
	});

	it('does not take the numeric status of a 404 for a state', () => {
		expect(readJob({ status: 404, title: 'Not Found', detail: 'job not found' })).toEqual({
			hasOutput: false,
		});
	});
});

describe('texts', () => {
	it('never have open braces, and never a word that n8n takes for its own stop', () => {
		for (const code of Object.keys(failures) as FailureCode[]) {
			const { message, description } = failureOf(code, {}, { details: { job_id: 'j' } });
			expect(`${message} ${description}`).not.toMatch(/[{}]/);
			if (code !== 'CANCELED') expect(message).not.toContain('canceled');
		}
	});

	it('do not claim that nothing was submitted when a job is known', () => {
		expect(failureOf('INVALID_INPUT', { detail: 'x' }).description).toContain(
			'Nothing was submitted',
		);
		expect(
			failureOf('INVALID_INPUT', { detail: 'x' }, { details: { job_id: 'j' } }).description,
		).not.toContain('Nothing');
	});

	it('never have a key', () => {
		const failure = failureOf(
			'JOB_FAILED',
			{ detail: 'header Bearer abc.def and rpa_0123ABC' },
			{ traceback: 'rpa_9' },
		);
		expect(JSON.stringify(failure)).not.toMatch(/abc\.def|rpa_/);
	});

	it('split a code only from the beginning', () => {
		expect(splitCode('NETWORK: down')).toEqual({ code: 'NETWORK', sentence: 'down' });
		expect(splitCode('see NETWORK: down').code).toBeUndefined();
		expect(splitCode('toString: x').code).toBeUndefined();
	});

	it.each<[unknown, string]>([
		[{ status: 404, title: 'Not Found', detail: 'job not found' }, 'job not found'],
		[{ error: 'not allowed for QB API' }, 'not allowed for QB API'],
		[{ message: 'm', title: 't' }, 'm'],
		[{ title: 't' }, 't'],
		['plain', 'plain'],
		['<html>a proxy</html>', ''],
		[null, ''],
		[[1], ''],
	])('read the body %j as "%s"', (body, text) => expect(textOf(body)).toBe(text));

	it('name the status where there is nothing else', () => {
		expect(describeReply({ kind: 'http', status: 524, body: '<html>' })).toBe('HTTP 524');
	});
});

describe('pauses', () => {
	it('grow, stay below half a minute, and are never the same for all', () => {
		expect([1, 2, 3, 9].map((attempt) => pauseBefore(attempt, 0.999))).toEqual([
			1000, 1999, 3998, 29985,
		]);
		expect(pauseBefore(3, 0)).toBe(2000);
	});

	it('are at least what the server asked for', () => {
		expect(pauseBefore(1, 0, 7000)).toBe(7000);
		expect(pauseBefore(1, 0.5, 0)).toBe(1000);
	});

	it.each<[unknown, number | undefined]>([
		['2', 2000],
		[3, 3000],
		['Sat, 21 Nov 2026 12:00:10 GMT', 10_000],
		['Sat, 21 Nov 2026 11:00:00 GMT', 0],
		['-1', undefined],
		['soon', undefined],
		[undefined, undefined],
		['', undefined],
	])('read Retry-After %j', (header, ms) => {
		expect(readRetryAfter(header, Date.parse('Sat, 21 Nov 2026 12:00:00 GMT'))).toBe(ms);
	});
});

describe('a submit', () => {
	it.each([408, 500, 502, 503, 524])('with the answer %i may have been accepted', (status) =>
		expect(isUnknownOutcome({ kind: 'http', status, body: '' })).toBe(true),
	);
	it.each([400, 401, 403, 404, 429])('with the answer %i was not', (status) =>
		expect(isUnknownOutcome({ kind: 'http', status, body: '' })).toBe(false),
	);
});
