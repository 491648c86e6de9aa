/** The table of transitions, and what must hold after any sequence of calls, faults and time. */
import fc from 'fast-check';
import { FakeClock } from '../../emulator/control/clock.mts';
import { Emulator } from '../../emulator/emulator.mts';
import { finalStates, transitions, type JobState } from '../../emulator/runpod/job.mts';
import { receivePing, receiveResult } from '../../emulator/runpod/results.mts';

it('lets nothing but a retry by the user leave a final state', () => {
	for (const [event, table] of Object.entries(transitions)) {
		const leaving = (Object.keys(table) as JobState[]).filter((state) => finalStates.has(state));
		expect([event, leaving]).toEqual([event, event === 'retry' ? ['FAILED', 'TIMED_OUT'] : []]);
	}
});

type Step =
	| { do: 'submit'; script: boolean }
	| { do: 'take' | 'cancel' | 'retry' | 'result' | 'failure' | 'ping'; job: number }
	| { do: 'purge' }
	| { do: 'wait'; ms: number };

const job = fc.nat({ max: 5 });
const one = <T,>(value: T) => fc.constant(value);
// Submits and takes come often enough that most jobs run, some of them twice.
const step: fc.Arbitrary<Step> = fc.oneof(
	{ weight: 4, arbitrary: fc.record({ do: one('submit' as const), script: fc.boolean() }) },
	{ weight: 5, arbitrary: fc.record({ do: one('take' as const), job }) },
	{
		weight: 4,
		arbitrary: fc.record({
			do: fc
				.constantFrom('cancel', 'retry', 'result', 'failure', 'ping')
				.map((word) => word as 'cancel'),
			job,
		}),
	},
	{ weight: 1, arbitrary: fc.record({ do: one('purge' as const) }) },
	{
		weight: 4,
		arbitrary: fc.record({
			do: one('wait' as const),
			ms: fc.constantFrom(1, 500, 5000, 59_000, 61_000, 600_000, 1_900_000),
		}),
	},
);
const steps = fc.array(step, { minLength: 10, maxLength: 60, size: 'max' });

it('keeps its books right after any sequence of events', async () => {
	await fc.assert(
		fc.asyncProperty(steps, async (sequence) => {
			const emulator = new Emulator({ clock: 'fake', endpoints: [{ id: 'ep', workersMax: 2 }] });
			const endpoint = emulator.platform.endpoints.get('ep')!;
			const { platform, clock } = emulator;
			emulator.addScript({
				match: { input: { script: true } },
				script: { queueMs: 300, runMs: 2000, output: 1 },
			});
			const ids: string[] = [];
			/** Final states that were left otherwise than by a retry, or changed. */
			const broken: string[] = [];
			const last = new Map<string, JobState>();
			platform.listen((_, each, event) => {
				const before = last.get(each.id);
				if (
					before !== undefined &&
					finalStates.has(before) &&
					event !== 'retry' &&
					event !== 'delete'
				) {
					broken.push(`${before} ${event} ${each.state}`);
				}
				last.set(each.id, each.state);
				const running = endpoint.running().length;
				if (endpoint.busyWorkers().size > 2)
					broken.push(`${running} jobs on ${endpoint.busyWorkers().size} workers`);
			});

			for (const step of sequence) {
				if (step.do === 'submit') {
					ids.push(platform.submit(endpoint, 'run', { input: { n: 1, script: step.script } }).id);
				} else if (step.do === 'wait') await (clock as FakeClock).advance(step.ms);
				else if (step.do === 'purge')
					for (const each of endpoint.queue()) platform.apply(endpoint, each, 'purge');
				else {
					const each = endpoint.jobs.get(ids[step.job]);
					const workerId = `w${step.job}`;
					if (step.do === 'take') {
						endpoint.seen(workerId, clock.now());
						emulator.dispatcher.hold(
							endpoint,
							{ workerId, batchSize: 1, answer: () => undefined },
							1000,
						);
					} else if (each === undefined) continue;
					else if (step.do === 'cancel' || step.do === 'retry')
						platform.apply(endpoint, each, step.do);
					else {
						const owner = each.attempts[each.attempts.length - 1]?.workerId ?? workerId;
						if (step.do === 'ping') receivePing(platform, endpoint, owner, [each.id]);
						else {
							const body = step.do === 'result' ? { output: 2 } : { error: 'no' };
							receiveResult(platform, endpoint, owner, each.id, JSON.stringify(body));
						}
					}
				}
			}
			expect(broken).toEqual([]);

			// In the end time alone ends everything: nothing stays open, running or planned.
			await (clock as FakeClock).advance(25 * 3_600_000);
			const { jobs, openJobs, submits } = emulator.snapshot();
			expect(openJobs).toEqual([]);
			expect(jobs.map(({ id }) => id)).toEqual(submits.map(({ jobId }) => jobId));
			for (const { attempts, billedMs } of jobs) {
				expect(
					attempts.every(({ takenAt, endedAt }) => endedAt !== undefined && endedAt >= takenAt),
				).toBe(true);
				// One attempt ends before the next one starts: nothing is billed twice.
				expect(
					attempts.every(
						(each, index) => index === 0 || attempts[index - 1].endedAt! <= each.takenAt,
					),
				).toBe(true);
				expect(billedMs).toBe(
					attempts.reduce((sum, { takenAt, endedAt }) => sum + endedAt! - takenAt, 0),
				);
			}
			expect(endpoint.jobs.size).toBe(0);
			expect(endpoint.takePolls).toEqual([]);
		}),
		{ numRuns: 300 },
	);
});
