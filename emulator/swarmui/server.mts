/** Starts an emulator of SwarmUI on 127.0.0.1: its start page, its login and its demand for an authorization. */
import fastify from 'fastify';

export interface SwarmUiOptions {
	/** With one, users have to log in: the value of the cookie that a browser has after it. */
	swarmToken?: string;
	/** SwarmUI's setting RequiredAuthorization: the whole value of the header, e.g. `Bearer abc`. */
	requiredAuthorization?: string;
}

export interface RunningSwarmUi {
	url: string;
	/** Requests in order of arrival, and whether each came from a user that is logged in. */
	seen: Array<{
		method: string;
		path: string;
		authorization?: string;
		cookie?: string;
		isUser: boolean;
	}>;
	close: () => Promise<void>;
}

const cookieOf = (header: string | undefined, name: string): string | undefined => {
	const pairs = (header ?? '').split(';').map((pair) => pair.trim().split('='));
	const value = pairs
		.find(([key]) => key === name)
		?.slice(1)
		.join('=');
	return value === undefined ? undefined : decodeURIComponent(value);
};

export async function startSwarmUi(options: SwarmUiOptions = {}): Promise<RunningSwarmUi> {
	const { swarmToken, requiredAuthorization } = options;
	const seen: RunningSwarmUi['seen'] = [];
	const app = fastify({ forceCloseConnections: true });
	const isUser = (cookie: string | undefined): boolean =>
		swarmToken === undefined || cookieOf(cookie, 'swarm_token') === swarmToken;
	app.addHook('onRequest', async (request, reply) => {
		const { authorization, cookie } = request.headers;
		seen.push({
			method: request.method,
			path: request.url,
			authorization,
			cookie,
			isUser: isUser(cookie),
		});
		if (requiredAuthorization === undefined || authorization === requiredAuthorization) return;
		await reply.code(401).type('text/plain').send('Unauthorized');
	});
	app.get('/', async (_request, reply) => reply.redirect('Text2Image', 302));
	// The page answers 200 to everybody; a stranger's browser is sent to the login by its script.
	app.get('/Text2Image', async (request, reply) =>
		reply
			.type('text/html')
			.send(
				isUser(request.headers.cookie)
					? '<title>SwarmUI</title>'
					: '<script>window.location.href = "Login";</script>',
			),
	);
	app.get('/Error/404', async (_request, reply) =>
		reply.code(404).type('text/html').send('<title>Error</title>'),
	);
	app.setNotFoundHandler((_request, reply) => reply.redirect('/Error/404', 302));
	const url = await app.listen({ host: '127.0.0.1', port: 0 });
	return { url, seen, close: async () => await app.close() };
}
