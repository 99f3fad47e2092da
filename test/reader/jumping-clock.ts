/** A clock that runs only when everybody waits for it: time jumps from one timer to the next, and minutes take milliseconds. */
import type { Clock } from '../../src/clock.ts';

interface Timer {
  readonly at: number;
  readonly ring: () => void;
}

export class JumpingClock implements Clock {
  #now = 0;
  #timers: Timer[] = [];
  #ticking = false;

  now(): Date {
    return new Date(Date.UTC(2023, 5, 15) + this.#now);
  }

  monotonicMs(): number {
    return this.#now;
  }

  /** Timers that are set: what still waits. */
  get waiting(): number {
    return this.#timers.length;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const onAbort = (): void => {
        this.#timers = this.#timers.filter((other) => other !== timer);
        reject(signal?.reason as Error);
      };
      const timer = {
        at: this.#now + ms,
        ring: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      this.#timers.push(timer);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#tick();
    });
  }

  /** After all that can go on without time has gone on, the next timer rings. */
  #tick(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    setImmediate(() => {
      this.#ticking = false;
      const next = this.#timers.toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined) return;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.ring();
      this.#tick();
    });
  }
}
