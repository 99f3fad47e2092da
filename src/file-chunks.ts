/** Files in pieces: for whom goes through much of them and keeps nothing. */
import { readFile, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { AppError, isAppError } from './errors.ts';

const CHUNK_BYTES = 1 << 20;
const FIRST_PIECE_BYTES = 1 << 16;

/**
 * The first `bytes` bytes of a file, or all of it; fewer where the file is shorter. Each piece lies where the last one lay, so it holds
 * until the next is asked for. Throws what reading throws, and the signal's reason.
 */
export async function* fileChunks(
  file: FileHandle,
  { bytes = Infinity, signal }: { readonly bytes?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<Uint8Array, void, void> {
  const { size } = await file.stat();
  // What is no file of a known length, such as a device, says 0.
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, bytes, size === 0 ? CHUNK_BYTES : size));
  for (let at = 0; at < bytes;) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, bytes - at), at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

/**
 * A stream's bytes in pieces that grow to what `fileChunks` gives: what a socket gives is small and many. A piece may lie where one
 * before it lay, so it holds until the next is asked for.
 * Throws BODY_TOO_LARGE beyond `maxBytes`, and what the stream throws.
 */
export async function* gathered(
  stream: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Uint8Array, void, void> {
  let buffer = new Uint8Array(FIRST_PIECE_BYTES);
  let held = 0;
  let bytes = 0;
  for await (const piece of stream) {
    bytes += piece.length;
    if (bytes > maxBytes) throw new AppError('BODY_TOO_LARGE', `expected at most ${maxBytes} bytes`);
    for (let at = 0; at < piece.length;) {
      const part = piece.subarray(at, at + buffer.length - held);
      buffer.set(part, held);
      held += part.length;
      at += part.length;
      if (held < buffer.length) continue;
      yield buffer;
      held = 0;
      if (buffer.length < CHUNK_BYTES) buffer = new Uint8Array(2 * buffer.length);
    }
  }
  if (held > 0) yield buffer.subarray(0, held);
}

/**
 * All of a plain file: a device would never end. Throws FILE_UNREADABLE, and what `tooLarge` gives for a file of more than `maxBytes`.
 */
export async function readWhole(
  path: string,
  maxBytes: number,
  tooLarge: (bytes: number) => AppError,
): Promise<Uint8Array> {
  try {
    // Before it is opened: a pipe would be waited for.
    const there = await stat(path);
    if (!there.isFile()) throw new AppError('FILE_UNREADABLE', `${path} is not a file`);
    if (there.size > maxBytes) throw tooLarge(there.size);
    return await readFile(path);
  } catch (cause) {
    if (isAppError(cause)) throw cause;
    throw new AppError('FILE_UNREADABLE', path, { cause });
  }
}
