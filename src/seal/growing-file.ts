/** A PDF that grows in place: by all of what is added, on disk and read back, or not at all. */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { AppError, isAppError } from '../errors.ts';
import { fileChunks } from '../file-chunks.ts';

/** Brings what was written to the disk itself. */
export type Flush = (file: FileHandle) => Promise<void>;

const datasync: Flush = (file) => file.datasync();

export class GrowingFile {
  readonly #file: FileHandle;
  readonly #bytes: number;
  readonly #flush: Flush;

  private constructor(file: FileHandle, bytes: number, flush: Flush) {
    this.#file = file;
    this.#bytes = bytes;
    this.#flush = flush;
  }

  /** A file that has `bytes` bytes. Throws FILE_UNWRITABLE. */
  static async open(path: string, bytes: number, flush: Flush = datasync): Promise<GrowingFile> {
    try {
      return new GrowingFile(await open(path, 'r+'), bytes, flush);
    } catch (cause) {
      throw new AppError('FILE_UNWRITABLE', 'the PDF to seal', { cause });
    }
  }

  /** Throws SEAL_FAILED where it is of another length: another hand was in it. */
  async requireUntouched(): Promise<void> {
    const { size } = await this.#file.stat();
    if (size === this.#bytes) return;
    throw new AppError('SEAL_FAILED', `the file changed while it was being sealed: ${this.#bytes} bytes, now ${size}`);
  }

  /** SHA-256 running over all of it. Throws FILE_UNREADABLE, the signal's reason. */
  async hash(signal: AbortSignal): Promise<Hash> {
    const hash = createHash('sha256');
    let read = 0;
    for await (const chunk of fileChunks(this.#file, { bytes: this.#bytes, signal })) {
      hash.update(chunk);
      read += chunk.length;
    }
    if (read < this.#bytes) throw new AppError('FILE_UNREADABLE', 'the PDF to seal ended early');
    return hash;
  }

  /**
   * Adds `bytes`; `check` is given them as they are read back. Waits for `beside`, too, and gives its value. Throws what either throws,
   * FILE_UNWRITABLE, SEAL_SELF_CHECK; the file is what it was then.
   */
  async append<T>(bytes: Uint8Array, check: (back: Buffer) => void, beside: Promise<T>): Promise<T> {
    try {
      await this.#write(bytes);
      const [, , value] = await allOf([this.#flush(this.#file), this.#readBack(bytes, check), beside]);
      return value;
    } catch (error) {
      await this.#file.truncate(this.#bytes);
      await this.#flush(this.#file);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#bytes + done);
        done += bytesWritten;
      }
    } catch (cause) {
      throw isAppError(cause) ? cause : new AppError('FILE_UNWRITABLE', 'the sealed PDF', { cause });
    }
  }

  async #readBack(bytes: Uint8Array, check: (back: Buffer) => void): Promise<void> {
    const back = Buffer.alloc(bytes.length);
    const [{ bytesRead }, { size }] = await Promise.all([
      this.#file.read(back, 0, back.length, this.#bytes),
      this.#file.stat(),
    ]);
    if (bytesRead !== bytes.length || size !== this.#bytes + bytes.length || !back.equals(bytes)) {
      throw new AppError('SEAL_SELF_CHECK', 'the increment on disk is not the one that was written');
    }
    check(back);
  }
}

/** Waits for all to end, however they end: what is undone afterwards must not be done meanwhile. */
async function allOf<T extends readonly unknown[] | []>(work: T): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
