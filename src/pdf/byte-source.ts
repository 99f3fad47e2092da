/** Random access to a document's bytes without holding the document. Synchronous: all of it runs in a worker thread. */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { AppError } from '../errors.ts';

export interface ByteSource {
  readonly size: number;
  /**
   * Exactly `length` bytes at `offset`; a view that stays valid and must not be written to.
   * Throws PDF_TRUNCATED when the range is not wholly inside.
   */
  read(offset: number, length: number): Uint8Array;
  /** Fills `target` from `offset`: for whom goes through all of it and keeps nothing. Throws as `read`. */
  readInto(offset: number, target: Uint8Array): void;
}

const BLOCK_BYTES = 16 * 1024;
const CACHED_BLOCKS = 32;

function checkRange(size: number, offset: number, length: number): void {
  if (!(offset >= 0 && length >= 0 && offset + length <= size)) {
    throw new AppError('PDF_TRUNCATED', `expected bytes ${offset} to ${offset + length}, the file has ${size}`);
  }
}

export function memorySource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    read(offset, length) {
      checkRange(bytes.length, offset, length);
      return bytes.subarray(offset, offset + length);
    },
    readInto(offset, target) {
      checkRange(bytes.length, offset, target.length);
      target.set(bytes.subarray(offset, offset + target.length));
    },
  };
}

class FileSource implements ByteSource {
  readonly size: number;
  readonly #fd: number;
  /** Least recently used first. */
  readonly #blocks = new Map<number, Uint8Array>();

  constructor(fd: number, size: number) {
    this.#fd = fd;
    this.size = size;
  }

  read(offset: number, length: number): Uint8Array {
    checkRange(this.size, offset, length);
    const first = Math.floor(offset / BLOCK_BYTES);
    const last = Math.floor((offset + length - 1) / BLOCK_BYTES);
    if (last <= first) {
      const at = offset - first * BLOCK_BYTES;
      return this.#block(first).subarray(at, at + length);
    }
    return this.#pread(offset, length);
  }

  readInto(offset: number, target: Uint8Array): void {
    checkRange(this.size, offset, target.length);
    for (let done = 0; done < target.length;) {
      const got = readSync(this.#fd, target, done, target.length - done, offset + done);
      if (got === 0) throw new AppError('FILE_UNREADABLE', 'the file became shorter while it was read');
      done += got;
    }
  }

  [Symbol.dispose](): void {
    this.#blocks.clear();
    closeSync(this.#fd);
  }

  #block(index: number): Uint8Array {
    let block = this.#blocks.get(index);
    if (block === undefined) {
      const offset = index * BLOCK_BYTES;
      block = this.#pread(offset, Math.min(BLOCK_BYTES, this.size - offset));
    } else {
      this.#blocks.delete(index);
    }
    this.#blocks.set(index, block);
    if (this.#blocks.size > CACHED_BLOCKS) {
      for (const oldest of this.#blocks.keys()) {
        this.#blocks.delete(oldest);
        break;
      }
    }
    return block;
  }

  #pread(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.readInto(offset, bytes);
    return bytes;
  }
}

/** A file read block by block on demand, at most 512 KB of it cached. Throws FILE_UNREADABLE. Dispose to close. */
export function openFileSource(path: string): ByteSource & Disposable {
  let fd: number;
  try {
    // Before opening: a pipe would be waited for, and a thread in such a wait cannot be killed.
    if (!statSync(path).isFile()) throw new AppError('FILE_UNREADABLE', `${path} is not a file`);
    fd = openSync(path, 'r');
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('FILE_UNREADABLE', `cannot open ${path}`, { cause });
  }
  return new FileSource(fd, fstatSync(fd).size);
}

/** Bytes as Latin-1 characters, decoded natively: a document's tail alone is thousands of them. Throws as `read`. */
export function textAt(source: ByteSource, offset: number, length: number): string {
  const bytes = source.read(offset, length);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** The first `size` bytes of a source, as a source of its own. */
export function prefixSource(source: ByteSource, size: number): ByteSource {
  checkRange(source.size, 0, size);
  return {
    size,
    read(offset, length) {
      checkRange(size, offset, length);
      return source.read(offset, length);
    },
    readInto(offset, target) {
      checkRange(size, offset, target.length);
      source.readInto(offset, target);
    },
  };
}

/** A source with `tail` behind it. */
export function appendedSource(source: ByteSource, tail: Uint8Array): ByteSource {
  const readInto = (offset: number, target: Uint8Array): void => {
    checkRange(source.size + tail.length, offset, target.length);
    const own = Math.max(0, Math.min(target.length, source.size - offset));
    if (own > 0) source.readInto(offset, target.subarray(0, own));
    const from = offset + own - source.size;
    if (own < target.length) target.set(tail.subarray(from, from + target.length - own), own);
  };
  return {
    size: source.size + tail.length,
    readInto,
    read(offset, length) {
      if (offset >= source.size && offset + length <= source.size + tail.length) {
        return tail.subarray(offset - source.size, offset - source.size + length);
      }
      if (offset + length <= source.size) return source.read(offset, length);
      const bytes = new Uint8Array(length);
      readInto(offset, bytes);
      return bytes;
    },
  };
}
