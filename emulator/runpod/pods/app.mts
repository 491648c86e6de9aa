/** What the scripted application in a Pod answers, and the telemetry of a worker in it. */
import type { Reply } from '../wire.mts';
import type { Pod } from './pod.mts';

/** These do not count as requests to the worker. */
const LOOKS = new Set(['/health', '/ready', '/metrics']);

/** The reply to a request that got through the proxy; `path` without query. */
export function answerOf(
	pod: Pod,
	path: string,
	token: string | undefined,
	now: number,
): Reply & { delayMs: number } {
	if (!LOOKS.has(path)) pod.lastRequestAt = now;
	const set = pod.script.app.answers[path];
	if (set !== undefined) {
		const { status, body, contentType, delayMs } = set;
		return { status, body, headers: { 'content-type': contentType }, delayMs };
	}
	const reply = known(pod, path, token, now);
	return { ...reply, delayMs: 0 };
}

function known(pod: Pod, path: string, token: string | undefined, now: number): Reply {
	if (path === '/health' || path === '/') return { status: 200, body: { status: 'ready' } };
	if (path === '/queue') return { status: 200, body: { queue_running: [], queue_pending: [] } };
	if (path !== '/metrics' || !pod.telemetry.known)
		return { status: 404, body: { detail: 'Not Found' } };
	const expected = (pod.body.env as Record<string, string> | undefined)?.AUTH_TOKEN;
	if (expected !== undefined && token !== `Bearer ${expected}`)
		return { status: 401, body: { status: 401, title: 'Unauthorized', detail: 'wrong token' } };
	return { status: 200, body: metrics(pod, now) };
}

/** The worker's telemetry. Numbers that no test sets are invented. */
export function metrics(pod: Pod, now: number): Record<string, unknown> {
	const { gpuUtil, gpuMemoryUtil, jobsRunning, gpuIdleS } = pod.telemetry;
	const gpu = pod.body.gpu as { id: string; count?: number } | undefined;
	const count = gpu === undefined ? 0 : (gpu.count ?? 1);
	const busy = gpuUtil > 0 && gpuIdleS === undefined;
	return {
		ts: now / 1000,
		host: { hostname: pod.id, os: 'Linux', kernel: '6.8', python: '3.12' },
		runpod: {
			pod_id: pod.id,
			region: pod.dataCenterId,
			endpoint_id: null,
			vcpu_count: 8,
			gpu_count: count,
		},
		cpu: { percent: 5, cores_logical: 8, cores_physical: 4, load_1_5_15: [0.1, 0.1, 0.1] },
		memory: { total_mb: 32_000, used_mb: 8000, free_mb: 24_000, percent: 25 },
		swap: { total_mb: 0, used_mb: 0, percent: 0 },
		disk_root: { total_gb: 50, used_gb: 20, free_gb: 30, percent: 40 },
		network: { bytes_sent: 0, bytes_recv: 0, tx_rate_bps: 0, rx_rate_bps: 0 },
		gpus: Array.from({ length: count }, (_, index) => ({
			index,
			name: gpu?.id,
			uuid: `GPU-${pod.id}-${index}`,
			memory_total_mb: 24_000,
			memory_used_mb: 240 * gpuMemoryUtil,
			utilization_gpu_percent: gpuUtil,
			temperature_c: 40,
			power_w: 60,
			fan_percent: 30,
		})),
		process: { uptime_sec: Math.floor((now - (pod.runningAt ?? now)) / 1000) },
		worker: {
			jobs_running: jobsRunning,
			gpu_idle_s: busy ? 0 : Math.floor((now - pod.quietSince) / 1000),
			request_idle_s: Math.floor((now - pod.lastRequestAt) / 1000),
		},
	};
}
