import type { IDataObject } from 'n8n-workflow';

import { knownGpus } from '../core/catalog';
import type { CatalogGpu } from '../core/catalog';
import { JobFailure, failureIn, failureOf, invalidInput } from '../core/failure';
import type { Failure } from '../core/failure';
import {
	afterLookUp,
	afterRefusal,
	answersOf,
	beforeCreate,
	elderOf,
	notRevived,
} from '../core/podCreate';
import type { Attempt, Refusal, Step } from '../core/podCreate';
import { candidatesOf, podBody, wishedName } from '../core/podWish';
import type { PodWish } from '../core/podWish';
import { podItem, readPod, readPods } from '../core/pods';
import type { PodFacts } from '../core/pods';
import { pauseBefore } from '../core/retry';
import type { Reply } from '../core/reply';
import { readVolume } from '../core/volumes';
import { known } from './plane';
import type { Plane } from './plane';
import { waitUntilReady } from './podReady';
import type { ReadyOptions } from './podReady';

export interface CreateOptions {
	maxPods: number;
	maxTries: number;
	failureBackoffS: number;
	wait: boolean;
	ready: ReadyOptions;
}

/** A Pod that is there, and whether this run made it. */
interface Obtained {
	pod: PodFacts;
	created: boolean;
	refusals: Refusal[];
}

const LIST = { what: 'Pod', to: 'list Pods' };
/** A new Pod can take a moment to show up in the list. */
const LIST_DELAY_MS = 2000;

/** Gets one Pod for its owner: the one that is there, or a new one. What it makes, it does not lose. */
export class PodMaker {
	private readonly name: string;
	private catalog: CatalogGpu[] | undefined;
	/** Whether a request of this run may have made a Pod that nobody has seen. */
	private wasUnclear = false;

	constructor(
		private readonly plane: Plane,
		private wish: PodWish,
		private readonly options: CreateOptions,
	) {
		this.name = wishedName(wish);
	}

	async run(): Promise<IDataObject> {
		await this.checkWithAccount();
		const { maxTries, failureBackoffS, ready } = this.options;
		for (let failures = 0; ; failures += 1) {
			const got = await this.obtain();
			const end = await this.settle(got).catch(asFailed);
			if (end.type === 'done') return { ...end.item, failure_count: failures };
			const wasTerminated = got.created && (await this.cleanUp(got.pod));
			if (end.type === 'stopped' || failures + 1 >= maxTries || !wasTerminated) {
				if (end.type === 'stopped') throw new JobFailure(stoppedFailure(got.pod));
				throw new JobFailure(this.told(end.failure, got, wasTerminated, failures + 1));
			}
			this.plane.hints.add(
				`Pod '${got.pod.name}' did not become ready at port ${ready.port} and was terminated; another one was created.`,
			);
			await this.plane.stop.sleep(failureBackoffS * 1000);
		}
	}

	/** What only the account knows: GPU types, and where the network volume lies. */
	private async checkWithAccount(): Promise<void> {
		const { plane, wish } = this;
		this.catalog = await plane.catalog('POD');
		if (this.catalog !== undefined) {
			const gpus = knownGpus(wish.gpuTypes, this.catalog, 'GPU Types');
			this.wish = { ...wish, gpuTypes: gpus.map(({ id }) => id) };
		}
		const { networkVolume, dataCenters } = this.wish;
		if (networkVolume === '') return;
		const subject = { what: 'Network volume', id: networkVolume, to: 'read network volumes' };
		const body = await plane.read(`network-volumes/${encodeURIComponent(networkVolume)}`, subject);
		const { dataCenter } = known(readVolume(body), subject);
		if (dataCenters.length > 0 && !dataCenters.includes(dataCenter)) {
			throw invalidInput(
				`'Data Centers' must contain ${dataCenter}, where network volume '${networkVolume}' lies, not only ${dataCenters.join(', ')}.`,
			);
		}
		this.wish = { ...this.wish, dataCenters: [dataCenter] };
	}

	private async obtain(): Promise<Obtained> {
		const { plane, name, wish, options } = this;
		const before = beforeCreate(await this.pods(), name, wish.tag, options.maxPods);
		if (before.type === 'adopt') return { pod: before.pod, created: false, refusals: [] };
		if (before.type === 'revive') return await this.revive(before.pod);
		if (before.type === 'replace') {
			const { name: found, id } = before.pod;
			await this.terminate(id);
			plane.hints.add(`Pod '${found}' (${id}) had the status ERROR and no volume disk: replaced.`);
		}
		return await this.chosen(await this.create());
	}

	private async revive(pod: PodFacts): Promise<Obtained> {
		const subject = { what: 'Pod', id: pod.id, to: 'start Pods' };
		const end = await this.plane.act(pod.id, 'start', subject).then(
			(body) => ({ type: 'started' as const, pod: readPod(body) ?? pod }),
			asFailed,
		);
		if (end.type === 'failed') throw new JobFailure(notRevived(end.failure, pod));
		return { pod: end.pod, created: false, refusals: [] };
	}

	/** Two Pods of one name would be paid twice: the younger one, which is ours, goes again. */
	private async chosen(made: Obtained): Promise<Obtained> {
		const { plane } = this;
		const seen = await plane.api.list('pods', 'pods', { outlivesStop: true });
		const elder = seen.kind === 'ok' && elderOf(made.pod, readPods(seen.body) ?? []);
		if (!elder) return made;
		const { id } = made.pod;
		const fate = await this.terminate(id).then(
			() => 'was terminated.',
			() => 'could not be terminated and costs: end it with Pod > Terminate.',
		);
		plane.hints.add(
			`A Pod '${elder.name}' (${elder.id}) was created at the same time; the second one (${id}) ${fate}`,
		);
		// A request of this run whose answer was lost may have made it.
		return { ...made, pod: elder, created: this.wasUnclear };
	}

