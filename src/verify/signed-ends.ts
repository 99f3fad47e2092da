/** Where signed revisions may end, found without understanding the file: by the ByteRanges written in it. */
import { latin1Text } from '../bytes.ts';
import type { ByteSource } from '../pdf/byte-source.ts';

const CHUNK = 1 << 20;
const KEY = '/ByteRange';
/** Room for the key and four numbers. */
const LONGEST = 256;
const MOST = 64;
/** Who appends keys by the million gets no more of them looked at: those of true signatures stand before. */
const MOST_KEYS = 10_000;

/** The ends that ByteRanges claim, inside the file, longest first. A hint only: nothing here is believed. */
export function signedEnds(source: ByteSource): number[] {
  const ends = new Set<number>();
  let keys = 0;
  for (let at = 0; at < source.size; at += CHUNK) {
    const length = Math.min(CHUNK + LONGEST, source.size - at);
    const bytes = source.read(at, length);
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let hit = buffer.indexOf(KEY, 0, 'latin1'); hit >= 0; hit = buffer.indexOf(KEY, hit + 1, 'latin1')) {
      if (++keys > MOST_KEYS || ends.size === MOST) return longestFirst(ends);
      const numbers = /^\/ByteRange\s*\[\s*\d+\s+\d+\s+(\d{1,15})\s+(\d{1,15})\s*\]/.exec(
        latin1Text(bytes.subarray(hit, hit + LONGEST)),
      );
      const end = Number(numbers?.[1]) + Number(numbers?.[2]);
      if (end <= source.size) ends.add(end); // NaN is not
    }
  }
  return longestFirst(ends);
}

function longestFirst(ends: ReadonlySet<number>): number[] {
  return [...ends].toSorted((a, b) => b - a);
}
