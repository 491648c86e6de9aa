/** Which jobs a second try of the same run takes up, and which it submits anew. */
import type { IExecuteFunctions } from 'n8n-workflow';

import { failureOf } from '../../nodes/RunPod/core/failure.ts';
import type { FinalAction } from '../../nodes/RunPod/core/run.ts';
import { attachedRun } from '../../nodes/RunPod/core/run.ts';
import { JobRegister } from '../../nodes/RunPod/run/identify.ts';

/** n8n's context as far as the register uses it: a store that outlives a try, and three outputs. */
function n8n(
	store: Record<string, unknown> = {},
	runIndex = 0,
	customData: Record<string, string> = {},
) {
	const log: string[] = [];
	const context = {
		getContext: () => store,
		evaluateExpression: () => runIndex,
		logger: { info: (text: string) => log.push(text), debug: () => {} },
		getExecutionId: () => '7',
		getNode: () => ({ name: 'RunPod' }),
		customData: {
			get: (key: string) => customData[key],
			set: (key: string, value: string) => (customData[key] = value),
		},
	} as unknown as IExecuteFunctions;
	return { context, log, customData, store };
}

const submit = (register: JobRegister, item: number, id: string) => {
	register.submitting(item, 'print', 1000);
	register.accepted(item, 'print', attachedRun(id, 1000), 'endpoint');
};

const failed = (...parts: Parameters<typeof failureOf>): FinalAction => ({
	type: 'fail',
	failure: failureOf(...parts),
});

test('an accepted job is found again, with its log line and its custom data', () => {
	const { context, log, customData, store } = n8n();
	submit(new JobRegister(context), 3, 'job-3');
	expect(log).toEqual([
		"RunPod job job-3 was submitted to endpoint (execution 7, node 'RunPod', item 3)",
	]);
	expect(customData).toEqual({ runpodJobId: 'job-3' });
	// The store is plain data: it goes through a database when the run is parked.
	const second = new JobRegister(n8n(JSON.parse(JSON.stringify(store))).context);
	expect(second.find(3, 'print')).toEqual({
		fingerprint: 'print',
		submittedAt: 1000,
		jobId: 'job-3',
	});
	expect(second.find(3, 'other input')).toBeUndefined();
	expect(second.find(4, 'print')).toBeUndefined();
});

test('another run of a node in a loop has its own jobs', () => {
	const { context, store } = n8n();
	submit(new JobRegister(context), 0, 'job-1');
	expect(new JobRegister(n8n(store, 1).context).find(0, 'print')).toBeUndefined();
});

test('a submit without an answer is remembered without an id', () => {
	const { context } = n8n();
	const register = new JobRegister(context);
	register.submitting(0, 'print', 1000);
	register.ended(0, failed('NETWORK', { detail: 'lost' }, { details: { outcome: 'unknown' } }));
	expect(register.find(0, 'print')).toEqual({
		fingerprint: 'print',
		submittedAt: 1000,
		jobId: undefined,
	});
});

const longId = (item: number) =>
	`job-${String(item).padStart(2, '0')}-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa`;

test('many ids stay below the length that n8n takes, in a few keys', () => {
	const { context, customData, log } = n8n();
	const register = new JobRegister(context);
	for (let item = 0; item < 40; item += 1) submit(register, item, longId(item));
	const keys = ['', '2', '3', '4', '5'].map((number) => `runpodJobId${number}`);
	expect(Object.keys(customData)).toEqual(keys);
	for (const value of Object.values(customData)) expect(value.length).toBeLessThanOrEqual(255);
	const shown = Object.values(customData).join();
	for (let item = 0; item < 30; item += 1) expect(shown).toContain(longId(item));
	expect(log).toHaveLength(40);
});

test('two nodes of one execution do not overwrite the ids of each other', () => {
	const { context, customData } = n8n();
	submit(new JobRegister(context), 0, 'job-1');
	submit(new JobRegister(n8n({}, 0, customData).context), 0, 'job-2');
	expect(customData).toEqual({ runpodJobId: 'job-1,job-2' });
});

test.each<[string, FinalAction, boolean]>([
	['succeeded', { type: 'succeed', job: { hasOutput: true } }, true],
	[
		'failed for an unknown reason',
		failed('JOB_FAILED', {}, { details: { job_id: 'j', status: 'FAILED' } }),
		false,
	],
	[
		'failed on its input',
		failed('INVALID_INPUT', {}, { details: { job_id: 'j', status: 'FAILED' } }),
		true,
	],
	[
		'ran out of memory',
		failed('OUT_OF_MEMORY', {}, { details: { job_id: 'j', status: 'FAILED' } }),
		true,
	],
	[
		'could not be read',
		failed('NETWORK', {}, { details: { job_id: 'j', status: 'IN_PROGRESS' } }),
		true,
	],
	[
		'waited too long and was cancelled',
		failed('WORKER_START_TIMEOUT', {}, { details: { job_id: 'j', remote_job: 'done' } }),
		false,
	],
	[
		'ran too long and was cancelled',
		failed('RUN_TIMEOUT', {}, { details: { job_id: 'j', remote_job: 'done' } }),
		false,
	],
	[
		'may still run',
		failed(
			'RUN_TIMEOUT',
			{},
			{ details: { job_id: 'j', remote_job: 'unknown', status: 'IN_PROGRESS' } },
		),
		true,
	],
	[
		'finished while it was cancelled',
		failed(
			'RUN_TIMEOUT',
			{},
			{ details: { job_id: 'j', remote_job: 'finished', status: 'COMPLETED' } },
		),
		true,
	],
	[
		'lost its result',
		failed('RESULT_MISSING', {}, { details: { job_id: 'j', status: 'COMPLETED' } }),
		true,
	],
	['was refused', failed('RATE_LIMITED', {}), false],
	['is lost', failed('JOB_LOST', {}, { details: { job_id: 'j', remote_job: 'gone' } }), false],
	[
		'is lost, and could not be cancelled',
		failed('JOB_LOST', {}, { details: { job_id: 'j', remote_job: 'unknown' } }),
		true,
	],
])('a job that %s is taken up again: %p', (_name, end, isTakenUp) => {
	const register = new JobRegister(n8n().context);
	submit(register, 0, 'j');
	register.ended(0, end);
	expect(register.find(0, 'print') !== undefined).toBe(isTakenUp);
});
