/** Failures as RFC 9457 problem details, whoever found them: a service, the schemas, Fastify, or Node's own HTTP parser. */
import type { ServerResponse } from 'node:http';
import { AppError, ERRORS, isAppError, problemOf } from '../errors.ts';
import type { ErrorCode, Problem } from '../errors.ts';

export const PROBLEM_TYPE = 'application/problem+json';

/** Which code stands for a failure that a library found. */
const BY_LIBRARY_CODE: ReadonlyMap<string, ErrorCode> = new Map([
  ['FST_ERR_CTP_BODY_TOO_LARGE', 'BODY_TOO_LARGE'],
  ['FST_ERR_CTP_INVALID_MEDIA_TYPE', 'UNSUPPORTED_MEDIA_TYPE'],
  ['FST_ERR_MAX_PARAM_LENGTH', 'NOT_FOUND'],
  ['ERR_HTTP_REQUEST_TIMEOUT', 'REQUEST_TIMEOUT'],
  ['HPE_HEADER_OVERFLOW', 'HEADERS_TOO_LARGE'],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 'BODY_TOO_LARGE'],
]);

/** What a client did wrong, where the library's own words would not help it. */
const BAD_REQUEST_DETAIL: ReadonlyMap<string, string> = new Map([
  ['FST_ERR_BAD_URL', 'the path is not valid percent-encoding'],
  ['FST_ERR_CTP_INVALID_JSON_BODY', 'the body is not JSON'],
  ['FST_ERR_CTP_INVALID_CONTENT_LENGTH', 'the body is not as long as Content-Length says'],
]);

/** Any failure as an AppError. One that nobody foresaw is INTERNAL: nothing of it is told outside, the caller logs it. */
export function toAppError(error: unknown): AppError {
  if (isAppError(error)) return error;
  const { code, statusCode } = Object(error) as { readonly code?: unknown; readonly statusCode?: unknown };
  const name = String(code);
  const known = BY_LIBRARY_CODE.get(name);
  if (known !== undefined) return new AppError(known, '', { cause: error });
  if (name.startsWith('HPE_')) return new AppError('BAD_REQUEST', 'this is not HTTP/1.1', { cause: error });
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return new AppError('BAD_REQUEST', BAD_REQUEST_DETAIL.get(name), { cause: error });
  }
  return new AppError('INTERNAL', '', { cause: error });
}

/** Headers that belong to a problem beside its type. */
export function problemHeaders(error: AppError): Record<string, string> {
  const status = ERRORS[error.code].status;
  const { retryAfterSeconds } = error.extras;
  return {
    ...(error.code === 'UNAUTHORIZED' ? { 'www-authenticate': 'Bearer' } : {}),
    ...(status === 429 || error.code === 'OVERLOADED'
      ? { 'retry-after': String(typeof retryAfterSeconds === 'number' ? retryAfterSeconds : 1) }
      : {}),
  };
}

export function encodeProblem(problem: Problem): Buffer {
  return Buffer.from(JSON.stringify(problem));
}

/** Answers with a problem below Fastify, where no route has been chosen. */
export function writeProblem(response: ServerResponse, error: AppError): void {
  const problem = problemOf(error);
  const body = encodeProblem(problem);
  response.writeHead(problem.status, {
    'content-type': PROBLEM_TYPE,
    'content-length': body.length,
    ...problemHeaders(error),
  });
  response.end(body);
}
