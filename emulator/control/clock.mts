/**
 * The time everything in the emulator lives by: real, or a fake one that tests move by hand.
 * Every wait of the platform (long polls, limits, gaps between webhook attempts) is a timer of this clock.
 */

export interface Timer {
	cancel(): void;
}

export interface Clock {
	readonly kind: 'real' | 'fake';
	/** Milliseconds since 1970. */
	now(): number;
	/** Calls `run` once after `ms` milliseconds, not below 0. */
	after(ms: number, run: () => void): Timer;
	/** Work outside the process (a webhook under way) that a fake clock waits for before it goes on. */
	track(work: Promise<unknown>): void;
	/** Stops all timers. */
	clear(): void;
}

/** The longest wait that Node's own timers know. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class RealClock implements Clock {
	readonly kind = 'real';
	private readonly running = new Set<NodeJS.Timeout>();

	now(): number {
		return Date.now();
	}

	after(ms: number, run: () => void): Timer {
		const timer = setTimeout(
			() => {
				this.running.delete(timer);
				run();
			},
			Math.min(Math.max(0, ms), LONGEST_TIMER_MS),
		);
		// A job that may live for 24 hours must not keep the process alive.
		timer.unref();
		this.running.add(timer);
		return {
			cancel: () => {
				clearTimeout(timer);
				this.running.delete(timer);
			},
		};
	}

	track(): void {}

	clear(): void {
		for (const timer of this.running) clearTimeout(timer);
		this.running.clear();
	}
}

interface Planned {
	at: number;
	order: number;
	run: () => void;
}

export class FakeClock implements Clock {
	readonly kind = 'fake';
	private time: number;
	private planned: Planned[] = [];
	private counter = 0;
	private readonly work = new Set<Promise<unknown>>();

	constructor(start: number = Date.UTC(2026, 0, 1)) {
		this.time = start;
	}

	now(): number {
		return this.time;
	}

	after(ms: number, run: () => void): Timer {
		const entry = { at: this.time + Math.max(0, ms), order: this.counter++, run };
		this.planned.push(entry);
		return {
			cancel: () => {
				this.planned = this.planned.filter((other) => other !== entry);
			},
		};
	}

	track(work: Promise<unknown>): void {
		const entry: Promise<unknown> = work
			.finally(() => this.work.delete(entry))
			.catch(() => undefined);
		this.work.add(entry);
	}

	clear(): void {
		this.planned = [];
	}

	/** Moves the time on by `ms`; each timer that comes due runs at its own time, in order. */
	async advance(ms: number): Promise<void> {
		const target = this.time + ms;
		for (;;) {
			await this.settle();
			const next = this.planned
				.filter((entry) => entry.at <= target)
				.sort((a, b) => a.at - b.at || a.order - b.order)[0];
			if (next === undefined) break;
			this.planned = this.planned.filter((entry) => entry !== next);
			this.time = Math.max(this.time, next.at);
			next.run();
		}
		this.time = target;
		await this.settle();
	}

	private async settle(): Promise<void> {
		do {
			await Promise.all(this.work);
			// What the last timer woke (promises, replies) gets its turn before the time moves on.
			await new Promise((resolve) => setImmediate(resolve));
		} while (this.work.size > 0);
	}
}

/** Resolves after `ms` of the clock. */
export function sleep(clock: Clock, ms: number): Promise<void> {
	return new Promise((resolve) => {
		clock.after(ms, resolve);
	});
}
