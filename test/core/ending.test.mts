/** Tables of event sequences: lost readings, deadlines and stops. */
import { attachedRun } from '../../nodes/RunPod/core/run.ts';
import type { Row } from './play.mts';
import { failureOfEnd, http, job, play, submitted } from './play.mts';
import { JOB_ID, policyWith } from './world.mts';

describe('reading', () => {
	it('backs off after 429 and 5xx, with Retry-After as the least', () => {
		play([
			...submitted,
			[2000, ['read', http(429, '', 10_000)], 'wait 10500'],
			[12_500, 'woke', 'read'],
			[12_500, ['read', http(503)], 'wait 2000'],
			[14_500, 'woke', 'read'],
			[14_500, ['read', http(503)], 'wait 3000'],
			[17_500, ['read', job('COMPLETED', { output: 1 })], 'succeed'],
		]);
	});

	it('bears with 404 for 150 s after a submit of its own, and not longer', () => {
		const unknown = http(404, { status: 404, title: 'Not Found', detail: 'job not found' });
		const rows: Row[] = [
			...submitted,
			[2000, ['read', unknown], 'wait 2000'],
			[149_000, ['read', unknown], 'wait 2000'],
			[151_000, ['read', unknown], 'wait 2000'],
			[153_000, ['read', unknown], 'wait 2000'],
		];
		// Should the job be there after all, the cancel finds it: nobody else will.
		for (const [answer, remote, says] of [
			[unknown, 'gone', 'does not know the remote job'],
			[job('CANCELLED'), 'done', 'was cancelled'],
		] as const) {
			const { action } = play(
				[
					...rows,
					[155_000, ['read', unknown], 'cancel denied'],
					[155_100, ['cancelled', answer], 'fail JOB_LOST'],
				],
				policyWith({ queueTimeoutMs: 900_000 }),
			);
			expect(failureOfEnd(action).details).toMatchObject({ job_id: JOB_ID, remote_job: remote });
			expect(failureOfEnd(action).description).toContain(says);
		}
		play(
			[...rows, [155_000, ['read', unknown], 'fail JOB_LOST']],
			policyWith({ queueTimeoutMs: 900_000, cancelOnStop: false }),
		);
		const { action } = play(
			[
				[0, 'start', 'read'],
				[0, ['read', unknown], 'fail RESULT_EXPIRED'],
			],
			policyWith(),
			attachedRun(JOB_ID),
		);
		expect(failureOfEnd(action)).toMatchObject({
			message: `Job '${JOB_ID}' is not known any more.`,
			description: 'Results are kept 30 minutes after /run and 1 minute after /runsync.',
		});
	});

	it('does not take a refused key for a sign that the job is gone', () => {
		const unknown = http(404, { detail: 'job not found' });
		play(
			[
				...submitted,
				[151_000, ['read', http(401)], 'wait 2000'],
				[153_000, ['read', http(401)], 'wait 2000'],
				[155_000, ['read', unknown], 'wait 2000'],
				[157_000, ['read', unknown], 'wait 2000'],
				[159_000, ['read', unknown], 'cancel denied'],
			],
			policyWith({ queueTimeoutMs: 900_000 }),
		);
	});

	const denied: Row[] = [
		...submitted,
		[2000, ['read', http(401)], 'wait 2000'],
		[4000, ['read', http(401)], 'wait 2000'],
	];

	it('bears with a key that is refused for a moment', () => {
		play([...denied, [6000, ['read', job('IN_QUEUE')], 'wait 2000']]);
		// Other misses in between do not count as refusals, and an answer begins a new count.
		play([
			...denied,
			[6000, ['read', job('IN_QUEUE')], 'wait 2000'],
			[8000, ['read', http(403)], 'wait 2000'],
		]);
	});

	it('cancels with the key there is when it stays refused, and tells the job id', () => {
		for (const [reply, remote, text] of [
			[job('CANCELLED'), 'done', 'was cancelled'],
			[http(401), 'unknown', 'Poll Status'],
		] as const) {
			const { action } = play([
				...denied,
				[6000, ['read', http(401)], 'cancel denied'],
				[6100, ['cancelled', reply], 'fail UNAUTHORIZED'],
			]);
			const { details, description } = failureOfEnd(action);
			expect(details).toMatchObject({ job_id: JOB_ID, remote_job: remote, http_status: 401 });
			expect(description).toContain(text);
		}
	});

	it('hands on a result that was there when the cancel came', () => {
		play([
			...denied,
			[6000, ['read', http(401)], 'cancel denied'],
			[6100, ['cancelled', job('COMPLETED', { output: 1 })], 'succeed'],
		]);
	});

	it('cancels nothing where that is switched off, or the job is of somebody else', () => {
		const { action } = play(
			[...denied, [6000, ['read', http(403)], 'fail FORBIDDEN']],
			policyWith({ cancelOnStop: false }),
		);
		expect(failureOfEnd(action).description).toContain('may still be running');
		play(
			[
				[0, 'start', 'read'],
				[0, ['read', http(403)], 'fail FORBIDDEN'],
			],
			policyWith(),
			attachedRun(JOB_ID),
		);
	});
});

