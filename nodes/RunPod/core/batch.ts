import type { Failure } from './failure';
import { fallbackStep } from './fallback';
import type { FinalAction } from './run';
import { isFinal } from './state';

/**
 * Many jobs of one run as plain data: `nextInBatch(batch, event)` says which may start, what follows
 * an end, and what happens to the others after a failure or a stop. The life of each job is
 * `lifecycle.ts`; `run/batch.ts` only performs the tasks.
 */

/** Who does the work: the target that was asked for, or the one that takes over. */
export type Server = 'primary' | 'fallback';

export interface BatchJob {
	/** The input items that it belongs to. */
	items: number[];
	hasFallback: boolean;
	/** Whether its end is waited for; else it is only handed in. */
	isWatched: boolean;
	/** `checking`: whether the first job is out of the way. `settling`: its result or error is made. */
	phase: 'waiting' | 'running' | 'checking' | 'settling' | 'done' | 'failed' | 'dropped';
	server: Server;
	/** Why the first server did not do it. */
	first?: Failure;
	/** Why nobody did it. */
	failure?: Failure;
}

export interface BatchState {
	/** So many jobs at a time. */
	width: number;
	/** Whether n8n's setting lets the others go on after a failure. */
	goesOn: boolean;
	jobs: BatchJob[];
	stop?: 'canceled' | 'sibling';
	/** The job whose failure ended the batch. */
	firstFailed?: number;
	isOver: boolean;
}

export type BatchEvent =
	| { type: 'start' }
	/** The user or a timeout ends the execution. */
	| { type: 'stop' }
	| { type: 'ended'; job: number; end: FinalAction }
	/** No job at the first server, by `prove` or `free`. */
	| { type: 'checked'; job: number; isFree: boolean }
	/** Result or error are made; `isLost` where a result could not be fetched. */
	| { type: 'settled'; job: number; isLost?: boolean };

export type Task =
	| { type: 'run'; job: number; server: Server }
	/** Look whether the first server has any job. */
	| { type: 'prove'; job: number }
	/** Cancel the first job. */
	| { type: 'free'; job: number }
	| { type: 'collect'; job: number }
	| { type: 'fail'; job: number; failure: Failure }
	/** Ends all jobs that are watched. */
	| { type: 'stopOthers' }
	/** Cancel what was handed in: nobody will learn its ID. */
	| { type: 'giveUp'; jobs: number[] };

interface Step {
	batch: BatchState;
	tasks: Task[];
}

type Wish = Pick<BatchJob, 'items' | 'hasFallback' | 'isWatched'>;
type Rules = Pick<BatchState, 'width' | 'goesOn'>;

export const newBatch = (wishes: Wish[], rules: Rules): BatchState => ({
	...rules,
	isOver: false,
	jobs: wishes.map((wish) => ({ ...wish, phase: 'waiting', server: 'primary' })),
});

export function nextInBatch(batch: BatchState, event: BatchEvent): Step {
	if (batch.isOver) return { batch, tasks: [] };
	switch (event.type) {
		case 'start':
			return goOn({ batch, tasks: [] });
		case 'stop':
			// It comes before a failure: a stop must never look like one.
			return goOn({ batch: { ...batch, stop: 'canceled' }, tasks: [] });
		case 'ended':
			return event.end.type === 'fail'
				? afterFailure(batch, event.job, event.end.failure)
				: {
						batch: change(batch, event.job, { phase: 'settling' }),
						tasks: [{ type: 'collect', job: event.job }],
					};
		case 'checked':
			return event.isFree && batch.stop === undefined
				? handOn(batch, event.job)
				: giveIn(batch, event.job, batch.jobs[event.job]?.first);
		case 'settled':
			return afterSettling(batch, event.job, event.isLost === true);
	}
}

