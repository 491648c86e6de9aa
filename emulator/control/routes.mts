/** The control API under /_control, and the sinks under /_sink. No key is asked: it listens on 127.0.0.1 alone. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Emulator } from '../emulator.mts';
import type { EndpointOptions } from '../runpod/endpoint.mts';
import type { AccountChange } from '../runpod/management/account.mts';
import type { KeyOptions } from '../runpod/keys.mts';
import type { PodRule } from '../runpod/pods/script.mts';
import { sleep } from './clock.mts';
import type { FaultRule } from './faults.mts';
import { changePod, type PodChange } from './pods.mts';
import type { ScriptRule } from './scripts.mts';
import type { SinkOptions } from './sinks.mts';

const advanceBody = z.object({ ms: z.number().min(0) }).strict();
const restartBody = z.object({ workerId: z.string() }).strict();

export function controlRoutes(app: FastifyInstance, emulator: Emulator): void {
	/** Runs a command; what it does not understand is a 400 that says why. */
	const command =
		(run: (body: unknown, params: Record<string, string>) => unknown) =>
		async (request: { body: unknown; params: unknown }, reply: FastifyReply) => {
			try {
				const text = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '';
				const body: unknown = text === '' ? {} : JSON.parse(text);
				return (await run(body, request.params as Record<string, string>)) ?? {};
			} catch (error) {
				return reply
					.code(400)
					.send({ error: error instanceof z.ZodError ? error.issues : String(error) });
			}
		};

	app.post(
		'/_control/endpoints',
		command((body) => emulator.setEndpoint(body as EndpointOptions).settings),
	);
	app.get(
		'/_control/endpoints',
		command(() => [...emulator.platform.endpoints.values()].map((each) => each.settings)),
	);
	app.get('/_control/endpoints/:id/worker-env', async (request, reply) => {
		const { id } = request.params as { id: string };
		const { workerId } = request.query as { workerId?: string };
		if (!emulator.platform.endpoints.has(id))
			return reply.code(404).send({ error: `no endpoint '${id}'` });
		return emulator.workerEnvironment(id, workerId);
	});
	app.post(
		'/_control/endpoints/:id/worker-restarted',
		command((body, params) => {
			emulator.workerRestarted(params.id, restartBody.parse(body).workerId);
		}),
	);
	app.post(
		'/_control/keys',
		command((body) => emulator.addKey(body as KeyOptions)),
	);
	app.delete(
		'/_control/keys/:name',
		command((_, params) => emulator.keys.remove(params.name)),
	);

	app.post(
		'/_control/account',
		command((body) => emulator.account.change(body as AccountChange)),
	);
	app.post(
		'/_control/pods',
		command((body) => ({ id: emulator.addPodScript(body as PodRule) })),
	);
	app.post(
		'/_control/pods/:id',
		command((body, params) => changePod(emulator, params.id, body as PodChange)),
	);
	app.post(
		'/_control/faults',
		command((body) => ({ id: emulator.addFault(body as FaultRule) })),
	);
	app.get(
		'/_control/faults',
		command(() => emulator.faults.list()),
	);
	app.delete(
		'/_control/faults',
		command(() => void emulator.removeFault()),
	);
	app.delete(
		'/_control/faults/:id',
		command((_, params) => ({ removed: emulator.removeFault(params.id) })),
	);

	app.post(
		'/_control/scripts',
		command((body) => ({ id: emulator.addScript(body as ScriptRule) })),
	);
	app.delete(
		'/_control/scripts',
		command(() => emulator.scripts.clear()),
	);
	app.post(
		'/_control/sinks',
		command((body) => emulator.sinks.set(body as SinkOptions)),
	);

	app.get(
		'/_control/clock',
		command(() => ({ kind: emulator.clock.kind, now: emulator.clock.now() })),
	);
	app.post(
		'/_control/clock/advance',
		command(async (body) => {
			await emulator.advance(advanceBody.parse(body).ms);
			return { now: emulator.clock.now() };
		}),
	);

	app.get('/_control/ledger', async (request, reply) => {
		const snapshot = emulator.snapshot();
		const { parts } = request.query as { parts?: string };
		if (parts === undefined) return snapshot;
		const names = parts.split(',') as Array<keyof typeof snapshot>;
		const unknown = names.find((name) => !(name in snapshot));
		if (unknown !== undefined) return reply.code(400).send({ error: `no part '${unknown}'` });
		return Object.fromEntries(names.map((name) => [name, snapshot[name]]));
	});
	app.post(
		'/_control/reset',
		command(() => emulator.reset()),
	);

	app.all('/_sink/:name', async (request, reply) => {
		const { name } = request.params as { name: string };
		const body = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '';
		const { method, url, headers } = request;
		emulator.ledger.sinks.push({
			at: emulator.clock.now(),
			name,
			method,
			path: url,
			headers,
			body,
		});
		const answer = emulator.sinks.answer(name);
		if (answer.delayMs > 0) await sleep(emulator.clock, answer.delayMs);
		return reply.code(answer.status).headers(answer.headers).send(answer.body);
	});
}