	/** Asks for one candidate after the other, each under the same name. */
	private async create(): Promise<Obtained> {
		const candidates = candidatesOf(this.wish, this.catalog);
		const refusals: Refusal[] = [];
		for (let index = 0, tries = 1; ; tries += 1) {
			const candidate = candidates[index]!;
			const reply = await this.plane.api.call('POST', 'pods', {
				body: podBody(this.wish, candidate),
				outlivesStop: true,
			});
			const pod = reply.kind === 'ok' ? readPod(reply.body) : undefined;
			if (pod !== undefined) return { pod, created: true, refusals };
			const isLast = index + 1 === candidates.length;
			const attempt: Attempt = { candidate, tries, refusals, isLast };
			const found = await this.settleRefusal(attempt, failedOf(reply));
			if ('id' in found) return { pod: found, created: true, refusals };
			if (found.type === 'fail') throw new JobFailure(found.failure);
			if (this.plane.stop.reason !== undefined) throw new JobFailure(stoppedFailure());
			if (found.type === 'next') {
				refusals.push({ candidate, reply: failedOf(reply) });
				index += 1;
				tries = 0;
				continue;
			}
			const asked = found.type === 'again' ? found.retryAfterMs : undefined;
			await this.plane.stop.sleep(pauseBefore(tries, Math.random(), asked));
		}
	}

	/** After an unclear answer the Pod may exist: it is looked for by its own name, two times. */
	private async settleRefusal(
		attempt: Attempt,
		reply: Refusal['reply'],
	): Promise<PodFacts | Exclude<Step, { type: 'lookUp' }>> {
		const step = afterRefusal(attempt, reply);
		if (step.type !== 'lookUp') return step;
		this.wasUnclear = true;
		for (const delayMs of [0, LIST_DELAY_MS]) {
			await this.plane.stop.sleep(delayMs, true);
			const own = beforeCreate(await this.pods(true), this.name, this.wish.tag, 0);
			if (own.type !== 'create') return own.pod;
		}
		const next = afterLookUp(attempt, reply);
		return next.type === 'lookUp' ? { type: 'again' } : next;
	}

	private async settle({ pod, created, refusals }: Obtained) {
		const { plane, options } = this;
		const url = plane.api.podUrl(pod.id, options.ready.port);
		const answers = answersOf(refusals);
		const more = { created, answers } as IDataObject;
		if (!options.wait) {
			if (plane.stop.reason !== undefined) return { type: 'stopped' as const };
			const item = { ...podItem(pod, { url }), ready_after_s: null, health: null, ...more };
			return { type: 'done' as const, item: item as IDataObject };
		}
		const end = await waitUntilReady(plane, pod.id, options.ready);
		if (end.type !== 'ready') return end;
		const item = {
			...podItem(end.pod, { url, isReady: true }),
			ready_after_s: end.afterS,
			health: 'PASSED',
			...more,
		};
		return { type: 'done' as const, item: item as IDataObject };
	}

	/** Whether a Pod of this run is gone. One that cannot be removed is named. */
	private async cleanUp({ id }: PodFacts): Promise<boolean> {
		const isWanted = this.options.ready.onTimeout === 'terminate';
		const isGone =
			isWanted &&
			(await this.terminate(id).then(
				() => true,
				() => false,
			));
		if (!isGone) this.plane.left.push(id);
		return isGone;
	}

	private async terminate(podId: string): Promise<void> {
		await this.plane.remove(`pods/${podId}`, { what: 'Pod', id: podId, to: 'terminate Pods' });
	}

	private told(failure: Failure, got: Obtained, wasTerminated: boolean, count: number): Failure {
		const { pod, created } = got;
		const gpu = this.catalog?.find(({ id }) => id === pod.gpu);
		const stock = gpu === undefined ? '' : `Stock of ${gpu.name} is ${gpu.availability ?? '?'}.`;
		const cost = pod.cost === undefined ? '' : ` and costs $${pod.cost} per hour`;
		const left = created ? 'It still exists' : 'It was there before this run, so it was kept';
		const fate = wasTerminated ? 'It was terminated.' : `${left}${cost}.`;
		const description = [failure.description, stock, fate].filter((one) => one !== '').join(' ');
		const details = {
			...failure.details,
			pod_id: pod.id,
			stock: gpu?.availability ?? null,
			terminated: wasTerminated,
			failure_count: count,
		};
		return { ...failure, description, details };
	}

	private async pods(hard = false): Promise<PodFacts[]> {
		return readPods({ pods: await this.plane.list('pods', 'pods', LIST, hard) }) ?? [];
	}
}

const failedOf = (reply: Reply): Refusal['reply'] =>
	reply.kind === 'ok' ? { kind: 'cut', detail: 'the answer could not be read' } : reply;

/** What goes wrong after the creation is no reason to lose the Pod. */
const asFailed = (thrown: unknown) => ({ type: 'failed' as const, failure: failureIn(thrown) });

/** Only its end matters: a stopped run is told by n8n's own words. */
function stoppedFailure(pod?: PodFacts): Failure {
	return failureOf('CANCELED', {}, { details: { pod_id: pod?.id } });
}
