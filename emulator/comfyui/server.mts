/** Starts an emulator of ComfyUI on 127.0.0.1: what tells that it is one, and whether a proxy before it lets a caller in. */
import fastify from 'fastify';

export interface ComfyUiOptions {
	/** ComfyUI itself asks nobody for a key; with one, a proxy before it does, as hosted ones have. */
	token?: string;
}

export interface RunningComfyUi {
	url: string;
	/** Requests in order of arrival. */
	seen: Array<{ method: string; path: string; authorization?: string; cookie?: string }>;
	close: () => Promise<void>;
}

const GIB = 1024 ** 3;

/** Shape of `GET /system_stats`; sizes in bytes. */
const STATS = {
	system: {
		os: 'posix',
		ram_total: 32 * GIB,
		ram_free: 20 * GIB,
		comfyui_version: '0.3.60',
		python_version: '3.12.11 (main)',
		pytorch_version: '2.8.0+cu128',
		embedded_python: false,
		argv: ['main.py', '--listen'],
	},
	devices: [
		{
			name: 'cuda:0 NVIDIA GeForce RTX 4090 : cudaMallocAsync',
			type: 'cuda',
			index: 0,
			vram_total: 24 * GIB,
			vram_free: 22 * GIB,
			torch_vram_total: 0,
			torch_vram_free: 0,
		},
	],
};

export async function startComfyUi({ token }: ComfyUiOptions = {}): Promise<RunningComfyUi> {
	const seen: RunningComfyUi['seen'] = [];
	const app = fastify({ forceCloseConnections: true });
	app.addHook('onRequest', async (request, reply) => {
		const { authorization, cookie } = request.headers;
		seen.push({ method: request.method, path: request.url, authorization, cookie });
		if (token === undefined || authorization === `Bearer ${token}`) return;
		await reply.code(authorization === undefined ? 401 : 403).send();
	});
	app.get('/', async (_request, reply) =>
		reply.type('text/html').send('<!doctype html><title>ComfyUI</title>'),
	);
	app.get('/system_stats', async () => STATS);
	// Newer versions serve each path a second time below /api.
	app.get('/api/system_stats', async () => STATS);
	app.setNotFoundHandler((_request, reply) =>
		reply.code(404).type('text/plain').send('404: Not Found'),
	);
	const url = await app.listen({ host: '127.0.0.1', port: 0 });
	return { url, seen, close: async () => await app.close() };
}
