/**
 * How much memory a batch of source images takes in n8n. The platform is a stub in a process of its
 * own that forgets what it was sent. `npm run build`, then
 * `node --import tsx --expose-gc bench/sources.mts [images] [megabytes each]`; the last line is JSON.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { scoreImages } from './node/engine.mts';

const count = Number(process.argv[2] ?? 200);
const megabytes = Number(process.argv[3] ?? 5);
const PARALLEL = 10;

const PLATFORM = `
	const finished = { status: 'COMPLETED', delayTime: 1, executionTime: 400, workerId: 'w' };
	const output = { route: 'score', scores: [], metadata: {}, meta: {} };
	let jobs = 0;
	const server = require('node:http').createServer((request, response) => {
		request.resume().on('end', () => {
			const body = request.url.endsWith('/run')
				? { id: 'job-' + (jobs += 1), status: 'IN_QUEUE' }
				: request.url.includes('/status/')
					? { id: request.url.split('/').at(-1), ...finished, output }
					: { detail: 'not here' };
			response.writeHead(body.detail ? 404 : 200, { 'content-type': 'application/json' });
			response.end(JSON.stringify(body));
		});
	});
	server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

const platform = spawn(process.execPath, ['-e', PLATFORM], {
	stdio: ['ignore', 'pipe', 'inherit'],
});
const [port] = (await once(createInterface(platform.stdout), 'line')) as [string];
try {
	const place = { url: `http://127.0.0.1:${port}`, key: 'rpa_keyOfTheBench', endpoint: 'studio' };
	const options = { maxParallelJobs: PARALLEL, costEstimate: false };
	const run = await scoreImages(place, count, megabytes * 1e6, options);
	globalThis.gc?.();
	await new Promise((resolve) => setTimeout(resolve, 500));
	const idle = process.memoryUsage.rss();
	let most = idle;
	const sample = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 20);
	const startedAt = performance.now();
	await run();
	clearInterval(sample);
	const overIdleMb = Math.round((most - idle) / 1e6);
	const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
	console.log(`${count} images of ${megabytes} MB, ${PARALLEL} jobs at a time`);
	console.log(JSON.stringify({ overIdleMb, seconds }));
} finally {
	platform.kill();
}
// n8n-core keeps timers of its own.
process.exit(0);
