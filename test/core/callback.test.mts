/** The parked batch: who can be called, and long random lives of it with lost, forged and early calls. */
import fc from 'fast-check';
import {
	callbackProblem,
	callbackUrl,
	nextStep,
	standingOf,
} from '../../nodes/RunPod/core/callback.ts';
import type { Standing } from '../../nodes/RunPod/core/callback.ts';
import { next } from '../../nodes/RunPod/core/lifecycle.ts';
import { attachedRun } from '../../nodes/RunPod/core/run.ts';
import { http, job } from './play.mts';
import { JOB_ID, policyWith, START } from './world.mts';

const RUNS = Number(process.env.LIFECYCLE_RUNS ?? 300);

describe('who can call n8n', () => {
	const resume = (host: string) => `http://${host}:5678/webhook-waiting/7?signature=x`;
	test.each([
		['n8n.example.com', 'https://api.runpod.ai/v2', true],
		['localhost', 'https://api.runpod.ai/v2', false],
		['127.0.0.1', 'https://api.runpod.ai/v2', false],
		['192.168.1.5', 'https://api.runpod.ai/v2', false],
		['n8n.local', 'https://abc-8000.proxy.runpod.net', false],
		['127.0.0.1', 'http://127.0.0.1:8000', true],
		['localhost', 'http://192.168.1.9:8000', false],
		['192.168.1.5', 'http://192.168.1.9:8000', true],
		['192.168.1.5', 'http://localhost:8000', true],
		['n8n.example.com', 'http://localhost:8000', true],
		['[::1]', 'http://localhost:8000', true],
	])('n8n at %s, jobs at %s: %s', (host, base, isReached) => {
		const problem = callbackProblem(resume(host), [base]);
		expect(problem === undefined).toBe(isReached);
		if (!isReached) expect(problem).toContain('private');
		// One target that cannot call is enough to poll.
		if (!isReached) expect(callbackProblem(resume(host), ['http://127.0.0.1', base])).toBeDefined();
	});

	test.each([undefined, '', 'n8n', 'ftp://example.com/x'])('%s is no address', (address) => {
		expect(callbackProblem(address, [])).toContain('no address');
	});

	test('the address keeps its secret and tells the job', () => {
		expect(callbackUrl(resume('n8n.example.com'), 3)).toBe(`${resume('n8n.example.com')}&job=3`);
	});
});

describe('one look at a job', () => {
	const policy = policyWith({
		until: 'once',
		queueTimeoutMs: Infinity,
		runTimeoutMs: Infinity,
		totalTimeoutMs: 4000,
		cancelOnStop: false,
	});
	test.each([
		['still queued', job('IN_QUEUE'), 'open'],
		['running', job('IN_PROGRESS'), 'open'],
		['an odd word', job('WARMING'), 'open'],
		['done', job('COMPLETED', { output: { a: 1 } }), 'final'],
		['done without output', job('COMPLETED'), 'final'],
		['failed', job('FAILED', { error: 'x' }), 'final'],
		['cancelled', job('CANCELLED'), 'final'],
		['refused key', http(401), 'final'],
		['gone', http(404, { detail: 'job not found' }), 'final'],
		['server error', http(502), 'unknown'],
		['slow down', http(429), 'unknown'],
		['cut', { kind: 'cut', detail: 'cut' } as const, 'unknown'],
	] as const)('%s', (_name, reply, standing) => {
		// Long after its submit: the clocks of a parked job do not run.
		let now = START + 3_600_000;
		let step = next(attachedRun(JOB_ID, START), { type: 'start' }, policy, now);
		for (let turns = 0; turns < 50; turns += 1) {
			const { action } = step;
			if (action.type === 'succeed' || action.type === 'fail' || action.type === 'handOver') {
				expect(standingOf(step.run, action)).toBe(standing);
				return;
			}
			expect(['read', 'wait']).toContain(action.type);
			if (action.type === 'wait') {
				now += action.ms;
				step = next(step.run, { type: 'woke' }, policy, now);
			} else step = next(step.run, { type: 'read', reply, sentAt: now }, policy, now);
		}
		throw new Error('the look does not end');
	});
});

interface Call {
	at: number;
	/** The attempts of this call that the network loses. */
	lost: number;
	/** For a call of the platform, which job has ended; undefined for forged ones. */
	job?: number;
}

interface Life {
	ends: number[];
	lost: number[];
	forgedAt: number[];
	twice: boolean;
	/** When n8n has stored the parked execution; earlier calls get 409. */
	parkedAt: number;
	/** Times in which n8n is down. */
	down: Array<{ from: number; ms: number }>;
	unreadable: boolean[];
}

/** When the platform's three attempts come. */
const ATTEMPTS = [0, 5000, 20_000];

