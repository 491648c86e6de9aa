/** Pods: create, read, change, act, end, and their logs. */
import type { FastifyInstance } from 'fastify';
import type { Emulator } from '../../emulator.mts';
import { actionsOf, type Pod, type PodAction } from '../pods/pod.mts';
import { podBody } from '../pods/shape.mts';
import { noContent, ok, type Reply } from '../wire.mts';
import { streamLogs } from './logs.mts';
import { managed, problem, type ManagedCall } from './plane.mts';
import { place } from './podRules.mts';

export function podRoutes(app: FastifyInstance, emulator: Emulator): void {
	const shown = (pod: Pod) => podBody(pod, emulator.clock.now());
	const named = (call: ManagedCall, give: (pod: Pod) => Reply | 'sent') => {
		const pod = emulator.fleet.find(call.params.pod ?? '');
		return pod === undefined ? problem(404, 'pod not found') : give(pod);
	};

	managed(app, emulator, 'GET /pods', 'pods', () =>
		ok({ pods: emulator.fleet.shown().map(shown) }),
	);
	managed(
		app,
		emulator,
		'POST /pods',
		'pod-create',
		({ body, key }) => create(emulator, body, key.name),
		'createPod',
	);
	managed(app, emulator, 'GET /pods/:pod', 'pod-get', (call) =>
		named(call, (pod) => ok(shown(pod))),
	);
	managed(
		app,
		emulator,
		'PATCH /pods/:pod',
		'pod-update',
		(call) => named(call, (pod) => update(emulator, pod, call.body)),
		'updatePod',
	);
	managed(app, emulator, 'DELETE /pods/:pod', 'pod-delete', (call) =>
		named(call, (pod) => act(emulator, pod, 'terminate', call)),
	);
	managed(
		app,
		emulator,
		'POST /pods/:pod/action',
		'pod-action',
		(call) => named(call, (pod) => act(emulator, pod, call.body.action as PodAction, call)),
		'podAction',
	);
	managed(app, emulator, 'GET /pods/:pod/logs', 'pod-logs', (call) =>
		named(call, (pod) =>
			streamLogs(emulator, call, emulator.account.logs.get(pod.id) ?? [], 'pod not found'),
		),
	);
}

function create(emulator: Emulator, sent: Record<string, unknown>, createdBy: string): Reply {
	const { templateId, ...own } = sent;
	const template = emulator.account.templates.get(String(templateId ?? ''));
	if (templateId !== undefined && template === undefined) return problem(404, 'template not found');
	const env = { ...template?.env, ...(own.env as object | undefined) };
	const body: Record<string, unknown> = { ...template, ...own, env };
	const placed = place(emulator, body);
	if ('status' in placed) return placed;
	const pod = emulator.fleet.create({ ...placed, body, createdBy });
	return { status: 201, body: podBody(pod, emulator.clock.now()) };
}

/** Terminate answers 204, the others the Pod; what its state does not allow is a 409. */
function act(emulator: Emulator, pod: Pod, action: PodAction, { key }: ManagedCall): Reply {
	if (!actionsOf(pod).includes(action))
		return problem(409, `action '${action}' not valid for pod status ${pod.status}`);
	pod.actions.push({ at: emulator.clock.now(), action, key: key.name });
	emulator.fleet.apply(pod, action);
	return action === 'terminate' ? noContent : ok(podBody(pod, emulator.clock.now()));
}

/** Only sent fields change; a change of the container resets a Pod that runs. */
function update(emulator: Emulator, pod: Pod, body: Record<string, unknown>): Reply {
	const { locked, name, templateId: _, ...container } = body;
	const before = (pod.body.mounts ?? {}) as Record<string, unknown>;
	const kinds = Object.keys((container.mounts ?? {}) as object);
	if (kinds.some((kind) => before[kind] === undefined))
		return problem(400, 'the kind of a mount is fixed at create');
	if (typeof locked === 'boolean') pod.locked = locked;
	pod.body = { ...pod.body, ...(name === undefined ? {} : { name }), ...container };
	if (Object.keys(container).length > 0) emulator.fleet.apply(pod, 'restart');
	return ok(podBody(pod, emulator.clock.now()));
}
