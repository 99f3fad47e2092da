/** A clock that moves only when a test says so. */
import type { Clock } from '../../src/clock.ts';

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

export class VirtualClock implements Clock {
  #startMs: number;
  #elapsedMs = 0;
  #sleepers: Sleeper[] = [];

  constructor(start: Date | string = '2026-03-02T01:30:00Z') {
    this.#startMs = new Date(start).getTime();
  }

  /** How many are asleep. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  now(): Date {
    return new Date(this.#startMs + this.#elapsedMs);
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const sleeper: Sleeper = {
        dueMs: this.#elapsedMs + Math.max(0, ms),
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  /** Moves on by `ms`, waking sleepers one after the other when they are due; what they start may sleep and be woken within it. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms;
    await settle();
    for (;;) {
      const next = this.#sleepers.toSorted((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined || next.dueMs > endMs) break;
      this.#sleepers = this.#sleepers.filter((other) => other !== next);
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      next.wake();
      await settle();
    }
    this.#elapsedMs = endMs;
  }

  /** Sets the wall clock, as a person or a time server does; nobody is woken. */
  set(time: Date | string): void {
    this.#startMs = new Date(time).getTime() - this.#elapsedMs;
  }
}

/** Lets everything run that waits for no time and no device. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
