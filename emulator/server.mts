/** Starts an emulator of RunPod on 127.0.0.1. */
import fastify from 'fastify';
import { controlRoutes } from './control/routes.mts';
import { Emulator, type EmulatorOptions } from './emulator.mts';
import { jobRoutes } from './runpod/jobs.mts';
import { billingRoutes } from './runpod/management/billing.mts';
import { catalogRoutes } from './runpod/management/catalog.mts';
import { podRoutes } from './runpod/management/pods.mts';
import { serverlessRoutes } from './runpod/management/serverless.mts';
import { volumeRoutes } from './runpod/management/volumes.mts';
import { podPath, proxyRoutes } from './runpod/pods/proxy.mts';
import { workerRoutes } from './runpod/workers.mts';

export { DEFAULT_KEY, type Emulator, type EmulatorOptions } from './emulator.mts';
export type { AccountChange } from './runpod/management/account.mts';
export type { EndpointOptions } from './runpod/endpoint.mts';
export type { FaultRule } from './control/faults.mts';
export type { LedgerSnapshot } from './control/ledger.mts';
export type { ScriptRule } from './control/scripts.mts';
export type { PodRule } from './runpod/pods/script.mts';

export interface RunningEmulator {
	/** Base address; the job plane is `${url}/v2`, the management plane `${url}/management/v2`. */
	url: string;
	control: Emulator;
	/** Cuts all connections and stops all timers. */
	close: () => Promise<void>;
}

/** Above every limit of the platform, so that its own answers are given, not the framework's. */
const BODY_LIMIT = 64 * 1024 * 1024;

export async function startEmulator(options: EmulatorOptions = {}): Promise<RunningEmulator> {
	const emulator = new Emulator(options);
	const app = fastify({
		bodyLimit: BODY_LIMIT,
		forceCloseConnections: true,
		rewriteUrl: (request) => podPath(request.headers.host, request.url ?? '/'),
		routerOptions: { maxParamLength: 500 },
	});
	// Bodies stay bytes: job-done marks JSON as a form, and sizes are those of the wire.
	app.removeAllContentTypeParsers();
	app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
	// Assumed: the answer to a path that does not exist.
	app.setNotFoundHandler((_request, reply) => reply.code(404).send({ detail: 'not found' }));
	jobRoutes(app, emulator);
	workerRoutes(app, emulator);
	podRoutes(app, emulator);
	serverlessRoutes(app, emulator);
	catalogRoutes(app, emulator);
	billingRoutes(app, emulator);
	volumeRoutes(app, emulator);
	proxyRoutes(app, emulator);
	controlRoutes(app, emulator);
	emulator.url = await app.listen({ host: '127.0.0.1', port: options.port ?? 0 });
	return {
		url: emulator.url,
		control: emulator,
		close: async () => {
			await app.close();
			await emulator.endPods();
			emulator.clock.clear();
		},
	};
}