describe('deadlines', () => {
	it('counts the time in the queue, looks a last time, cancels and says so', () => {
		const { action } = play(
			[
				...submitted,
				[4000, ['read', job('IN_QUEUE')], 'wait 1000'],
				[5000, 'woke', 'read'],
				[5000, ['read', job('IN_QUEUE')], 'cancel deadline'],
				[5100, ['cancelled', job('CANCELLED')], 'fail WORKER_START_TIMEOUT'],
			],
			policyWith({ queueTimeoutMs: 5000 }),
		);
		const { message, description, details } = failureOfEnd(action);
		expect(message).toBe('Worker did not become ready within 5 seconds');
		expect(description).toMatch(
			/^Last state: CANCELLED\..*180 or 240.*The remote job was cancelled, too\.$/,
		);
		expect(details).toMatchObject({ job_id: JOB_ID, remote_job: 'done' });
	});

	it('counts the run from its begin, and the queue of a job that went back to it', () => {
		play(
			[
				...submitted,
				[4000, ['read', job('IN_PROGRESS')], 'wait 2000'],
				[8000, ['read', job('IN_PROGRESS')], 'wait 1000'],
				[8900, ['read', job('IN_QUEUE')], 'wait 1000'],
				[9900, ['read', job('IN_QUEUE')], 'cancel deadline'],
			],
			policyWith({ queueTimeoutMs: 5000, runTimeoutMs: 5000 }),
		);
	});

	it('takes the result that came while the cancel was on its way', () => {
		play(
			[
				...submitted,
				[5000, ['read', job('IN_QUEUE')], 'cancel deadline'],
				[5100, ['cancelled', job('COMPLETED', { output: 1 })], 'succeed'],
			],
			policyWith({ queueTimeoutMs: 5000 }),
		);
	});

	it('leaves the job running where that was asked for, and a foreign one always', () => {
		const leave = policyWith({ queueTimeoutMs: 5000, cancelOnStop: false });
		const { action } = play(
			[...submitted, [5000, ['read', job('IN_QUEUE')], 'fail WORKER_START_TIMEOUT']],
			leave,
		);
		expect(failureOfEnd(action).details).toMatchObject({ job_id: JOB_ID, remote_job: 'left' });
		play(
			[
				[0, 'start', 'read'],
				[7000, ['read', job('IN_PROGRESS')], 'fail RUN_TIMEOUT'],
			],
			policyWith({ totalTimeoutMs: 6000 }),
			attachedRun(JOB_ID),
		);
	});
});

describe('a stop', () => {
	it('cancels the remote job and says so', () => {
		const { action } = play([
			...submitted,
			[500, 'stop', 'cancel canceled'],
			[600, ['cancelled', job('CANCELLED')], 'fail CANCELED'],
		]);
		expect(failureOfEnd(action)).toMatchObject({
			message: 'Execution was canceled',
			description: 'The remote job was cancelled, too.',
		});
	});

	it('repeats a lost cancel for five seconds, then says that it is not sure', () => {
		const { action } = play([
			...submitted,
			[500, 'stop', 'cancel canceled'],
			[600, ['cancelled', http(502)], 'wait 400'],
			[1000, 'woke', 'cancel canceled'],
			[1100, ['cancelled', http(502)], 'wait 800'],
			[5400, ['cancelled', http(502)], 'fail CANCELED'],
		]);
		expect(failureOfEnd(action).details).toMatchObject({ job_id: JOB_ID, remote_job: 'unknown' });
	});

	it('before the submit costs nothing', () => {
		play([
			[0, 'start', 'submit'],
			[0, 'stop', 'fail CANCELED'],
		]);
	});
});
