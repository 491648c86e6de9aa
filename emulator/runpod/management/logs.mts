/** Logs as server-sent events that never end by themselves. */
import type { Emulator } from '../../emulator.mts';
import type { Reply } from '../wire.mts';
import { problem, type ManagedCall } from './plane.mts';

/** Streams the lines of a worker or Pod; undefined `lines`: there is no such thing. */
export function streamLogs(
	emulator: Emulator,
	{ query, reply }: ManagedCall,
	lines: string[] | undefined,
	missing: string,
): Reply | 'sent' {
	const tail = Number(query.tail ?? 100);
	if (!Number.isInteger(tail) || tail < 0 || tail > 5000)
		return problem(400, 'tail must be between 0 and 5000');
	if (lines === undefined) return problem(404, missing);
	const ts = new Date(emulator.clock.now()).toISOString();
	reply.hijack();
	reply.raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
	reply.raw.flushHeaders();
	for (const line of tail === 0 ? [] : lines.slice(-tail)) {
		const data = JSON.stringify({ source: 'container', line, ts });
		reply.raw.write(`id: ${ts}\ndata: ${data}\n\n`);
	}
	return 'sent';
}
