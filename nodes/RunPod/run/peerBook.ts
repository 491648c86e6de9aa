import type { Run } from '../core/run';
import { block, learn, noPeers } from '../core/schedule';
import type { Peers } from '../core/schedule';
import type { JobApi } from '../transport/jobs';

/** What the jobs of one run know about each other, by the target that serves them. */
export class PeerBook {
	private readonly peers = new Map<string, Peers>();

	of({ baseUrl }: JobApi): Peers {
		return this.peers.get(baseUrl) ?? noPeers();
	}

	learn(api: JobApi, executionMs: number): void {
		this.peers.set(api.baseUrl, learn(this.of(api), executionMs));
	}

	/** One job that is asked to slow down speaks for all jobs of the same target. */
	slowDown(api: JobApi, run: Run): void {
		if (run.lastMiss?.kind !== 'http' || run.lastMiss.status === 404) return;
		this.peers.set(api.baseUrl, block(this.of(api), run.notBefore));
	}
}
