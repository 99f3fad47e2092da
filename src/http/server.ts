/**
 * The listening side below Fastify: what a connection may cost, who is let in, and an answer for everything that fails before
 * a route is known. Node's own answers to broken requests are bare lines; here they are problems like all others.
 */
import { createServer as createHttpServer, STATUS_CODES } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import type { Server as SocketServer, Socket } from 'node:net';
import type { Config } from '../config.ts';
import { AppError, problemOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Guard } from './guard.ts';
import { encodeProblem, PROBLEM_TYPE, toAppError, writeProblem } from './problem.ts';

export interface ServerSettings {
  readonly limits: Pick<Config['limits'], 'connections' | 'headersTimeoutMs' | 'requestTimeoutMs'>;
  readonly guard: Guard;
  readonly log: Log;
}

export interface GuardedServer {
  readonly server: Server;
  /**
   * From now on every new request is answered SHUTTING_DOWN, and each connection ends with the answer that is under way. Who has not
   * sent their request in a moment is cut off.
   */
  drain(): void;
}

/** Connections over the bound that still get an answer that says so; more are closed unanswered. */
const SPARE_CONNECTIONS = 16;
/** How long what a refused request still sends is read and thrown away, so that its sender gets to read the answer; and how long a
 * request that is still on its way may take when the daemon stops. */
const LINGER_MS = 2_000;
const KEEP_ALIVE_MS = 5_000;
const MAX_HEADER_BYTES = 16_384;
const MAX_HEADERS = 64;

export function createGuardedServer(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  { limits, guard, log }: ServerSettings,
): GuardedServer {
  const open = new Set<Socket>();
  const surplus = new WeakSet<Socket>();
  const answers = new Map<Socket, ServerResponse>();
  let draining = false;

  const server = createHttpServer(
    {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Node looks at its timeouts only so often.
      connectionsCheckingInterval: Math.min(1_000, Math.ceil(limits.headersTimeoutMs / 4)),
      maxHeaderSize: MAX_HEADER_BYTES,
      // A missing Host is misdirected like a wrong one, and the guard says so.
      requireHostHeader: false,
    },
    (request, response) => {
      admit(request, response, () => handler(request, response));
    },
  );
  // Node answers other expectations by itself, before anyone has looked at the Host. They may be ignored (RFC 9110, 10.1.1).
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    admit(request, response, () => handler(request, response));
  });
  // Who asks first whether to send the body is told before it is on its way.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    admit(request, response, () => {
      response.writeContinue();
      handler(request, response);
    });
  });
  server.maxHeadersCount = MAX_HEADERS;
  server.maxConnections = limits.connections + SPARE_CONNECTIONS;

  server.on('connection', (socket: Socket) => {
    open.add(socket);
    if (open.size > limits.connections) surplus.add(socket);
    socket.once('close', () => open.delete(socket));
  });

  server.on('clientError', (error: Error & { readonly code?: string }, socket: Socket) => {
    const begun = answers.get(socket)?.headersSent === true;
    if (error.code === 'ECONNRESET' || !socket.writable || begun) {
      socket.destroy();
      return;
    }
    const known = toAppError(error);
    log.warn({ code: known.code }, 'a request that cannot be read');
    socket.end(rawProblem(known.code === 'INTERNAL' ? new AppError('BAD_REQUEST', 'this is not HTTP/1.1') : known));
  });

  function admit(request: IncomingMessage, response: ServerResponse, pass: () => void): void {
    answers.set(request.socket, response);
    response.once('close', () => {
      if (answers.get(request.socket) === response) answers.delete(request.socket);
    });
    lingerAfter(request, response);
    if (draining) response.setHeader('connection', 'close');

    const verdict = guard(request);
    for (const [name, value] of Object.entries(verdict.headers)) response.setHeader(name, value);
    if (verdict.kind === 'refuse') {
      log.info({ code: verdict.error.code }, 'refused');
      writeProblem(response, verdict.error);
    } else if (draining) {
      writeProblem(response, new AppError('SHUTTING_DOWN'));
    } else if (open.size > limits.connections && surplus.has(request.socket)) {
      response.setHeader('connection', 'close');
      writeProblem(response, new AppError('OVERLOADED', `more than ${limits.connections} connections`));
    } else if (verdict.kind === 'preflight') {
      response.writeHead(204).end();
    } else {
      pass();
    }
  }

  return {
    server,
    drain() {
      draining = true;
      for (const response of answers.values()) {
        if (!response.headersSent) response.setHeader('connection', 'close');
        // One that has promised to keep the connection, such as an event stream, leaves it idle.
        else response.once('close', () => setImmediate(() => server.closeIdleConnections()));
      }
      const timer = setTimeout(() => {
        for (const socket of open) if (answers.get(socket)?.req.complete !== true) socket.destroy();
      }, LINGER_MS);
      server.once('close', () => clearTimeout(timer));
    },
  };
}

/** Also takes connections on ::1 at the same port. They count as the server's own. */
export function alsoListenOnIpv6(server: Server, port: number): Promise<SocketServer> {
  const second = createSocketServer((socket) => server.emit('connection', socket));
  second.maxConnections = server.maxConnections;
  return new Promise((resolve, reject) => {
    second.once('error', reject);
    second.listen({ host: '::1', port, ipv6Only: true }, () => {
      second.off('error', reject);
      resolve(second);
    });
  });
}

/**
 * An answer may come before its request has been read to the end. Closing then would make TCP throw away the answer with what
 * is unread, so the rest is read for a moment, and only who keeps sending is cut off.
 */
function lingerAfter(request: IncomingMessage, response: ServerResponse): void {
  response.once('finish', () => {
    if (request.complete || request.destroyed) return;
    request.resume();
    const timer = setTimeout(() => request.socket.destroy(), LINGER_MS);
    request.once('close', () => clearTimeout(timer));
  });
}

function rawProblem(error: AppError): string {
  const problem = problemOf(error);
  const body = encodeProblem(problem);
  return [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${body.length}`,
    'cache-control: no-store',
    'connection: close',
    '',
    body.toString('utf8'),
  ].join('\r\n');
}
