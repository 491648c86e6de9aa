import { failures } from '../contract/errors';
import type { FailureCode } from '../contract/errors';
import { usedUp } from './budget';
import { failureOf } from './failure';
import type { Failure, FailureParts } from './failure';
import type { Policy, Run } from './run';
import { describeReply, textOf } from './reply';
import type { Reply } from './reply';

/** The texts of jobs that end without a verdict of the platform. */

const seconds = (ms: number): number => Math.round(ms / 1000);

const lookUp = 'Job > Poll Status with the job ID continues where this run left off.';

const detailsOf = (run: Run, policy: Policy): NonNullable<FailureParts['details']> => ({
	job_id: run.jobId,
	status: run.state,
	endpoint_id: policy.endpointId,
	submitted_at: run.submittedAt === undefined ? undefined : new Date(run.submittedAt).toISOString(),
});

/**
 * The answer to a submit did not come, or had no id: the job may exist and cost money. It is told
 * with the time of the submit, because that is all that is known about it.
 */
export function lostSubmit(reply: Reply, sentAt: number, policy: Policy): Failure {
	const at = new Date(sentAt).toISOString();
	const cause = reply.kind === 'ok' ? 'the reply had no job ID' : describeReply(reply);
	const most = seconds(policy.runTimeoutMs);
	return failureOf(
		'NETWORK',
		{ detail: `The answer to the submit of ${at} was lost (${cause}): the job may be running.` },
		{
			notes: [
				'It was not submitted again, because that could pay twice.',
				`Look for a request of that time in the endpoint's list of requests; once it runs, it ends after ${most} seconds at the latest.`,
			],
			details: {
				submitted_at: at,
				outcome: 'unknown',
				endpoint_id: policy.endpointId,
				http_status: reply.kind === 'http' ? reply.status : undefined,
			},
		},
	);
}

/** RunPod does not know the job: its result is gone, or the job itself. */
export function lost(
	code: 'JOB_LOST' | 'RESULT_EXPIRED',
	run: Run,
	policy: Policy,
	remote?: Remote,
): Failure {
	const { job_id, status, endpoint_id } = detailsOf(run, policy);
	const isJob = code === 'JOB_LOST';
	return failureOf(
		code,
		{ job: run.jobId },
		{
			details: { job_id, status, endpoint_id, remote_job: remote },
			notes: isJob ? [`Last state: ${run.state}.`] : [],
			after: isJob ? [REMOTE_TEXT[remote ?? 'gone']] : [],
		},
	);
}

/** The target refused, or could not be asked, for a reason that asking again does not mend. */
export function unreachable(reply: Reply, run: Run, policy: Policy, remote?: Remote): Failure {
	const isKnown = run.jobId !== undefined;
	const details = {
		...detailsOf(run, policy),
		http_status: reply.kind === 'http' ? reply.status : undefined,
		remote_job: remote,
	};
	const after =
		remote === undefined ? `The job may still be running. ${lookUp}` : REMOTE_TEXT[remote];
	const parts: FailureParts = { details, after: isKnown ? [after] : [] };
	const endpoint = policy.endpointId ?? 'worker';
	if (reply.kind === 'http') {
		const { status } = reply;
		if (policy.endpointId === undefined && (status === 401 || status === 403)) {
			return tokenRefused(status, parts);
		}
		if (status === 401) return failureOf('UNAUTHORIZED', {}, parts);
		if (status === 403) return failureOf('FORBIDDEN', { endpoint }, parts);
		if (status === 404) return notFound(policy, parts);
		if (status === 429) {
			return failureOf('RATE_LIMITED', { attempts: Math.max(run.refusals, run.misses) }, parts);
		}
		if (status === 400 || status === 413 || status === 422) {
			const text = textOf(reply.body);
			return failureOf(
				'INVALID_INPUT',
				{ detail: `The request was refused: ${text === '' ? `HTTP ${status}` : text}` },
				parts,
			);
		}
	}
	const submitted = isKnown ? 'The job could not be read' : 'Nothing was submitted';
	return failureOf('NETWORK', { detail: `${submitted}: ${describeReply(reply)}` }, parts);
}

