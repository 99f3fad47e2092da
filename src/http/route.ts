/** What routes share: their type, what a route says of itself beside its schema, and the ends of a request as signals and streams. */
import type { FileHandle } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { TSchema } from 'typebox';
import { AppError, isAppError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { fileChunks } from '../file-chunks.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The kind of body the route takes; absent: none. */
    body?: BodyKind;
    /** Whether that body may be left out. */
    bodyOptional?: boolean;
    /** Codes the route may answer with, beside those that every route may. */
    problems?: readonly ErrorCode[];
  }
}

export type BodyKind = 'application/json' | 'application/pdf';

export type Api = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** An answer in JSON. */
export function json(schema: TSchema, description: string, headers?: Record<string, TSchema>): object {
  return { description, content: { 'application/json': { schema } }, ...(headers === undefined ? {} : { headers }) };
}

/** An answer of bytes. */
export function bytes(type: string, description: string): object {
  return { description, content: { [type]: { schema: { type: 'string', contentMediaType: type } } } };
}

export const NO_CONTENT = { description: 'Done', type: 'null' } as const;

/** Lets a scope take PDF bodies, as streams, and nothing else. */
export function takePdfUploads(scope: Api): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('application/pdf', (_request, payload, done) => done(null, payload));
}

/**
 * The body as it comes in, of unbounded length: who reads it counts, and keeps no piece beyond the next. Whoever stops early leaves the
 * connection whole, so that the answer can still be sent.
 */
export function uploadOf(request: FastifyRequest): AsyncIterable<Uint8Array> {
  if (request.body === undefined) throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'expected a body of application/pdf');
  return chunksOf(request);
}

async function* chunksOf({ raw }: FastifyRequest): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const chunk of raw.iterator({ destroyOnReturn: false })) {
      yield chunk as Uint8Array;
      release(chunk as Uint8Array);
    }
  } catch (cause) {
    throw new AppError('BAD_REQUEST', 'body: cut off before its end', { cause });
  }
}

/**
 * Gives a piece's memory back at once, where the piece is all of it. It lies outside the heap, and the collector lets some 60 MB of such
 * pieces gather before it comes.
 */
function release({ buffer, length }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === length) buffer.transfer(0);
}

/**
 * Answers with the first `bytes` bytes of a file, read into one buffer that is filled again once a piece has left: a stream's pieces would
 * each wait for the collector, and a large file would be in memory as a whole. Resolves when all is sent or the client is gone.
 */
export async function sendFile(reply: FastifyReply, file: FileHandle, bytes: number, type: string): Promise<void> {
  const { raw } = reply;
  const signal = clientGone(reply);
  reply.hijack();
  raw.writeHead(200, { 'content-type': type, 'content-length': bytes });
  try {
    if (reply.request.method !== 'HEAD') {
      let sent = 0;
      for await (const piece of fileChunks(file, { bytes, signal })) {
        await written(raw, piece, signal);
        sent += piece.length;
      }
      if (sent < bytes) throw new AppError('STATE_UNUSABLE', `a document of ${bytes} bytes ends after ${sent}`);
    }
    raw.end();
  } catch (error) {
    // The head is out: all that can be said now is that the rest does not come.
    raw.destroy();
    if (!isAppError(error, 'BAD_REQUEST')) throw error;
  }
}

/** Resolves when the piece is the operating system's. Rejects when the client is gone. */
function written(raw: ServerResponse, piece: Uint8Array, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    raw.write(piece, (error) => {
      signal.removeEventListener('abort', stop);
      if (error === null || error === undefined) resolve();
      else reject(clientLeft(error));
    });
  });
}

/** Aborts when the client is gone before its answer was complete. */
export function clientGone(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(clientLeft());
  });
  return gone.signal;
}

function clientLeft(cause?: unknown): AppError {
  return new AppError('BAD_REQUEST', 'the client went away', { cause });
}
