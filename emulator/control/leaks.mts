/** Looks for API keys where they do not belong: in inputs, addresses, other headers, calls to other hosts. */
import type { Key } from '../runpod/keys.mts';
import type { Ledger } from './ledger.mts';

export interface Leak {
	/** The name of the key, never the key. */
	key: string;
	/** The part of the ledger and the address or job where it stood. */
	where: string;
}

export function findLeaks(ledger: Ledger, keys: Key[]): Leak[] {
	const leaks: Leak[] = [];
	const look = (value: unknown, where: string) => {
		const text = JSON.stringify(value) ?? '';
		for (const { key, name } of keys) if (text.includes(key)) leaks.push({ key: name, where });
	};
	for (const { path, headers, body } of ledger.requests) {
		// The one place of a key is the Authorization header of RunPod's own planes.
		const { authorization: _, ...others } = headers;
		look({ path, others, body }, `request ${path.split('?')[0]}`);
	}
	// What runs in a Pod is a stranger's: RunPod's key has no business there, in no header.
	for (const call of ledger.podCalls) look(call, `pod ${call.pod} ${call.path}`);
	for (const submit of ledger.submits) look(submit, `submit ${submit.jobId}`);
	// Sinks stand for other hosts: neither header, address nor body may hold a key.
	for (const sink of ledger.sinks) look(sink, `sink ${sink.name}`);
	return leaks;
}
