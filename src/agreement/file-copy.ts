/** Copies of files on which something is then done, while the original stays as it is. */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { AppError } from '../errors.ts';
import { fileChunks } from '../file-chunks.ts';

/** One pass over the input: the copy, a new file, and its SHA-256 in the making. Throws FILE_UNREADABLE, FILE_UNWRITABLE, the signal's reason. */
export async function copyHashed(
  input: string,
  output: string,
  signal: AbortSignal,
): Promise<{ readonly bytes: number; readonly midstate: Hash }> {
  await using source = await openOr(input, 'r', 'FILE_UNREADABLE');
  await using target = await openOr(output, 'wx', 'FILE_UNWRITABLE');
  const midstate = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of fileChunks(source, { signal })) {
      midstate.update(chunk);
      await target.writeFile(chunk).catch((cause: unknown) => {
        throw new AppError('FILE_UNWRITABLE', output, { cause });
      });
      bytes += chunk.length;
    }
  } catch (cause) {
    if (cause instanceof AppError || signal.aborted) throw cause;
    throw new AppError('FILE_UNREADABLE', input, { cause });
  }
  return { bytes, midstate };
}

async function openOr(path: string, flags: string, code: 'FILE_UNREADABLE' | 'FILE_UNWRITABLE'): Promise<FileHandle> {
  try {
    return await open(path, flags, 0o600);
  } catch (cause) {
    throw new AppError(code, path, { cause });
  }
}
