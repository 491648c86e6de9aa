import { jobLimits } from '../contract/job';
import { baseUrlOf, fileUrlOf, requestTimeoutMs } from '../core/address';
import type { JobOptions } from '../core/options';
import type { Reply } from '../core/reply';
import type { RunBody } from '../core/request';
import { CANCEL_BUDGET_MS } from '../core/run';
import { mustBeStudioWorker } from '../core/serverType';
import { download, send } from './http';
import type { Call, CredentialName, Download, HttpContext, NoDownload } from './http';
import { shownAs } from './shownAs';

/** The job API of one target. RunPod and a worker in Pod mode serve the same paths. */
export interface JobApi {
	/** Where links of a result may be relative to, and whether it is a private place. */
	readonly baseUrl: string;
	readonly endpointId?: string;
	submit(body: RunBody): Promise<Reply>;
	read(jobId: string): Promise<Reply>;
	cancel(jobId: string): Promise<Reply>;
	/** Runs a failed job again under its id; not to be repeated after an unclear answer. */
	retry(jobId: string): Promise<Reply>;
	health(): Promise<Reply>;
	/** Opens a file by its path on the worker; an endpoint serves none. */
	openFile?(path: string): Promise<Download | NoDownload>;
	/** What a worker at its own address can draw with; RunPod has no such path. */
	models(): Promise<Reply>;
	/** Takes the waiting jobs out of the queue; those that run go on. */
	purgeQueue(): Promise<Reply>;
}

type Settings = Pick<JobOptions, 'target' | 'submitMode' | 'waitForResult' | 'requestTimeoutS'> &
	Partial<Pick<JobOptions, 'queueTimeoutS' | 'runTimeoutS'>>;

/** A reply has to arrive before the request times out: else the job's id is lost. */
const REPLY_MARGIN_MS = 5000;

/** How long /runsync holds the request open. */
function syncWaitMs(settings: Settings, timeoutMs: number): number {
	const deadline = ((settings.queueTimeoutS ?? Infinity) + (settings.runTimeoutS ?? 0)) * 1000;
	return Math.max(1000, Math.min(jobLimits.runsyncWaitMs, timeoutMs - REPLY_MARGIN_MS, deadline));
}

/** Opens the job API that an item's options name; throws on a wrong address. */
export async function openJobApi(context: HttpContext, settings: Settings): Promise<JobApi> {
	const { target } = settings;
	if (target.kind === 'endpoint') {
		const facing = shownAs(context, 'endpoint');
		const credential = await facing.getCredentials('runPodApi');
		const base = baseUrlOf(credential.jobBaseUrl, 'Job API Base URL');
		return apiAt(facing, 'runPodApi', `${base}/${target.endpointId}`, settings, target.endpointId);
	}
	const facing = shownAs(context, 'workerUrl');
	const credential = await facing.getCredentials('runPodWorkerApi');
	mustBeStudioWorker(credential.serverType);
	const url = target.url === undefined || target.url === '' ? credential.baseUrl : target.url;
	return apiAt(facing, 'runPodWorkerApi', baseUrlOf(url, 'Worker URL'), settings);
}

function apiAt(
	context: HttpContext,
	credential: CredentialName,
	baseUrl: string,
	settings: Settings,
	endpointId?: string,
): JobApi {
	const timeoutMs = requestTimeoutMs(baseUrl, settings.requestTimeoutS);
	const call = async (method: Call['method'], path: string, more: Partial<Call> = {}) =>
		await send(context, credential, { method, url: `${baseUrl}/${path}`, timeoutMs, ...more });
	const isSync = settings.submitMode === 'sync' && settings.waitForResult === 'poll';
	const openFile = async (path: string): Promise<Download | NoDownload> => {
		const url = fileUrlOf(baseUrl, path);
		if (url === undefined) return { kind: 'local', detail: 'its path leads away from the worker' };
		return await download(context, url, timeoutMs, credential);
	};
	const submitPath = isSync ? `runsync?wait=${syncWaitMs(settings, timeoutMs)}` : 'run';
	return {
		baseUrl,
		endpointId,
		submit: async (body) => await call('POST', submitPath, { body, outlivesStop: true }),
		// Never `?ttl=`: it would set the job's time to live.
		read: async (jobId) => await call('GET', `status/${encodeURIComponent(jobId)}`),
		cancel: async (jobId) =>
			await call('POST', `cancel/${encodeURIComponent(jobId)}`, {
				timeoutMs: CANCEL_BUDGET_MS,
				outlivesStop: true,
			}),
		retry: async (jobId) =>
			await call('POST', `retry/${encodeURIComponent(jobId)}`, { outlivesStop: true }),
		health: async () => await call('GET', 'health'),
		openFile: endpointId === undefined ? openFile : undefined,
		models: async () => await call('GET', 'api/models'),
		purgeQueue: async () => await call('POST', 'purge-queue', { outlivesStop: true }),
	};
}
