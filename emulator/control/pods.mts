/** The part of the control API that is about Pods. */
import { z } from 'zod';
import type { Emulator } from '../emulator.mts';
import { app, telemetry } from '../runpod/pods/script.mts';

const change = z
	.object({
		/** Forces a state; TERMINATED by force stays visible. */
		status: z
			.enum(['PROVISIONING', 'STARTING', 'RUNNING', 'EXITED', 'ERROR', 'TERMINATED'])
			.optional(),
		locked: z.boolean().optional(),
		telemetry: telemetry.partial().optional(),
		app: app.partial().optional(),
	})
	.strict();
export type PodChange = z.input<typeof change>;

/** Changes a Pod from outside, by its id or name. Throws for one that does not exist. */
export function changePod(emulator: Emulator, idOrName: string, body: PodChange): void {
	const { fleet } = emulator;
	const pod = fleet.shown().find(({ id, body: made }) => id === idOrName || made.name === idOrName);
	if (pod === undefined) throw new Error(`there is no Pod '${idOrName}'`);
	const parsed = change.parse(body);
	// The schema fills in defaults, which would undo what was set before: only what was sent counts.
	const sent = Object.keys(body.telemetry ?? {}) as Array<keyof typeof telemetry.shape>;
	if (parsed.status !== undefined) fleet.force(pod, parsed.status);
	if (parsed.locked !== undefined) pod.locked = parsed.locked;
	if (parsed.telemetry !== undefined)
		fleet.setTelemetry(pod, Object.fromEntries(sent.map((key) => [key, parsed.telemetry?.[key]])));
	if (parsed.app !== undefined)
		pod.script = { ...pod.script, app: app.parse({ ...pod.script.app, ...body.app }) };
}
