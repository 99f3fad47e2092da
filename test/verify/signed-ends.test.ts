import { describe, expect, it } from 'vitest';
import { memorySource } from '../../src/pdf/byte-source.ts';
import type { ByteSource } from '../../src/pdf/byte-source.ts';
import { signedEnds } from '../../src/verify/signed-ends.ts';

/** Says how far into it anyone has read. */
function watched(text: string): ByteSource & { furthest: number } {
  const inner = memorySource(Buffer.from(text, 'latin1'));
  return {
    ...inner,
    furthest: 0,
    read(offset, length) {
      this.furthest = Math.max(this.furthest, offset + length);
      return inner.read(offset, length);
    },
  };
}

describe('the ends that ByteRanges claim', () => {
  it('come longest first, each once, as they are written by anyone, and none past the file’s end', () => {
    const text =
      '/ByteRange [0 1 5 5] /ByteRange[ 0 1\n9\t11]/ByteRange [0 1 5 5] /ByteRange [0 1 2 99999] /ByteRange 7'.padEnd(
        200,
      );
    expect(signedEnds(memorySource(Buffer.from(text)))).toEqual([20, 10]);
  });

  it('are found where one lies across two of the pieces that are read', () => {
    const text = `${' '.repeat((1 << 20) - 5)}/ByteRange [0 1 2 3]`;
    expect(signedEnds(memorySource(Buffer.from(text)))).toEqual([5]);
  });

  it.each([
    ['the same', (): string => '/ByteRange [0 1 2 3]'],
    ['another', (i: number): string => `/ByteRange [0 1 2 ${i}]`],
  ])('are sought among the first only, where keys come by the hundred thousand, each %s', (_, key) => {
    const keys = Array.from({ length: 200_000 }, (_, i) => key(i)).join('');
    const source = watched(`/ByteRange [0 1 700000 70000]${keys}`);
    const ends = signedEnds(source);
    expect(ends[0]).toBe(770_000);
    expect(ends.length).toBeLessThanOrEqual(64);
    expect(source.furthest).toBeLessThan(2 << 20);
    expect(source.size).toBeGreaterThan(3 << 20);
  });
});
