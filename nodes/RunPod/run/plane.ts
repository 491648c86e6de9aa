import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import { catalogPath, readCatalog } from '../core/catalog';
import type { CatalogGpu, Product } from '../core/catalog';
import { JobFailure } from '../core/failure';
import { isPassing } from '../core/reply';
import type { Reply } from '../core/reply';
import { refusalOf } from '../core/refusal';
import type { Subject } from '../core/refusal';
import { pauseBefore } from '../core/retry';
import { listOf, recordOf, textOf } from '../core/reading';
import type { CallMore, ManagementApi } from '../transport/managementApi';
import type { StopSign } from './stop';

/** A request that may be repeated is repeated this often. */
const ATTEMPTS = 5;

type Failed = Exclude<Reply, { kind: 'ok' }>;

export type PodAction = 'start' | 'stop' | 'restart';

/** Statuses that an action leads to. */
const REACHED: Readonly<Record<PodAction, readonly string[]>> = {
	start: ['PROVISIONING', 'STARTING', 'RUNNING'],
	stop: ['EXITED'],
	restart: [],
};

const ROUNDS = 3;

/** The other side has certainly done nothing. */
const wasRefused = (reply: Reply): boolean =>
	reply.kind === 'refused' || (reply.kind === 'http' && reply.status === 429);

/** The management API as one execution uses it: repeats what may be repeated, tells what fails. */
export class Plane {
	/** Lines for the person who runs the workflow. */
	readonly hints = new Set<string>();
	/** Pods that a stopped run leaves behind. */
	readonly left: string[] = [];
	/**
	 * Undoes what must not stay when the run ends without handing it on; tells in a sentence what stayed
	 * nevertheless.
	 */
	readonly undo: Array<() => Promise<string | undefined>> = [];

	constructor(
		readonly context: IExecuteFunctions,
		readonly api: ManagementApi,
		readonly stop: StopSign,
	) {}

	/** Repeats a request while the answer says nothing; `hard` goes on after a stop. */
	async ask(
		request: () => Promise<Reply>,
		mayRepeat: (reply: Reply) => boolean = isPassing,
		hard = false,
	): Promise<{ reply: Reply; attempts: number }> {
		for (let attempts = 1; ; attempts += 1) {
			const reply = await request();
			const isStopped = !hard && this.stop.reason !== undefined;
			if (attempts === ATTEMPTS || isStopped || !mayRepeat(reply)) return { reply, attempts };
			const asked = reply.kind === 'http' ? reply.retryAfterMs : undefined;
			await this.stop.sleep(pauseBefore(attempts, Math.random(), asked), hard);
		}
	}

	/** The body of a GET. Throws the failure of an answer that is none. */
	async read(path: string, subject: Subject): Promise<unknown> {
		return await this.answered(subject, async () => await this.api.call('GET', path));
	}

	/** As `read`; undefined for what does not exist. */
	async find(path: string, subject: Subject): Promise<unknown> {
		const { reply, attempts } = await this.ask(async () => await this.api.call('GET', path));
		if (reply.kind === 'http' && reply.status === 404) return undefined;
		return bodyOf(reply, subject, attempts);
	}

	/** The body of a GET, undefined where it did not come: for what is told beside the work. */
	async glance(path: string): Promise<unknown> {
		const reply = await this.api.call('GET', path);
		return reply.kind === 'ok' ? reply.body : undefined;
	}

	/** GPU types with price and stock of the moment; undefined where the catalog did not come. */
	async catalog(product: Product): Promise<CatalogGpu[] | undefined> {
		const reply = await this.api.list(catalogPath(product), 'gpus');
		return reply.kind === 'ok' ? readCatalog(reply.body) : undefined;
	}

	/** All entries of a list. */
	async list(path: string, key: string, subject: Subject, hard = false): Promise<IDataObject[]> {
		const { reply, attempts } = await this.ask(
			async () => await this.api.list(path, key, { outlivesStop: hard }),
			isPassing,
			hard,
		);
		return (listOf(bodyOf(reply, subject, attempts), key) ?? []) as IDataObject[];
	}

