import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { concatBytes } from '../src/bytes.ts';
import { fileChunks } from '../src/file-chunks.ts';
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
