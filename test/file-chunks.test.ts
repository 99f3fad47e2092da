import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { concatBytes } from '../src/bytes.ts';
import { fileChunks, gathered } from '../src/file-chunks.ts';
import { temporaryFolder } from './support/state.ts';

/** Two pieces and a bit. */
const CONTENT = Uint8Array.from({ length: 2 * (1 << 20) + 7 }, (_, at) => (at * 31) & 0xff);

async function read(...[options]: [Parameters<typeof fileChunks>[1]?]): Promise<Uint8Array> {
  const path = join(temporaryFolder(), 'file');
  await writeFile(path, CONTENT);
  const file = await open(path);
  onTestFinished(() => file.close());
  const parts: Uint8Array[] = [];
  for await (const chunk of fileChunks(file, options)) parts.push(chunk.slice());
  return concatBytes(...parts);
}

test.each([
  ['all of it', undefined, CONTENT.length],
  ['so many bytes', (1 << 20) + 1, (1 << 20) + 1],
  ['nothing', 0, 0],
  ['what there is, where it is shorter', CONTENT.length + 100, CONTENT.length],
])('a file is read: %s', async (_, bytes, length) => {
  const got = await read(bytes === undefined ? {} : { bytes });
  expect(Buffer.compare(got, CONTENT.subarray(0, length))).toBe(0);
});

test('an abort ends the reading', async () => {
  await expect(read({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
});

async function* stream(sizes: readonly number[]): AsyncGenerator<Uint8Array, void, void> {
  let at = 0;
  for (const size of sizes) {
    yield CONTENT.slice(at, at + size);
    at += size;
  }
}

test('a stream’s bytes come out as they went in, however they were cut', async () => {
  const sizes = fc.array(fc.oneof(fc.nat({ max: 100 }), fc.constantFrom(1 << 16, (1 << 16) + 1, 300_000)), {
    maxLength: 7,
  });
  await fc.assert(
    fc.asyncProperty(sizes, async (cuts) => {
      const parts: Uint8Array[] = [];
      for await (const piece of gathered(stream(cuts), Infinity)) parts.push(piece.slice());
      const length = Math.min(
        CONTENT.length,
        cuts.reduce((sum, cut) => sum + cut, 0),
      );
      expect(Buffer.compare(concatBytes(...parts), CONTENT.subarray(0, length))).toBe(0);
      expect(parts.every((part) => part.length > 0)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test('a stream that is longer than allowed is refused, one that is as long is not', async () => {
  const lengths: number[] = [];
  const read = async (most: number): Promise<void> => {
    for await (const piece of gathered(stream([100_000, 50_000]), most)) lengths.push(piece.length);
  };
  await read(150_000);
  expect(lengths).toEqual([65_536, 84_464]);
  await expect(read(149_999)).rejects.toThrow(expect.objectContaining({ code: 'BODY_TOO_LARGE' }) as Error);
});
