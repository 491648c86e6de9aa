import { isPrivateHost } from './address';
import { isPassing } from './reply';
import type { FinalAction, Run } from './run';
import { isFinal } from './state';

/**
 * A batch of jobs that nobody watches: RunPod calls n8n when a job ends, and only what is then read
 * from the job API counts. A call says no more than "look now", so that early, repeated, forged and
 * partial calls change nothing.
 */

/** What one look at a job told. `unknown`: the job could not be read, and may be final. */
export type Standing = 'final' | 'open' | 'unknown';

export type BatchStep =
	| { type: 'look'; jobs: number[] }
	/** Every job is over: the batch hands on its results. */
	| { type: 'resume' }
	/** At least one job goes on, and will call. */
	| { type: 'stay' }
	/** No job certainly goes on, so this call may have been the last: it has to come again. */
	| { type: 'askAgain' };

const MOST_LOOKS_AT_ONCE = 16;

/** What a job's single look means for the batch. */
export function standingOf(run: Run, end: FinalAction): Standing {
	if (end.type === 'handOver') return 'open';
	if (end.type === 'succeed' || isFinal(run.state)) return 'final';
	// A refused key or a job that is gone stays so: waiting for it would hide it.
	return run.lastMiss !== undefined && isPassing(run.lastMiss) ? 'unknown' : 'final';
}

/**
 * What to do next with a batch. `standings` has one entry per job in the order of submission,
 * undefined where nobody has looked. The last job is looked at first: it most likely still runs,
 * and one job that goes on is enough to stay; after that the looks double, so that a thousand calls
 * of a thousand jobs do not become a million reads.
 */
export function nextStep(standings: ReadonlyArray<Standing | undefined>): BatchStep {
	if (standings.includes('open')) return { type: 'stay' };
	const missing = standings.flatMap((standing, job) => (standing === undefined ? [job] : []));
	if (missing.length > 0) {
		const seen = standings.length - missing.length;
		const count = Math.min(MOST_LOOKS_AT_ONCE, Math.max(1, seen));
		return { type: 'look', jobs: missing.slice(-count).reverse() };
	}
	return { type: standings.includes('unknown') ? 'askAgain' : 'resume' };
}

/** The address that the platform calls for one job. The number only tells the calls apart. */
export function callbackUrl(resumeUrl: string, job: number): string {
	const url = new URL(resumeUrl);
	url.searchParams.set('job', String(job));
	return url.href;
}

type Place = 'here' | 'private' | 'public';

function placeOf(address: string): Place | undefined {
	let host: string;
	try {
		const url = new URL(address);
		if (!/^https?:$/.test(url.protocol)) return undefined;
		host = url.hostname.replace(/\.$/, '');
	} catch {
		return undefined;
	}
	if (/^(localhost|.+\.localhost|127\..+|0\.0\.0\.0|\[::1?\])$/.test(host)) return 'here';
	return isPrivateHost(address) ? 'private' : 'public';
}

/**
 * Why the job APIs cannot call n8n, as a sentence, or undefined where nothing speaks against it. A
 * private n8n is reached by who lives in the same place: a worker on this machine by this machine's
 * address, a worker of the private network by one of that network.
 */
export function callbackProblem(resumeUrl: unknown, jobBaseUrls: string[]): string | undefined {
	const n8n = typeof resumeUrl === 'string' ? placeOf(resumeUrl) : undefined;
	if (n8n === undefined) return 'n8n gave this execution no address that can be called';
	const reaches = (base: string): boolean => {
		const from = placeOf(base);
		if (n8n === 'public') return true;
		return n8n === 'here' ? from === 'here' : from === 'here' || from === 'private';
	};
	if (jobBaseUrls.every(reaches)) return undefined;
	return `n8n's address ${new URL(String(resumeUrl)).origin} is private, so the callback cannot reach it`;
}
