/** A value that changes until it is final, with any number of watchers: a slow one misses what was overtaken, and nothing queues up. */
export class Latest<T> {
  #value: T;
  #version = 0;
  #final = false;
  readonly #waiting = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  get final(): boolean {
    return this.#final;
  }

  /** A final value is never changed again. */
  set(value: T, options: { readonly final: boolean } = { final: false }): void {
    if (this.#final) throw new Error('the value is final');
    this.#value = value;
    this.#final = options.final;
    this.#version += 1;
    for (const wake of this.#waiting) wake();
  }

  /** The value as it is, then at each change, until it is final or the signal aborts. */
  async *changes(signal: AbortSignal): AsyncGenerator<T, void, void> {
    for (let seen = -1; !signal.aborted;) {
      if (seen === this.#version) {
        if (this.#final) return;
        await this.#change(signal);
      } else {
        seen = this.#version;
        yield this.#value;
      }
    }
  }

  /** Resolves at the next change, or when the signal aborts. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake);
    });
  }
}
