/** TEST authorities over HTTP on loopback: `/tsa` (RFC 3161), `/ocsp` (RFC 6960), `/root.crl` and `/intermediate.crl`. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { OpensslAuthority } from './openssl-authority.ts';

export type Question =
  | { readonly kind: 'timestamp' | 'ocsp'; readonly body: Uint8Array }
  | { readonly kind: 'crl'; readonly of: 'root' | 'intermediate' };

export interface AuthorityServerOptions {
  /** 0, the default: one that is free. */
  readonly port?: number;
  /** Answers in place of the authority where it wants to, and then gives true: tests do. */
  readonly instead?: (question: Question, response: ServerResponse) => Promise<boolean>;
}

export interface AuthorityServer extends AsyncDisposable {
  readonly timestampUrl: string;
  readonly ocspUrl: string;
  readonly crlUrls: Readonly<Record<'root' | 'intermediate', string>>;
}

const TYPES = {
  timestamp: ['application/timestamp-query', 'application/timestamp-reply'],
  ocsp: ['application/ocsp-request', 'application/ocsp-response'],
  crl: [null, 'application/pkix-crl'],
} as const;

export async function serveAuthorities(
  authority: OpensslAuthority,
  { port = 0, instead }: AuthorityServerOptions = {},
): Promise<AuthorityServer> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const question = await questionOf(request);
    if (question === null) return end(response, 404, 'text/plain');
    if (question.kind !== 'crl' && request.headers['content-type'] !== TYPES[question.kind][0]) {
      return end(response, 415, 'text/plain');
    }
    if ((await instead?.(question, response)) === true) return;
    const bytes = await answerTo(authority, question);
    if (bytes === null) return end(response, 400, 'text/plain');
    return end(response, 200, TYPES[question.kind][1], bytes);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      console.error(error);
      if (!response.headersSent) end(response, 500, 'text/plain');
      else response.destroy();
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    timestampUrl: `${origin}/tsa`,
    ocspUrl: `${origin}/ocsp`,
    crlUrls: { root: `${origin}/root.crl`, intermediate: `${origin}/intermediate.crl` },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function questionOf(request: IncomingMessage): Promise<Question | null> {
  switch (`${request.method} ${request.url}`) {
    case 'POST /tsa':
      return { kind: 'timestamp', body: new Uint8Array(await buffer(request)) };
    case 'POST /ocsp':
      return { kind: 'ocsp', body: new Uint8Array(await buffer(request)) };
    case 'GET /root.crl':
      return { kind: 'crl', of: 'root' };
    case 'GET /intermediate.crl':
      return { kind: 'crl', of: 'intermediate' };
    default:
      return null;
  }
}

function answerTo(authority: OpensslAuthority, question: Question): Promise<Uint8Array | null> {
  switch (question.kind) {
    case 'timestamp':
      return authority.stamp(question.body);
    case 'ocsp':
      return authority.ocsp(question.body);
    case 'crl':
      return authority.list(question.of);
  }
}

export function end(response: ServerResponse, status: number, type: string, bytes?: Uint8Array): void {
  response.writeHead(status, { 'content-type': type });
  response.end(bytes);
}
