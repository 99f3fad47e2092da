/** What routes share: their type, what a route says of itself beside its schema, and the ends of a request as signals and streams. */
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
import { AppError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';

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
 * The body as it comes in, of unbounded length: who reads it counts. Whoever stops early leaves the connection whole, so that the
 * answer can still be sent.
 */
export function uploadOf(request: FastifyRequest): AsyncIterable<Uint8Array> {
  if (request.body === undefined) throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'expected a body of application/pdf');
  return chunksOf(request);
}

async function* chunksOf({ raw }: FastifyRequest): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const chunk of raw.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array;
  } catch (cause) {
    throw new AppError('BAD_REQUEST', 'body: cut off before its end', { cause });
  }
}

/** Aborts when the client is gone before its answer was complete. */
export function clientGone(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new AppError('BAD_REQUEST', 'the client went away'));
  });
  return gone.signal;
}
