import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { memorySource, openFileSource } from '../../src/pdf/byte-source.ts';

const folder = mkdtempSync(join(tmpdir(), 'zhiyin-source-'));
afterAll(() => rmSync(folder, { recursive: true }));

const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7919) >> 4);
const path = join(folder, 'bytes.bin');
writeFileSync(path, bytes);

describe('a source of bytes', () => {
  it('gives the same from a file as from memory', () => {
    using file = openFileSource(path);
    const memory = memorySource(bytes);
    expect(file.size).toBe(memory.size);
    fc.assert(
      fc.property(fc.nat(100_000), fc.nat(40_000), (offset, wanted) => {
        const length = Math.min(wanted, bytes.length - offset);
        expect(Buffer.from(file.read(offset, length)).equals(memory.read(offset, length))).toBe(true);
      }),
    );
  });

  it('gives views that stay what they were', () => {
    using file = openFileSource(path);
    const first = file.read(10, 5);
    for (let block = 0; block < 6; block++) file.read(block * 16_384, 10);
    expect(first).toEqual(bytes.subarray(10, 15));
  });

  it.each([
    [-1, 5],
    [0, -1],
    [99_999, 2],
    [NaN, 1],
  ])('refuses %d + %d', (offset, length) => {
    using file = openFileSource(path);
    const expected = expect.objectContaining({ code: 'PDF_TRUNCATED' }) as Error;
    expect(() => file.read(offset, length)).toThrow(expected);
    expect(() => memorySource(bytes).read(offset, length)).toThrow(expected);
  });

  it('says when the file became shorter', () => {
    const shrinking = join(folder, 'shrinking.bin');
    writeFileSync(shrinking, bytes);
    using file = openFileSource(shrinking);
    truncateSync(shrinking, 50_000);
    expect(() => file.read(90_000, 10)).toThrow(expect.objectContaining({ code: 'FILE_UNREADABLE' }) as Error);
  });

  it.each([join(folder, 'absent.pdf'), folder])('is not made of %s', (path) => {
    expect(() => openFileSource(path)).toThrow(expect.objectContaining({ code: 'FILE_UNREADABLE' }) as Error);
  });
});
