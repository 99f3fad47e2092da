/** Bytes that arrived and wait for the driver: the reading end of every link. */
import { concatBytes } from '../bytes.ts';
import type { AppError } from '../errors.ts';

/** More than any answer; a device that babbles while nobody reads does not eat the memory. */
const MOST = 1 << 20;

export class ByteQueue {
  #chunks: Uint8Array[] = [];
  #length = 0;
  #failure: AppError | null = null;
  /** Wakes the one reader that waits. */
  #wake: (() => void) | null = null;

  push(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#failure !== null) return;
    if (this.#length + bytes.length > MOST) this.drain();
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    this.#wake?.();
  }

  /** From now on reading fails with `error`; the first failure stays. */
  fail(error: AppError): void {
    this.#failure ??= error;
    this.drain();
    this.#wake?.();
  }

  get failure(): AppError | null {
    return this.#failure;
  }

  drain(): void {
    this.#chunks = [];
    this.#length = 0;
  }

  /** Everything that arrived, at least one byte. One reader at a time. */
  async read(signal: AbortSignal): Promise<Uint8Array> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#failure !== null) throw this.#failure;
      if (this.#length > 0) {
        const bytes = this.#chunks.length === 1 ? this.#chunks[0] : undefined;
        const all = bytes ?? concatBytes(...this.#chunks);
        this.drain();
        return all;
      }
      await this.#arrival(signal);
    }
  }

  #arrival(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#wake = null;
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
