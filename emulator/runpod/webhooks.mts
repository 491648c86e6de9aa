/** Tells a job's webhook that the job has ended: three attempts in all, unsigned, the whole job as body. */
import { randomBytes } from 'node:crypto';
import { sleep } from '../control/clock.mts';
import type { Endpoint } from './endpoint.mts';
import { finalStates, transitions, type Job, type JobEvent } from './job.mts';
import { WEBHOOK_GAPS_MS } from './limits.mts';
import type { Platform } from './platform.mts';
import { webhookBody } from './wire.mts';

/** Assumed: how long the platform waits for the answer, in real time. */
const ANSWER_TIMEOUT_MS = 10_000;

export function attachWebhooks(platform: Platform): void {
	platform.listen((endpoint, job, event) => {
		if (ends(event)) void finished(platform, endpoint, job);
	});
}

/** True for the events after which a job is over. */
function ends(event: string): boolean {
	const table = transitions[event as JobEvent] as (typeof transitions)[JobEvent] | undefined;
	return Object.values(table ?? {}).some((state) => finalStates.has(state));
}

async function finished(platform: Platform, endpoint: Endpoint, job: Job): Promise<void> {
	const url = job.body.webhook;
	if (url === undefined || !(endpoint.settings.webhookStates as string[]).includes(job.state))
		return;
	const body = webhookBody(job, platform.clock.now());
	const fault = platform.faults.take(['webhook'], platform.subject(job));
	if (fault?.mode === 'drop') return;
	if (fault !== undefined && fault.delayMs > 0) await sleep(platform.clock, fault.delayMs);
	await deliver(platform, job.id, url, body);
	if (fault?.mode === 'twice') await deliver(platform, job.id, url, body);
}

async function deliver(
	platform: Platform,
	jobId: string,
	url: string,
	body: unknown,
): Promise<void> {
	for (let attempt = 1; ; attempt++) {
		const at = platform.clock.now();
		const posting = post(url, body);
		platform.clock.track(posting);
		const outcome = await posting;
		platform.ledger.webhooks.push({ at, jobId, url, attempt, body, ...outcome });
		if (outcome.status !== undefined && outcome.status >= 200 && outcome.status < 300) return;
		const gap = WEBHOOK_GAPS_MS[attempt - 1];
		if (gap === undefined) return;
		await sleep(platform.clock, gap);
	}
}

async function post(url: string, body: unknown): Promise<{ status?: number; error?: string }> {
	try {
		const response = await fetch(url, {
			method: 'POST',
			headers: {
				'content-type': 'application/json',
				'user-agent': 'Go-http-client/2.0',
				traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
			},
			body: JSON.stringify(body),
			// Assumed: a redirect is an answer like any other that is not 2xx.
			redirect: 'manual',
			signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
		});
		await response.arrayBuffer();
		return { status: response.status };
	} catch (error) {
		return { error: error instanceof Error ? error.message : String(error) };
	}
}