function afterFailure(batch: BatchState, job: number, failure: Failure): Step {
	const { hasFallback, first } = batch.jobs[job] ?? {};
	if (first !== undefined) return giveIn(batch, job, withPrimary(failure, first));
	const step = hasFallback && batch.stop === undefined ? fallbackStep(failure) : 'no';
	if (step === 'no') return giveIn(batch, job, failure);
	const noted = change(batch, job, { first: failure });
	if (step === 'submit') return handOn(noted, job);
	return {
		batch: change(noted, job, { phase: 'checking' }),
		tasks: [{ type: step === 'proveFirst' ? 'prove' : 'free', job }],
	};
}

/** The fallback does the work from here on. */
const handOn = (batch: BatchState, job: number): Step => ({
	batch: change(batch, job, { phase: 'running', server: 'fallback' }),
	tasks: [{ type: 'run', job, server: 'fallback' }],
});

/** The second failure also says what became of the first job. */
const withPrimary = (failure: Failure, { code, details }: Failure): Failure => ({
	...failure,
	details: { ...failure.details, primary_code: code, primary_job_id: details.job_id ?? null },
});

function giveIn(batch: BatchState, job: number, failure: Failure | undefined): Step {
	const failed = change(batch, job, { phase: 'settling', failure });
	const tell: Task[] = failure === undefined ? [] : [{ type: 'fail', job, failure }];
	return goOn(endOthers(failed, job, tell));
}

/** Without Continue the first failure ends the batch, before anything else is started. */
function endOthers(batch: BatchState, job: number, tasks: Task[]): Step {
	if (batch.goesOn || batch.stop !== undefined) return { batch, tasks };
	return {
		batch: { ...batch, stop: 'sibling', firstFailed: job },
		tasks: [{ type: 'stopOthers' }, ...tasks],
	};
}

function afterSettling(batch: BatchState, job: number, isLost: boolean): Step {
	const hasFailed = isLost || batch.jobs[job]?.failure !== undefined;
	const settled = change(batch, job, { phase: hasFailed ? 'failed' : 'done' });
	return goOn(isLost ? endOthers(settled, job, []) : { batch: settled, tasks: [] });
}

const isActive = ({ phase }: BatchJob): boolean =>
	phase === 'running' || phase === 'checking' || phase === 'settling';

/** Whether RunPod has it and nobody watches it; also where no item could be made of it. */
const isHandedIn = ({ isWatched, phase, failure }: BatchJob): boolean =>
	!isWatched && (phase === 'done' || (phase === 'failed' && failure === undefined));

/** Starts what may start; where nothing can happen any more, the batch is over. */
function goOn({ batch, tasks }: Step): Step {
	let free = batch.stop === undefined ? batch.width - batch.jobs.filter(isActive).length : 0;
	const started: Task[] = [];
	const jobs = batch.jobs.map((one, job): BatchJob => {
		if (one.phase !== 'waiting') return one;
		if (batch.stop !== undefined) return { ...one, phase: 'dropped' };
		if (free <= 0) return one;
		free -= 1;
		started.push({ type: 'run', job, server: 'primary' });
		return { ...one, phase: 'running' };
	});
	const isOver = !jobs.some(isActive);
	const isInVain = isOver && batch.stop !== undefined;
	const handedIn = isInVain ? jobs.flatMap((one, job) => (isHandedIn(one) ? [job] : [])) : [];
	const last: Task[] = handedIn.length > 0 ? [{ type: 'giveUp', jobs: handedIn }] : [];
	return { batch: { ...batch, jobs, isOver }, tasks: [...tasks, ...started, ...last] };
}

const change = (batch: BatchState, job: number, changes: Partial<BatchJob>): BatchState => ({
	...batch,
	jobs: batch.jobs.map((one, index) => (index === job ? { ...one, ...changes } : one)),
});

/** The job that a failure leaves behind, where one may still be running: by its ID, else by its time. */
export function leftBy({ details }: Failure): string | undefined {
	if (details.outcome === 'unknown') return `the submit of ${details.submitted_at}`;
	const { job_id: jobId, remote_job: remote, status } = details;
	if (jobId === null || jobId === undefined || isFinal(String(status))) return undefined;
	const isOver = remote === 'done' || remote === 'finished' || remote === 'gone';
	return isOver ? undefined : String(jobId);
}
