/** A file from its first byte on, in pieces: for whom goes through much of it and keeps nothing. */
import type { FileHandle } from 'node:fs/promises';

const CHUNK_BYTES = 1 << 20;

/**
 * The first `bytes` bytes of a file, or all of it; fewer where the file is shorter. Each piece lies where the last one lay, so it holds
 * until the next is asked for. Throws what reading throws, and the signal's reason.
 */
export async function* fileChunks(
  file: FileHandle,
  { bytes = Infinity, signal }: { readonly bytes?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<Uint8Array, void, void> {
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, bytes));
  for (let at = 0; at < bytes;) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, bytes - at), at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}
