/** Pods, so far only the list that credential tests read. */
import type { FastifyInstance } from 'fastify';
import type { Emulator } from '../../emulator.mts';
import { ok } from '../wire.mts';
import { managed } from './plane.mts';

export function podRoutes(app: FastifyInstance, emulator: Emulator): void {
	managed(app, emulator, 'GET /pods', 'pods', () => ok({ pods: [] }));
}
