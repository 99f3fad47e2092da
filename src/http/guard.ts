/**
 * Who may speak to the daemon, decided from the request's head alone, before routing and before a byte of the body is read.
 * Every web page in the browser and every user of the PC can reach the port: Host keeps out rebound names, Origin and Sec-Fetch-Site
 * keep out pages that are not listed, the token keeps out other users and whatever sends no Origin.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors.ts';

export type Verdict =
  | { readonly kind: 'pass'; readonly headers: Headers }
  /** A CORS preflight of a listed origin: answered with these headers and nothing else. */
  | { readonly kind: 'preflight'; readonly headers: Headers }
  | { readonly kind: 'refuse'; readonly headers: Headers; readonly error: AppError };

/** Headers of the answer, whatever it turns out to be. */
type Headers = Readonly<Record<string, string>>;

export interface GuardSettings {
  /** Web origins, exactly as a browser sends them. */
  readonly origins: readonly string[];
  readonly token: string;
}

export type Guard = (request: IncomingMessage) => Verdict;

/** What is answered without a token. */
const PUBLIC_PATHS: ReadonlySet<string> = new Set(['/health', '/openapi.json']);

/** Of these a second one could be read differently by whoever stands in between. */
const SINGLE_HEADERS = [
  'host',
  'origin',
  'authorization',
  'content-type',
  'sec-fetch-site',
  'idempotency-key',
  'access-control-request-method',
] as const;

const EVERY_ANSWER: Headers = {
  'cache-control': 'no-store',
  vary: 'Origin',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'cross-origin-resource-policy': 'same-origin',
};

const PREFLIGHT: Headers = {
  vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network',
  'access-control-allow-methods': 'GET, HEAD, POST, PATCH, DELETE',
  'access-control-allow-headers': 'Authorization, Content-Type, Idempotency-Key',
  'access-control-allow-private-network': 'true',
  'access-control-max-age': '600',
};

export function createGuard({ origins, token }: GuardSettings): Guard {
  const listed = new Set(origins);
  const expected = digest(token);

  function judge(request: IncomingMessage): Verdict {
    const { method = '', url = '' } = request;
    const origin = request.headersDistinct['origin']?.[0];
    const trusted = origin !== undefined && listed.has(origin);
    const headers = trusted
      ? {
          ...EVERY_ANSWER,
          'access-control-allow-origin': origin,
          'access-control-expose-headers': 'Location, Retry-After',
        }
      : EVERY_ANSWER;
    const refuse = (error: AppError): Verdict => ({ kind: 'refuse', headers, error });

    // A proxy's absolute form names the host itself, over the Host header (RFC 9112, 3.2.2): this is no proxy.
    if (!url.startsWith('/')) return refuse(new AppError('MISDIRECTED', 'expected a path as request target'));
    const twice = SINGLE_HEADERS.find((name) => (request.headersDistinct[name]?.length ?? 0) > 1);
    if (twice !== undefined) return refuse(new AppError('BAD_REQUEST', `headers: ${twice} more than once`));
    const hosts = hostsOf(request.socket.localPort ?? 0);
    if (!hosts.includes(request.headers.host ?? '')) {
      return refuse(new AppError('MISDIRECTED', `expected Host ${hosts.join(' or ')}`));
    }

    // No browser sends a fragment; a router cuts it off like a query.
    const [path = '', query = ''] = url.split(/[?#](.*)/s);
    const isPublic = needsNoToken(method, path);
    if (origin !== undefined && !trusted) return refuse(new AppError('ORIGIN_FORBIDDEN', 'the Origin is not listed'));
    if (!trusted && !isFromNoOtherPage(request.headers['sec-fetch-site'], isPublic)) {
      return refuse(new AppError('ORIGIN_FORBIDDEN', 'the request comes from another page and names no Origin'));
    }
    if (trusted && method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
      return { kind: 'preflight', headers: { ...headers, ...PREFLIGHT } };
    }
    if (holdsToken(query)) return refuse(new AppError('TOKEN_IN_QUERY', 'the query holds a token'));
    if (!isPublic && !isAuthorized(request.headers.authorization)) return refuse(new AppError('UNAUTHORIZED'));
    return { kind: 'pass', headers };
  }

  function isAuthorized(authorization = ''): boolean {
    const given = /^Bearer +([!-~]+)$/i.exec(authorization)?.[1];
    return given !== undefined && timingSafeEqual(digest(given), expected);
  }

  /** The token wherever it stands, and whatever is named like one. */
  function holdsToken(query: string): boolean {
    for (const [name, value] of new URLSearchParams(query.replaceAll(';', '&'))) {
      if (/token|bearer|authorization/i.test(name)) return true;
      const words = `${name} ${value}`.split(/[^\w-]+/).filter(({ length }) => length === token.length);
      if (words.some((word) => timingSafeEqual(digest(word), expected))) return true;
    }
    return false;
  }

  return judge;
}

/** `path` without a query. */
export function needsNoToken(method: string, path: string): boolean {
  return PUBLIC_PATHS.has(path) && (method === 'GET' || method === 'HEAD');
}

function hostsOf(port: number): string[] {
  return ['127.0.0.1', 'localhost', '[::1]'].flatMap((name) =>
    port === 80 ? [name, `${name}:80`] : [`${name}:${port}`],
  );
}

/** Sec-Fetch-Site of a request without an Origin: absent outside browsers, `none` typed in the address bar. */
function isFromNoOtherPage(site: string | string[] | undefined, isPublic: boolean): boolean {
  return site === undefined || site === 'none' || site === 'same-origin' || (isPublic && site === 'same-site');
}

/** Equal length for a comparison whose time tells nothing. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
