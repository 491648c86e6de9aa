/** Waiting for facts, never for time: the deadline is only there to end a test that would hang. */
import { setTimeout as sleep } from 'node:timers/promises';

export async function until(what: string, condition: () => unknown, ms = 180_000): Promise<void> {
	const end = Date.now() + ms;
	while (!(await condition())) {
		if (Date.now() > end) throw new Error(`Waited in vain until ${what}.`);
		await sleep(50);
	}
}
