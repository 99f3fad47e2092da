/** Digests of what signatures cover. All begin at the file's first byte, so that one read of the file does for all of them. */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import type { HashName } from '../cms/algorithms.ts';
import type { ByteSource } from '../pdf/byte-source.ts';

const CHUNK = 256 * 1024;

export interface Covered {
  /** The one gap: from the `<` of Contents to after its `>`. */
  readonly gap: { readonly start: number; readonly end: number };
  readonly end: number;
}

export class CoveredBytes {
  readonly #source: ByteSource;
  readonly #running = new Map<HashName, { readonly hash: Hash; readonly at: number }>();

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /**
   * The digest of all but the gap, and the SHA-256 of all, up to `end`. Who asks in the order of the gaps has each byte before them read
   * once.
   */
  digests({ gap, end }: Covered, hash: HashName): { readonly digest: Uint8Array; readonly sha256: string } {
    const [signed, whole] = [this.#upTo(gap.start, hash), this.#upTo(gap.start, 'sha256')];
    this.#update([whole], gap.start, gap.end);
    this.#update([signed, whole], gap.end, end);
    return { digest: signed.digest(), sha256: whole.digest('hex') };
  }

  #upTo(offset: number, name: HashName): Hash {
    const before = this.#running.get(name);
    const from = before !== undefined && before.at <= offset ? before : { hash: createHash(name), at: 0 };
    this.#update([from.hash], from.at, offset);
    this.#running.set(name, { hash: from.hash, at: offset });
    return from.hash.copy();
  }

  #update(hashes: readonly Hash[], start: number, end: number): void {
    const buffer = new Uint8Array(Math.min(CHUNK, end - start));
    for (let at = start; at < end; at += CHUNK) {
      const chunk = buffer.subarray(0, Math.min(CHUNK, end - at));
      this.#source.readInto(at, chunk);
      for (const hash of hashes) hash.update(chunk);
    }
  }
}
