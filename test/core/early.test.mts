/** Jobs that end before their deadlines: nobody can take them, or they promise to take too long. */
import { attachedRun } from '../../nodes/RunPod/core/run.ts';
import { failureOfEnd, job, play, submitted } from './play.mts';
import type { Row } from './play.mts';
import { JOB_ID, policyWith } from './world.mts';

const paused = policyWith({ isPaused: true, endpointId: 'e1' });

describe('an endpoint without workers', () => {
	it('gets no job at all when that is known', () => {
		const { action } = play([[0, 'start', 'fail ENDPOINT_PAUSED']], paused);
		expect(failureOfEnd(action)).toMatchObject({
			message: "Endpoint 'e1' has 0 max workers.",
			details: { job_id: null, remote_job: 'none' },
		});
	});

	it('gives a waiting job back as soon as it is known', () => {
		const rows: Row[] = [
			[2000, ['read', job('IN_QUEUE')], 'cancel deadline'],
			[2100, ['cancelled', job('CANCELLED')], 'fail ENDPOINT_PAUSED'],
		];
		const before = play(submitted);
		const { action } = play(rows, paused, before.run);
		expect(failureOfEnd(action).details).toMatchObject({ job_id: JOB_ID, remote_job: 'done' });
	});

	it('leaves a job alone that a worker has taken', () => {
		const before = play(submitted);
		play([[2000, ['read', job('IN_PROGRESS')], 'wait 2000']], paused, before.run);
	});

	it('leaves a job of somebody else alone', () => {
		const foreign = { ...paused, totalTimeoutMs: 60_000 };
		play(
			[
				[0, 'start', 'read'],
				[100, ['read', job('IN_QUEUE')], 'wait 2000'],
			],
			foreign,
			attachedRun(JOB_ID),
		);
	});
});

describe('a job that promises too long a rest', () => {
	const policy = policyWith({ mostRestMs: 300_000, runTimeoutMs: 3_600_000 });
	const progress = (output: object) => job('IN_PROGRESS', { output });

	it('is cancelled by what its worker says', () => {
		const { action } = play(
			[
				...submitted,
				[2000, ['read', progress({ percent: 5, eta_s: 400 })], 'cancel rest'],
				[2100, ['cancelled', job('CANCELLED')], 'fail RUN_TIMEOUT'],
			],
			policy,
		);
		expect(failureOfEnd(action)).toMatchObject({
			message: 'The job would need about 400 more seconds; the limit is 300',
			details: { eta_s: 400, remote_job: 'done' },
		});
	});

	it('is handed on if it ends while the cancel is on its way', () => {
		play(
			[
				...submitted,
				[2000, ['read', progress({ eta_s: 400 })], 'cancel rest'],
				[2100, ['cancelled', job('COMPLETED', { output: { image: 'x' } })], 'succeed'],
			],
			policy,
		);
	});

	it('is judged by its percent where it names no time, and never by its first percents', () => {
		const started: Row[] = [...submitted, [2000, ['read', progress({})], 'wait 2000']];
		play([...started, [22_000, ['read', progress({ percent: 1 })], 'wait 2000']], policy);
		play([...started, [102_000, ['read', progress({ percent: 10 })], 'cancel rest']], policy);
		play([...started, [102_000, ['read', progress({ percent: 50 })], 'wait 2000']], policy);
	});
});
