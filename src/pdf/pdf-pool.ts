/** Documents are read in a worker thread: bounded in time and memory, and away from every key. */
import { extname } from 'node:path';
import { TaskPool } from '../task-pool.ts';
import type { PlannedStore, SecurityStore } from './dss.ts';
import type { IncrementRequest, PlannedIncrement } from './increment.ts';
import type { PdfFacts, PdfTasks, SignedFacts } from './pdf-worker.ts';
import type { PageText } from './text-anchor.ts';

export interface PdfPoolOptions {
  /** Longest that one document may be worked on; then the thread is killed: PDF_TIMEOUT. */
  readonly timeoutMs: number;
}

export interface ReadTextOptions {
  /** Numbers of the pages to read, from 1; absent: all. */
  readonly pages?: readonly number[];
  /** How much of the file is the document; absent: all of it. More may come behind it meanwhile. */
  readonly bytes?: number;
  readonly signal?: AbortSignal;
}

export class PdfPool {
  readonly #tasks: TaskPool<PdfTasks>;

  constructor({ timeoutMs }: PdfPoolOptions) {
    const worker = new URL(`./pdf-worker${extname(import.meta.filename)}`, import.meta.url);
    this.#tasks = new TaskPool<PdfTasks>({ worker, timeoutMs });
  }

  /** Throws PDF_*, FILE_UNREADABLE, or the signal's reason. */
  inspect(path: string, signal?: AbortSignal): Promise<PdfFacts> {
    return this.#tasks.run('inspect', { path }, signal);
  }

  /**
   * Plans an increment (increment.ts) and reads it back as part of the document; `random16` becomes the second file identifier. Throws
   * as `inspect`, what planning throws, and SEAL_SELF_CHECK.
   */
  plan(path: string, request: IncrementRequest, random16: Uint8Array, signal?: AbortSignal): Promise<PlannedIncrement> {
    return this.#tasks.run('plan', { path, request, random16 }, signal);
  }

  /**
   * Plans what the security store (dss.ts) of the file, with `tail` behind it, lacks of `store`; null where nothing is missing. Throws as
   * `plan`.
   */
  planStore(
    path: string,
    request: { readonly tail: Uint8Array; readonly store: SecurityStore; readonly random16: Uint8Array },
    signal?: AbortSignal,
  ): Promise<PlannedStore | null> {
    return this.#tasks.run('planStore', { path, ...request }, signal);
  }

  /** Plans a document timestamp (document-timestamp.ts) on the file with `tail` behind it. Throws as `plan`. */
  planTimestamp(
    path: string,
    request: { readonly tail: Uint8Array; readonly contentsBytes: number; readonly random16: Uint8Array },
    signal?: AbortSignal,
  ): Promise<PlannedIncrement> {
    return this.#tasks.run('planTimestamp', { path, ...request }, signal);
  }

  /** The signatures and the security store of a file. Throws as `inspect`. */
  inspectSigned(path: string, signal?: AbortSignal): Promise<SignedFacts> {
    return this.#tasks.run('inspectSigned', { path }, signal);
  }

  /** The characters of the pages, where they are seen. Throws as `inspect`. */
  readText(path: string, { signal, ...wanted }: ReadTextOptions = {}): Promise<readonly PageText[]> {
    return this.#tasks.run('readText', { path, ...wanted }, signal);
  }

  /** Starts the thread and makes it ready to plan. */
  async warm(signal?: AbortSignal): Promise<void> {
    await this.#tasks.run('warm', null, signal);
  }

  /** Kills the thread; tasks under way reject. */
  async close(): Promise<void> {
    await this.#tasks.close();
  }
}
