/** Work on hostile input in a thread of its own: bounded in time and memory, killed when it exceeds them, started anew for the next. */
import { Piscina } from 'piscina';
import { AppError } from './errors.ts';
import type { ErrorCode } from './errors.ts';

/** How a task ends. Failures travel as data, because a thread boundary strips errors of what they carry. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly detail: string;
      readonly extras: Readonly<Record<string, unknown>>;
    };

/** Type of the worker file's exported function of the task `K`. */
export type TaskHandler<
  Tasks extends { readonly [N in K]: { readonly task: unknown; readonly value: unknown } },
  K extends keyof Tasks,
> = (task: Tasks[K]['task']) => Promise<Outcome<Tasks[K]['value']>>;

export interface TaskPoolOptions {
  /** The worker file, .ts or .js. */
  readonly worker: URL;
  /** Longest that one task may take; then the thread is killed: PDF_TIMEOUT. */
  readonly timeoutMs: number;
}

/** Bounds JavaScript's heap only; array buffers and WebAssembly are bounded where they are allocated. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 };

/** One thread, started at the first task. Tasks run one after the other. */
export class TaskPool<
  Tasks extends { readonly [K in keyof Tasks]: { readonly task: unknown; readonly value: unknown } },
> {
  readonly #piscina: Piscina;
  readonly #timeoutMs: number;
  #closing = false;
  /** Settles when the task before is over: a task's time counts from its own start. */
  #turn: Promise<void> = Promise.resolve();

  constructor({ worker, timeoutMs }: TaskPoolOptions) {
    this.#timeoutMs = timeoutMs;
    this.#piscina = new Piscina({
      filename: worker.href,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: Infinity,
      resourceLimits: RESOURCE_LIMITS,
      recordTiming: false,
    });
  }

  /** Throws the task's AppError, PDF_TIMEOUT, PDF_LIMIT, SHUTTING_DOWN, or the signal's reason. */
  async run<K extends keyof Tasks & string>(
    name: K,
    task: Tasks[K]['task'],
    signal: AbortSignal = new AbortController().signal,
  ): Promise<Tasks[K]['value']> {
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

  /** Kills the thread; tasks under way reject with SHUTTING_DOWN. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#piscina.destroy();
  }

  async #runNow<K extends keyof Tasks & string>(
    name: K,
    task: Tasks[K]['task'],
    signal: AbortSignal,
  ): Promise<Tasks[K]['value']> {
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    let result: Outcome<Tasks[K]['value']>;
    try {
      result = (await this.#piscina.run(task, { name, signal: AbortSignal.any([signal, timeout]) })) as typeof result;
    } catch (cause) {
      signal.throwIfAborted();
      if (this.#closing) throw new AppError('SHUTTING_DOWN', '', { cause });
      if (timeout.aborted) throw new AppError('PDF_TIMEOUT', `not done after ${this.#timeoutMs} ms`, { cause });
      if ((cause as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY') {
        throw new AppError('PDF_LIMIT', 'it takes more memory to read than is allowed', { cause });
      }
      throw cause;
    }
    if (result.ok) return result.value;
    throw new AppError(result.code, result.detail, { extras: result.extras });
  }
}

/** In the worker: runs `work` and makes data of how it ended. */
export async function outcomeOf<T>(work: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { code, detail, extras } = error;
    return { ok: false, code, detail, extras };
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