	/** A change that may be sent twice: PATCH with final values, DELETE. */
	async change(
		method: 'PATCH' | 'DELETE',
		path: string,
		subject: Subject,
		more: CallMore = {},
	): Promise<unknown> {
		return await this.answered(subject, async () => await this.api.call(method, path, more));
	}

	/** Deletes; what is gone already is no failure. Returns whether it was there. */
	async remove(path: string, subject: Subject): Promise<boolean> {
		const { reply, attempts } = await this.ask(
			async () => await this.api.call('DELETE', path, { outlivesStop: true }),
			isPassing,
			true,
		);
		if (reply.kind === 'http' && reply.status === 404) return false;
		bodyOf(reply, subject, attempts);
		return true;
	}

	/**
	 * Starts, stops or restarts a Pod. Where the answer was lost, the Pod's status tells whether it
	 * was heard; a restart leaves no trace and is sent once.
	 */
	async act(podId: string, action: PodAction, subject: Subject): Promise<unknown> {
		const place = `pods/${podId}`;
		for (let round = 1; ; round += 1) {
			const { reply, attempts } = await this.ask(
				async () =>
					await this.api.call('POST', `${place}/action`, { body: { action }, outlivesStop: true }),
				wasRefused,
			);
			if (reply.kind === 'ok') return reply.body;
			const isDefinite = !isPassing(reply);
			const seen = isDefinite ? undefined : await this.glance(place);
			const status = textOf(recordOf(seen).status) ?? '';
			if (REACHED[action].includes(status)) return seen;
			const mayRepeat = action !== 'restart' && round < ROUNDS && this.stop.reason === undefined;
			if (isDefinite || !mayRepeat) {
				throw new JobFailure(refusalOf(reply, subject, [], attempts));
			}
			await this.stop.sleep(pauseBefore(round, Math.random()));
		}
	}

	/**
	 * Creates something under its own name: after an answer that leaves open what happened it is
	 * looked for, and sent again only where it is certainly not there.
	 */
	async create<T>(
		path: string,
		body: object,
		subject: Subject,
		find: () => Promise<T | undefined>,
		read: (body: unknown) => T | undefined,
	): Promise<T> {
		for (let round = 1; ; round += 1) {
			const { reply, attempts } = await this.ask(
				async () => await this.api.call('POST', path, { body, outlivesStop: true }),
				wasRefused,
			);
			const made = reply.kind === 'ok' ? read(reply.body) : undefined;
			if (made !== undefined) return made;
			const isDefinite = reply.kind !== 'ok' && !isPassing(reply);
			const found = isDefinite || reply.kind === 'refused' ? undefined : await find();
			if (found !== undefined) return found;
			if (isDefinite || round === ROUNDS || this.stop.reason !== undefined) {
				throw new JobFailure(refusalOf(failedOf(reply), subject, [], attempts));
			}
			await this.stop.sleep(pauseBefore(round, Math.random()));
		}
	}

	private async answered(subject: Subject, request: () => Promise<Reply>): Promise<unknown> {
		const { reply, attempts } = await this.ask(request);
		return bodyOf(reply, subject, attempts);
	}
}

const failedOf = (reply: Reply): Failed =>
	reply.kind === 'ok' ? { kind: 'cut', detail: 'the answer could not be read' } : reply;

export function bodyOf(reply: Reply, subject: Subject, attempts = 1): unknown {
	if (reply.kind === 'ok') return reply.body;
	throw new JobFailure(refusalOf(reply, subject, [], attempts));
}

/** What was read, or the failure of an answer that has another shape. */
export function known<T>(value: T | undefined, subject: Subject): T {
	if (value !== undefined) return value;
	throw new JobFailure(refusalOf(failedOf({ kind: 'ok', status: 200, body: undefined }), subject));
}
