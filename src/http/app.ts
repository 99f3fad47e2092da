/** The HTTP side: limits, guard, problems and routes on one Fastify. It translates; what is done is done by the services it is given. */
import rateLimit from '@fastify/rate-limit';
import fastify from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isUtf8 } from 'node:buffer';
import type { Server as SocketServer } from 'node:net';
import { AppError, ERRORS, problemOf } from '../errors.ts';
import { agreementRoutes } from './agreements.ts';
import { captureRoutes } from './captures.ts';
import type { HttpDeps } from './deps.ts';
import { createGuard, needsNoToken } from './guard.ts';
import { openapiRoute, registerOpenapi } from './openapi.ts';
import { encodeProblem, PROBLEM_TYPE, problemHeaders, toAppError } from './problem.ts';
import { readerRoutes } from './readers.ts';
import type { Api } from './route.ts';
import { sealRoutes } from './seal.ts';
import { alsoListenOnIpv6, createGuardedServer } from './server.ts';
import type { GuardedServer } from './server.ts';
import { statusRoutes } from './status.ts';
import { validatorCompiler } from './validation.ts';
import { verificationRoutes } from './verifications.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/**
 * The daemon's HTTP side, not yet listening: `app.listen({ host: '127.0.0.1', port })`, and where the configuration asks for it ::1
 * follows at the same port. `app.close()` lets what is under way finish, ends waits and event streams, and refuses what comes new; when it
 * resolves, no request uses a service any more.
 */
export function createApp(deps: HttpDeps): FastifyInstance {
  const { config, log } = deps;
  const closing = new AbortController();
  const working = new Set<Promise<unknown>>();
  let edge: GuardedServer | undefined;
  let second: SocketServer | undefined;

  const app: Api = fastify({
    serverFactory(handler) {
      edge = createGuardedServer(handler, {
        limits: config.limits,
        guard: createGuard({ origins: config.origins, token: deps.token }),
        log,
      });
      return edge.server;
    },
    // The server answers what its parser refuses, and Fastify's own words for it are not wanted beside that.
    clientErrorHandler: () => undefined,
    // So does it while closing.
    return503OnClosing: false,
    bodyLimit: config.limits.jsonBytes,
    routerOptions: { maxParamLength: 64 },
    frameworkErrors: (error, _request, reply) => {
      void sendProblem(reply, toAppError(error));
    },
  });

  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  app.setErrorHandler((error, request, reply) => {
    const known = toAppError(error);
    tell(known, request);
    // Fastify closes after a body that it refused; the server rather reads on for a moment, and then closes by itself.
    if (reply.hasHeader('connection') && !closing.signal.aborted) reply.removeHeader('connection');
    return sendProblem(reply, known);
  });
  const json = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    // What is no UTF-8 would be read as other names than were sent (RFC 8259, 8.1).
    else if (!isUtf8(body)) done(new AppError('BAD_REQUEST', 'body: expected UTF-8'));
    else void json(request, body.toString('utf8'), done);
  });

  app.register(rateLimit, { global: false, max: config.limits.requestsPerMinute, timeWindow: 60_000 });
  app.after(() => {
    const spend = app.createRateLimit({ keyGenerator: spender });
    app.addHook('onRequest', async (request) => {
      const budget = await spend(request);
      if (!budget.isAllowed && budget.isExceeded) {
        throw new AppError('TOO_MANY_REQUESTS', `more than ${budget.max} a minute`, {
          extras: { retryAfterSeconds: budget.ttlInSeconds },
        });
      }
    });
    app.addHook('onRequest', async (request, reply) => {
      if (request.is404) refuseUnknown(request, reply);
      checkBody(request, config.limits.uploadBytes);
    });
  });
  app.addHook('onResponse', async (request, reply) => {
    log.debug(
      {
        requestId: request.id,
        method: request.method,
        route: request.routeOptions.url,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        origin: request.headers.origin,
      },
      'answered',
    );
  });

  app.addHook('onRoute', (route) => {
    const { handler } = route;
    route.handler = function handle(request, reply) {
      const result: unknown = handler.call(this, request, reply);
      if (result instanceof Promise) remember(result);
      return result;
    };
  });
  registerOpenapi(app, deps.version);
  app.after(() => {
    statusRoutes(app, deps);
    openapiRoute(app);
    readerRoutes(app, deps);
    captureRoutes(app, deps, closing.signal);
    agreementRoutes(app, deps);
    sealRoutes(app, deps);
    verificationRoutes(app, deps);
  });

  app.addHook('onListen', async () => {
    const address = app.server.address();
    if (!config.listen.ipv6 || typeof address !== 'object' || address === null) return;
    try {
      second = await alsoListenOnIpv6(app.server, address.port);
      log.info({ port: address.port }, 'listening on ::1, too');
    } catch (error) {
      log.warn({ port: address.port, error }, 'cannot listen on ::1');
    }
  });
  app.addHook('preClose', async () => {
    second?.close();
    edge?.drain();
    closing.abort(new AppError('SHUTTING_DOWN'));
  });
  app.addHook('onClose', async () => {
    await Promise.allSettled(working);
  });
  return app;

  /** An address or a method that is not there. Its body, whatever it is, is left unread. */
  function refuseUnknown(request: FastifyRequest, reply: FastifyReply): never {
    const path = request.url.replace(/\?.*/s, '');
    const allowed = METHODS.filter((method) => app.findRoute({ method, url: path }) !== null);
    if (allowed.length === 0) throw new AppError('NOT_FOUND', 'no such address');
    reply.header('allow', allowed.join(', '));
    throw new AppError('METHOD_NOT_ALLOWED', `expected ${allowed.join(' or ')}`);
  }

  function remember(work: Promise<unknown>): void {
    const forget = (): boolean => working.delete(work);
    working.add(work);
    work.then(forget, forget);
  }

  function tell(error: AppError, request: FastifyRequest): void {
    const { status } = ERRORS[error.code];
    const fields = { requestId: request.id, route: request.routeOptions.url, code: error.code };
    if (status === 500) log.error({ ...fields, error }, 'failed');
    else if (status > 500) log.warn({ ...fields, error }, 'not possible now');
    else log.info(fields, 'refused');
  }
}

