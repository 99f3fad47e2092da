/** Uploaded PDFs on disk: taken in with their hash running, extended in place by a sealing, cut back when that fails. */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { constants, open, readdir, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, isAppError } from '../errors.ts';
import { fileChunks, gathered } from '../file-chunks.ts';

export interface Received<Facts> {
  readonly sha256: string;
  readonly bytes: number;
  readonly facts: Facts;
}

/** What of a file tells that nobody else was in it. */
interface Identity {
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ino: bigint;
}

interface Known {
  readonly identity: Identity;
  readonly sha256: string;
  /** Over the whole file. */
  readonly hash?: Hash;
}

/** Beyond this many the oldest is forgotten, and its file is read again when it is needed. */
const MOST_KNOWN = 1000;

export class UploadFolder {
  readonly #folder: string;
  readonly #maxBytes: number;
  /** By id: the file when it was last hashed. */
  readonly #known = new Map<string, Known>();

  constructor(folder: string, maxBytes: number) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  pathOf(id: string): string {
    return join(this.#folder, `${id}.pdf`);
  }

  /**
   * Takes a file in: counted and hashed as it arrives, looked at by `inspect`, on disk for good when this resolves; nothing stays when
   * it throws. BODY_TOO_LARGE, STATE_UNUSABLE, what `inspect` and the stream throw, the signal's reason.
   */
  async receive<Facts>(
    id: string,
    stream: AsyncIterable<Uint8Array>,
    inspect: (path: string) => Promise<Facts>,
    signal: AbortSignal,
  ): Promise<Received<Facts>> {
    const draft = join(this.#folder, `${id}.part`);
    try {
      const { hash, bytes } = await this.#write(draft, stream, signal);
      const facts = await inspect(draft);
      signal.throwIfAborted();
      await onDisk(() => rename(draft, this.pathOf(id)));
      await this.#syncFolder();
      const sha256 = hash.copy().digest('hex');
      this.#remember(id, { identity: await this.#identity(id), sha256, hash });
      return { sha256, bytes, facts };
    } catch (error) {
      await this.#delete(draft);
      await this.#delete(this.pathOf(id));
      throw error;
    }
  }

  /** The running hash over the whole file, where it is still the file that was hashed; to be copied, not consumed. */
  async midstate(id: string): Promise<Hash | undefined> {
    const known = this.#known.get(id);
    return known?.hash !== undefined && same(known.identity, await this.#identity(id)) ? known.hash : undefined;
  }

  /** Throws STATE_UNUSABLE unless the first `bytes` bytes have this hash; reads them only where the file is not the one last read. */
  async requireContent(id: string, bytes: number, sha256: string): Promise<void> {
    const identity = await this.#identity(id);
    const known = this.#known.get(id);
    if (known?.sha256 === sha256 && same(known.identity, identity) && identity.size === BigInt(bytes)) return;
    const found = await onDisk(() => hashStart(this.pathOf(id), bytes));
    if (found !== sha256) throw new AppError('STATE_UNUSABLE', `the stored document of agreement ${id} was changed`);
    if (identity.size === BigInt(bytes)) this.#remember(id, { identity, sha256 });
  }

  /** Makes the file its first `bytes` bytes again. Nothing is left to do where it is gone; whoever reads it will find that. */
  async cutBack(id: string, bytes: number): Promise<void> {
    await onDisk(async () => {
      await using file = await openIfThere(this.pathOf(id));
      if (file === null) return;
      const { size } = await file.stat();
      if (size <= bytes) return;
      await file.truncate(bytes);
      await file.sync();
    });
  }

  async remove(id: string): Promise<void> {
    this.#known.delete(id);
    await this.#delete(this.pathOf(id));
  }

  /** Removes what belongs to none of `ids`: uploads that a crash cut off, files that could not be removed while they were open. */
  async removeOthers(ids: readonly string[]): Promise<void> {
    const kept = new Set(ids.map((id) => `${id}.pdf`));
    for (const name of await onDisk(() => readdir(this.#folder))) {
      if (!kept.has(name)) await this.#delete(join(this.#folder, name));
    }
  }

  async #write(
    path: string,
    stream: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<{ hash: Hash; bytes: number }> {
    const hash = createHash('sha256');
    let bytes = 0;
    await using file = await onDisk(() => open(path, 'wx', 0o600));
    for await (const piece of gathered(stream, this.#maxBytes)) {
      signal.throwIfAborted();
      hash.update(piece);
      await onDisk(() => file.writeFile(piece));
      bytes += piece.length;
    }
    await onDisk(() => file.sync());
    return { hash, bytes };
  }

  async #identity(id: string): Promise<Identity> {
    return onDisk(() => stat(this.pathOf(id), { bigint: true }));
  }

  #remember(id: string, known: Known): void {
    this.#known.delete(id);
    this.#known.set(id, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST_KNOWN && oldest !== undefined) this.#known.delete(oldest);
  }

  /** Best effort: Windows keeps a file that someone is downloading; `removeOthers` gets it at the next start. */
  async #delete(path: string): Promise<void> {
    await rm(path, { force: true, maxRetries: 3 }).catch(() => undefined);
  }

  /** Makes the rename last through a power cut. Windows opens no folders and needs it not. */
  async #syncFolder(): Promise<void> {
    if (process.platform === 'win32') return;
    await onDisk(async () => {
      await using folder = await open(this.#folder, constants.O_RDONLY);
      await folder.sync();
    });
  }
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** SHA-256 of the first `bytes` bytes, or of all where there are fewer. */
async function hashStart(path: string, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  await using file = await open(path, 'r');
  for await (const chunk of fileChunks(file, { bytes })) hash.update(chunk);
  return hash.digest('hex');
}

function same(a: Identity, b: Identity): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ino === b.ino;
}

/** Runs what touches the disk; its failure is STATE_UNUSABLE with the system's name for it. */
async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isAppError(cause)) throw cause;
    const { code } = cause as { readonly code?: unknown };
    throw new AppError(
      'STATE_UNUSABLE',
      `an uploaded document: ${typeof code === 'string' ? code : 'unknown reason'}`,
      { cause },
    );
  }
}
