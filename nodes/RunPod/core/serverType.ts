import { JobFailure, failureOf } from './failure';

/** What answers at the address of a RunPod Worker credential. */
export type ServerType = 'studio' | 'comfyui' | 'swarmui';

export const serverTypes: Readonly<Record<ServerType, string>> = {
	comfyui: 'ComfyUI',
	studio: 'Studio Worker',
	swarmui: 'SwarmUI',
};

/** A credential from before there was a choice has none: it is a Studio Worker's. */
export const serverTypeOf = (value: unknown): ServerType =>
	value === 'comfyui' || value === 'swarmui' ? value : 'studio';

/** Throws INVALID_INPUT where the credential's server does not know the job API. */
export function mustBeStudioWorker(serverType: unknown): void {
	const type = serverTypeOf(serverType);
	if (type === 'studio') return;
	const detail = `The credential's 'Server Type' is ${serverTypes[type]}, but this operation needs a Studio Worker.`;
	const remedy =
		"Choose a credential whose 'Server Type' is Studio Worker, or set 'Run On' to RunPod Endpoint. Nothing was submitted.";
	throw new JobFailure(failureOf('INVALID_INPUT', { detail }, { remedy }));
}