function sendProblem(reply: FastifyReply, error: AppError): FastifyReply {
  const problem = problemOf(error);
  return reply.code(problem.status).headers(problemHeaders(error)).type(PROBLEM_TYPE).send(encodeProblem(problem));
}

/** Who is counted together. What needs no token may be anyone's, in any name, and uses up nothing that needs one. */
function spender({ method, url, headers }: FastifyRequest): string {
  if (needsNoToken(method, url.replace(/\?.*/s, ''))) return 'anyone';
  return headers.origin ?? 'no origin';
}

/** A body is of the kind that its route takes, or there is none. An upload that says that it is too long is not begun. */
function checkBody(request: FastifyRequest, uploadBytes: number): void {
  const { 'content-type': type = '', 'content-length': length, 'transfer-encoding': coding } = request.headers;
  if (coding === undefined && Number(length ?? 0) === 0) return;
  if (request.headers['content-encoding'] !== undefined) {
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'expected no Content-Encoding');
  }
  const [, media = '', charset = 'utf-8'] = /^([^;\s]*)\s*(?:;\s*charset="?([^";\s]*)"?\s*)?$/i.exec(type) ?? [];
  const kind = media.toLowerCase();
  const expected = request.routeOptions.config.body;
  if (kind !== 'application/json' && kind !== 'application/pdf') {
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'expected application/json or application/pdf');
  }
  if (charset.toLowerCase() !== 'utf-8') throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'expected charset utf-8');
  if (expected === undefined) throw new AppError('BAD_REQUEST', 'body: this call takes none');
  if (kind !== expected) throw new AppError('UNSUPPORTED_MEDIA_TYPE', `expected ${expected}`);
  if (expected === 'application/pdf' && Number(length ?? 0) > uploadBytes) {
    throw new AppError('BODY_TOO_LARGE', `expected at most ${uploadBytes} bytes, got ${length}`);
  }
}
