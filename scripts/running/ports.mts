/** Free ports, asked from the system. */
import { createServer } from 'node:net';
import { Remedy } from '../setup/remedy.mts';

/** A free port of 127.0.0.1; with `wanted`, that very one or a sentence why not. */
export function freePort(wanted = 0): Promise<number> {
	return new Promise((resolve, reject) => {
		const server = createServer();
		server.once('error', (error: NodeJS.ErrnoException) =>
			reject(
				new Remedy(
					`Port ${wanted} cannot be used (${error.code}). Choose another one with --port, or leave --port out and a free one is found.`,
				),
			),
		);
		server.listen(wanted, '127.0.0.1', () => {
			const { port } = server.address() as { port: number };
			server.close(() => resolve(port));
		});
	});
}
