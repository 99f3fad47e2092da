/** Documents are read in a worker thread: bounded in time and memory, and away from every key. */
import { extname } from 'node:path';
import { Piscina } from 'piscina';
import { AppError } from '../errors.ts';
import type { IncrementRequest, PlannedIncrement } from './increment.ts';
import type { Outcome, PdfFacts, PdfTasks } from './pdf-worker.ts';
import type { PageText } from './text-anchor.ts';

export interface PdfPoolOptions {
  /** Longest that one document may be worked on; then the thread is killed: PDF_TIMEOUT. */
  readonly timeoutMs: number;
}

/** Bounds JavaScript's heap only; array buffers and WebAssembly are bounded where they are allocated. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 };

/** One thread, started at the first task and anew after one that was killed. Tasks run one after the other. */
export class PdfPool {
  readonly #piscina: Piscina;
  readonly #timeoutMs: number;
  /** Settles when the task before is over: a task's time counts from its own start. */
  #turn: Promise<void> = Promise.resolve();

  constructor({ timeoutMs }: PdfPoolOptions) {
    this.#timeoutMs = timeoutMs;
    this.#piscina = new Piscina({
      filename: new URL(`./pdf-worker${extname(import.meta.filename)}`, import.meta.url).href,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: Infinity,
      resourceLimits: RESOURCE_LIMITS,
      recordTiming: false,
    });
  }

  /** Throws PDF_*, FILE_UNREADABLE, or the signal's reason. */
  inspect(path: string, signal?: AbortSignal): Promise<PdfFacts> {
    return this.#run('inspect', { path }, signal);
  }

  /** Plans an increment (increment.ts); `random16` becomes the second file identifier. Throws as `inspect`, and what planning throws. */
  plan(path: string, request: IncrementRequest, random16: Uint8Array, signal?: AbortSignal): Promise<PlannedIncrement> {
    return this.#run('plan', { path, request, random16 }, signal);
  }

  /** The characters of all pages, or of those given, where they are seen. Throws as `inspect`. */
  readText(path: string, pages?: readonly number[], signal?: AbortSignal): Promise<readonly PageText[]> {
    return this.#run('readText', { path, pages }, signal);
  }

  /** Starts the thread and makes it ready to plan. */
  async warm(signal?: AbortSignal): Promise<void> {
    await this.#run('warm', null, signal);
  }

  /** Kills the thread; tasks under way reject. */
  async close(): Promise<void> {
    await this.#piscina.destroy();
  }

  async #run<K extends keyof PdfTasks>(
    name: K,
    task: PdfTasks[K]['task'],
    signal: AbortSignal = new AbortController().signal,
  ): Promise<PdfTasks[K]['value']> {
    signal.throwIfAborted();
    const before = this.#turn;
    const done = Promise.withResolvers<void>();
    this.#turn = before.then(() => done.promise);
    try {
      await untilAborted(before, signal);
      return await this.#runNow(name, task, signal);
    } finally {
      done.resolve();
    }
  }

  async #runNow<K extends keyof PdfTasks>(
    name: K,
    task: PdfTasks[K]['task'],
    signal: AbortSignal,
  ): Promise<PdfTasks[K]['value']> {
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    let outcome: Outcome<PdfTasks[K]['value']>;
    try {
      outcome = (await this.#piscina.run(task, { name, signal: AbortSignal.any([signal, timeout]) })) as typeof outcome;
    } catch (cause) {
      signal.throwIfAborted();
      if (timeout.aborted) throw new AppError('PDF_TIMEOUT', `not done after ${this.#timeoutMs} ms`, { cause });
      if ((cause as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY') {
        throw new AppError('PDF_LIMIT', 'it takes more memory to read than is allowed', { cause });
      }
      throw cause;
    }
    if (outcome.ok) return outcome.value;
    throw new AppError(outcome.code, outcome.detail, { extras: outcome.extras });
  }
}

/** Waits for `promise`; rejects with the signal's reason when that comes first. */
function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