/** Plays the calls to a parked batch as run/resume.ts does; returns what became of it. */
function play(life: Life) {
	const { ends, parkedAt } = life;
	const unreadable = [...life.unreadable];
	let resumedAt: number | undefined;
	let resumes = 0;
	let looks = 0;
	const isDown = (now: number) => life.down.some(({ from, ms }) => now >= from && now < from + ms);
	const deliver = (now: number): 'ok' | 'refused' => {
		if (isDown(now) || now < parkedAt || resumedAt !== undefined) return 'refused';
		const standings = new Array<Standing | undefined>(ends.length).fill(undefined);
		for (;;) {
			const step = nextStep(standings);
			if (step.type === 'stay') return 'ok';
			if (step.type === 'askAgain') return 'refused';
			if (step.type === 'resume') {
				resumes += 1;
				resumedAt = now;
				return 'ok';
			}
			if (step.jobs.length === 0) throw new Error('a step without a look');
			for (const index of step.jobs) {
				if (standings[index] !== undefined) throw new Error('looked twice in one call');
				looks += 1;
				const isFinal = now >= (ends[index] ?? Infinity);
				standings[index] = unreadable.shift() ? 'unknown' : isFinal ? 'final' : 'open';
			}
		}
	};
	// What the node does right before it parks.
	const before: Array<Standing> = ends.map((end) => (parkedAt - 100 >= end ? 'final' : 'open'));
	if (nextStep(before).type !== 'stay')
		return { resumes: 1, resumedAt: parkedAt, looks, wasParked: false };
	const calls: Call[] = [
		...ends.map((at, index) => ({ at, job: index, lost: life.lost[index] ?? 0 })),
		...(life.twice ? ends.map((at, index) => ({ at: at + 1, job: index, lost: 0 })) : []),
		...life.forgedAt.map((at) => ({ at, lost: 0 })),
	];
	const attempts = calls.map((call) => ({ call, number: 0, at: call.at }));
	while (attempts.length > 0) {
		attempts.sort((one, other) => one.at - other.at);
		const { call, number, at } = attempts.shift()!;
		const answer = number < call.lost ? 'refused' : deliver(at);
		const again = ATTEMPTS[number + 1];
		if (answer === 'refused' && again !== undefined && call.job !== undefined) {
			attempts.push({ call, number: number + 1, at: call.at + again });
		}
	}
	return { resumes, resumedAt, looks, wasParked: true };
}

const time = fc.integer({ min: 0, max: 120_000 });
const life: fc.Arbitrary<Life> = fc.record({
	ends: fc.array(time, { minLength: 1, maxLength: 40 }),
	lost: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 40 }),
	forgedAt: fc.array(time, { maxLength: 10 }),
	twice: fc.boolean(),
	parkedAt: fc.integer({ min: 0, max: 10_000 }),
	down: fc.array(fc.record({ from: time, ms: fc.integer({ min: 0, max: 60_000 }) }), {
		maxLength: 2,
	}),
	unreadable: fc.array(fc.boolean(), { maxLength: 10 }),
});

describe('whatever calls come', () => {
	it('resumes at most once, and never before every job is over', () => {
		fc.assert(
			fc.property(life, (some) => {
				const { resumes, resumedAt, wasParked } = play(some);
				expect(resumes).toBeLessThanOrEqual(1);
				if (wasParked && resumedAt !== undefined) {
					expect(resumedAt).toBeGreaterThanOrEqual(Math.max(...some.ends));
				}
			}),
			{ numRuns: RUNS },
		);
	});

	it('resumes when one attempt of the last job gets through, however many others are lost', () => {
		fc.assert(
			fc.property(life, fc.integer({ min: 0, max: 2 }), (some, lostOfLast) => {
				const last = some.ends.indexOf(Math.max(...some.ends));
				const lost = some.ends.map((_, index) => (index === last ? lostOfLast : 3));
				const { resumes } = play({ ...some, lost, down: [], unreadable: [] });
				expect(resumes).toBe(1);
			}),
			{ numRuns: RUNS },
		);
	});

	it('outlives a restart that is shorter than the attempts of the last call', () => {
		fc.assert(
			fc.property(life, fc.integer({ min: 0, max: 19_000 }), (some, ms) => {
				const from = Math.max(...some.ends);
				const { resumes } = play({ ...some, lost: [], down: [{ from, ms }], unreadable: [] });
				expect(resumes).toBe(1);
			}),
			{ numRuns: RUNS },
		);
	});

	it('needs few looks: jobs that end in order cost one per call', () => {
		const ends = Array.from({ length: 1000 }, (_, index) => 1000 + index);
		const calm = { lost: [], forgedAt: [], twice: false, parkedAt: 0, down: [], unreadable: [] };
		const { looks, resumes } = play({ ...calm, ends });
		expect(resumes).toBe(1);
		expect(looks).toBeLessThanOrEqual(2000);
	});
});