/** A worker at its own address knows no RunPod key: the contract's remedy would lead astray. */
function tokenRefused(status: 401 | 403, parts: FailureParts): Failure {
	const [code, message] =
		status === 401
			? (['UNAUTHORIZED', 'The worker asks for a token.'] as const)
			: (['FORBIDDEN', 'The worker did not accept the token.'] as const);
	const remedy =
		"Compare 'Bearer Token' of the credential with the AUTH_TOKEN of the worker. The token is sent to the credential's base URL and to Pods behind proxy.runpod.net, to no other address.";
	return failureOf(code, {}, { ...parts, message, remedy });
}

function notFound(policy: Policy, parts: FailureParts): Failure {
	if (policy.endpointId !== undefined) {
		return failureOf('ENDPOINT_NOT_FOUND', { endpoint: policy.endpointId }, parts);
	}
	return failureOf(
		'NETWORK',
		{ detail: 'The worker does not serve this address (HTTP 404)' },
		parts,
	);
}

/** What became of the remote job when nobody waited any more. */
export type Remote = 'none' | 'left' | 'done' | 'finished' | 'gone' | 'unknown';

const REMOTE_TEXT: Record<Remote, string> = {
	none: 'Nothing was running on RunPod.',
	left: `The remote job was left running. ${lookUp}`,
	done: failures.CANCELED.remedy,
	finished: `The remote job finished in the meantime. Job > Poll Status with the job ID fetches its result.`,
	gone: 'RunPod does not know the remote job any more.',
	unknown: `The cancel of the remote job could not be confirmed, so it may still be running. ${lookUp}`,
};

/** A stop or an own deadline. The description says what became of the remote job. */
export function stopped(run: Run, code: FailureCode, remote: Remote, policy: Policy): Failure {
	const details = { ...detailsOf(run, policy), remote_job: remote };
	if (code === 'CANCELED') {
		const failure = failureOf(code, {}, { details });
		return { ...failure, description: REMOTE_TEXT[remote] };
	}
	if (code === 'JOB_LOST') return lost(code, run, policy, remote);
	const last = run.lastMiss;
	if (last !== undefined && run.cancel?.reason === 'denied')
		return unreachable(last, run, policy, remote);
	const notes = [
		...(run.state === undefined || code === 'ENDPOINT_PAUSED' ? [] : [`Last state: ${run.state}.`]),
		...(last === undefined ? [] : [`The last reading failed: ${describeReply(last)}.`]),
	];
	// The job could not be read at the end: its own time says less than the lost connection.
	if (last !== undefined && run.misses > 2) {
		const rate = last.kind === 'http' && last.status === 429;
		const values = rate
			? { attempts: run.misses }
			: { detail: `The job could not be read ${run.misses} times in a row` };
		return failureOf(rate ? 'RATE_LIMITED' : 'NETWORK', values, {
			details,
			notes,
			after: [REMOTE_TEXT[remote]],
		});
	}
	if (run.restMs !== undefined && code === 'RUN_TIMEOUT') {
		const [rest, most] = [seconds(run.restMs), seconds(policy.mostRestMs ?? 0)];
		return failureOf(
			code,
			{},
			{
				message: `The job would need about ${rest} more seconds; the limit is ${most}`,
				remedy: "Raise 'Cancel If ETA Above (Seconds)', or do less per job.",
				details: { ...details, eta_s: rest },
				after: [REMOTE_TEXT[remote]],
			},
		);
	}
	if (policy.cap !== undefined && code === 'RUN_TIMEOUT') {
		const more = { notes, after: [REMOTE_TEXT[remote]] };
		return usedUp(policy.cap, seconds(policy.runTimeoutMs), details, more);
	}
	return failureOf(
		code,
		{ seconds: secondsOf(code, run, policy), endpoint: policy.endpointId },
		{ details, notes, after: [REMOTE_TEXT[remote]] },
	);
}

const secondsOf = (code: FailureCode, run: Run, policy: Policy): number =>
	seconds(
		(run.origin === 'foreign' ? policy.totalTimeoutMs : undefined) ??
			(code === 'RUN_TIMEOUT' ? policy.runTimeoutMs : policy.queueTimeoutMs),
	);
