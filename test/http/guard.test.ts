/** Who gets in: the statements of the port, each on a real socket and each with what must not have happened. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import {
  head,
  ORIGIN,
  problemIn,
  problemOfResponse,
  readAll,
  openSocket,
  startDaemon,
  statusOf,
  TOKEN,
} from './harness.ts';
import type { Daemon } from './harness.ts';

const AUTHORIZED = `Authorization: Bearer ${TOKEN}`;

/** Calls that would change something, were they let in. */
function writing(daemon: Daemon, ...headers: readonly string[]): string {
  const body = '{"passphrase":"secret"}';
  return (
    head(
      'POST /v1/seal/unlock',
      ...headers.map((header) => header.replace('{port}', String(daemon.port))),
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
    ) + body
  );
}

describe('1: listens on loopback only', () => {
  test('any other address of the machine refuses the connection', async () => {
    const daemon = await startDaemon();
    const others = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4')
      .map(({ address }) => address);
    // The whole of 127/8 is the machine itself on Linux, and not listened on either.
    const addresses = process.platform === 'linux' ? [...others, '127.0.0.2'] : others;
    for (const address of addresses) {
      const socket = connect({ host: address, port: daemon.port });
      const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
      expect([address, error.code]).toEqual([address, 'ECONNREFUSED']);
    }
  });

  test('::1 answers only where asked for', async () => {
    const without = await startDaemon();
    const refused = connect({ host: '::1', port: without.port });
    expect(await once(refused, 'error')).toMatchObject([{ syscall: 'connect' }]);

    const daemon = await startDaemon({ ipv6: true });
    const logged = await daemon.untilLogged(/::1/);
    // A machine without IPv6 says so and goes on.
    if (logged.includes('cannot')) return;
    const socket = await openSocket(daemon.port, '::1');
    const answer = readAll(socket);
    socket.write(head('GET /health', `Host: [::1]:${daemon.port}`));
    expect(statusOf(await answer)).toBe(200);
  });
});

describe('2: the Host is this daemon’s', () => {
  test.each(['127.0.0.1:{port}', 'localhost:{port}', '[::1]:{port}'])('%s is taken', async (host) => {
    const daemon = await startDaemon();
    expect(statusOf(await daemon.raw(writing(daemon, `Host: ${host}`, AUTHORIZED)))).toBe(200);
  });

  test.each([
    'evil.cn:{port}',
    'evil.cn',
    '127.0.0.1',
    'localhost',
    '127.0.0.1:1',
    '127.0.0.1.evil.cn:{port}',
    'localhost.:{port}',
    '127.1:{port}',
    '0.0.0.0:{port}',
    '2130706433:{port}',
    'evil.cn@127.0.0.1:{port}',
    '127.0.0.1:{port}.evil.cn',
    '',
  ])('«%s» is answered 421 and does nothing', async (host) => {
    const daemon = await startDaemon();
    const answer = await daemon.raw(writing(daemon, `Host: ${host}`, AUTHORIZED));
    expect(statusOf(answer)).toBe(421);
    expect(problemIn(answer)['code']).toBe('MISDIRECTED');
    expect(daemon.calls).toEqual([]);
  });

  test('before routing: an unknown path, a bad path and a missing token are 421 as well', async () => {
    const daemon = await startDaemon();
    for (const path of ['/nothing', '/%zz', '/health']) {
      expect(statusOf(await daemon.raw(head(`GET ${path}`, 'Host: evil.cn')))).toBe(421);
    }
  });

  test('before what the request expects: one that no server knows is 421 as well, and else counts for nothing', async () => {
    const daemon = await startDaemon();
    expect(statusOf(await daemon.raw(head('GET /health', 'Host: evil.cn', 'Expect: tea')))).toBe(421);
    const host = `Host: 127.0.0.1:${daemon.port}`;
    expect(statusOf(await daemon.raw(head('GET /v1/status', host, 'Expect: tea')))).toBe(401);
    expect(statusOf(await daemon.raw(head('GET /health', host, 'Expect: tea')))).toBe(200);
  });

  test('no Host at all is answered 421', async () => {
    const daemon = await startDaemon();
    expect(statusOf(await daemon.raw(head('GET /health')))).toBe(421);
    expect(statusOf(await daemon.raw('GET /health HTTP/1.0\r\n\r\n'))).toBe(421);
  });

  test('two Hosts are refused, in whichever order', async () => {
    const daemon = await startDaemon();
    for (const hosts of [
      ['Host: 127.0.0.1:{port}', 'Host: evil.cn'],
      ['Host: evil.cn', 'Host: 127.0.0.1:{port}'],
      ['Host: 127.0.0.1:{port}', 'Host: 127.0.0.1:{port}'],
    ]) {
      const answer = await daemon.raw(writing(daemon, ...hosts, AUTHORIZED));
      expect(statusOf(answer)).toBe(400);
      expect(problemIn(answer)['detail']).toContain('host');
    }
    expect(daemon.calls).toEqual([]);
  });

  test('an absolute-form target is 421, whatever host it names', async () => {
    const daemon = await startDaemon();
    for (const target of ['http://evil.cn/health', `http://127.0.0.1:${daemon.port}/health`, '*']) {
      const answer = await daemon.raw(head(`OPTIONS ${target}`, `Host: 127.0.0.1:${daemon.port}`));
      expect([target, statusOf(answer)]).toEqual([target, 421]);
    }
  });
});

describe('3: the Origin is matched exactly', () => {
  test.each([
    'https://evil-allowed.cn',
    'https://allowed.cn.evil.cn',
    'https://evil.cn/https://allowed.cn',
    'http://allowed.cn',
    'https://allowed.cn:8443',
    'https://allowed.cn:443',
    'https://allowed.cn/',
    'https://allowed.cn.',
    'https://ALLOWED.cn',
    'https://user@allowed.cn',
    'https://sub.allowed.cn',
    ' https://allowed.cn https://evil.cn',
    'https://allowed.cn, https://evil.cn',
    'https://аllowed.cn',
    'null',
    '*',
    '',
    'file://',
    'chrome-extension://allowed.cn',
    'http://127.0.0.1:{port}',
    'http://localhost:1',
  ])('«%s» is 403 even with the token, and nothing happens', async (origin) => {
    const daemon = await startDaemon();
    const answer = await daemon.raw(
      writing(daemon, 'Host: 127.0.0.1:{port}', AUTHORIZED, `Origin: ${Buffer.from(origin).toString('latin1')}`),
    );
    expect(statusOf(answer)).toBe(403);
    expect(problemIn(answer)['code']).toBe('ORIGIN_FORBIDDEN');
    expect(answer.toLowerCase()).not.toContain('access-control');
    expect(daemon.calls).toEqual([]);
  });

  test('the listed origin is let in and told so', async () => {
    const daemon = await startDaemon();
    const response = await daemon.call('POST', '/v1/seal/lock', { headers: { origin: ORIGIN } });
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(daemon.calls.map(({ name }) => name)).toEqual(['seal.lock']);
  });

  test('an unlisted origin does not even get /health', async () => {
    const daemon = await startDaemon();
    const response = await fetch(`${daemon.url}/health`, { headers: { origin: 'https://evil.cn' } });
    expect(response.status).toBe(403);
  });

  test.each(['Origin', 'Authorization', 'Content-Type', 'Sec-Fetch-Site', 'Idempotency-Key'])(
    'a second %s header is refused',
    async (name) => {
      const daemon = await startDaemon();
      const answer = await daemon.raw(
        writing(daemon, 'Host: 127.0.0.1:{port}', AUTHORIZED, `${name}: ${ORIGIN}`, `${name}: https://evil.cn`),
      );
      expect(statusOf(answer)).toBe(400);
      expect(daemon.calls).toEqual([]);
    },
  );
});

describe('4: without an Origin', () => {
  test('/health and /openapi.json need no token', async () => {
    const daemon = await startDaemon();
    for (const path of ['/health', '/openapi.json']) {
      expect((await fetch(`${daemon.url}${path}`)).status).toBe(200);
      expect((await fetch(`${daemon.url}${path}`, { method: 'HEAD' })).status).toBe(200);
    }
    expect((await fetch(`${daemon.url}/health`, { method: 'POST' })).status).toBe(401);
  });

  test.each([
    ['GET', '/v1/status'],
    ['GET', '/v1/readers'],
    ['POST', '/v1/captures'],
    ['POST', '/v1/agreements'],
    ['DELETE', '/v1/agreements/agr-1'],
    ['POST', '/v1/seal/lock'],
    ['GET', '/nothing/here'],
    ['PUT', '/health'],
  ])('%s %s needs the token', async (method, path) => {
    const daemon = await startDaemon();
    for (const authorization of [
      '',
      'Bearer',
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
      `Basic ${TOKEN}`,
      TOKEN,
    ]) {
      const response = await fetch(`${daemon.url}${path}`, {
        method,
        headers: authorization === '' ? {} : { authorization },
      });
      expect([authorization, response.status]).toEqual([authorization, 401]);
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
      expect((await problemOfResponse(response))['code']).toBe('UNAUTHORIZED');
    }
    expect(daemon.calls).toEqual([]);
  });

  test.each([
    ['absent', []],
    ['none', ['Sec-Fetch-Site: none']],
    ['same-origin', ['Sec-Fetch-Site: same-origin']],
  ])('with the token and Sec-Fetch-Site %s', async (_, headers) => {
    const daemon = await startDaemon();
    expect(statusOf(await daemon.raw(writing(daemon, 'Host: 127.0.0.1:{port}', AUTHORIZED, ...headers)))).toBe(200);
    expect(daemon.calls.map(({ name }) => name)).toEqual(['seal.unlock']);
  });

  test.each(['cross-site', 'same-site', 'whatever', ''])(
    'Sec-Fetch-Site «%s» is 403 even with the token, and nothing happens',
    async (site) => {
      const daemon = await startDaemon();
      const answer = await daemon.raw(writing(daemon, 'Host: 127.0.0.1:{port}', AUTHORIZED, `Sec-Fetch-Site: ${site}`));
      expect(statusOf(answer)).toBe(403);
      expect(daemon.calls).toEqual([]);
    },
  );

  test('a picture or script element of another site does not even reach /health', async () => {
    const daemon = await startDaemon();
    const answer = await daemon.raw(
      head('GET /health', `Host: 127.0.0.1:${daemon.port}`, 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: no-cors'),
    );
    expect(statusOf(answer)).toBe(403);
  });

  test('a listed origin is cross-site, and let in', async () => {
    const daemon = await startDaemon();
    const answer = await daemon.raw(
      writing(daemon, 'Host: 127.0.0.1:{port}', AUTHORIZED, `Origin: ${ORIGIN}`, 'Sec-Fetch-Site: cross-site'),
    );
    expect(statusOf(answer)).toBe(200);
  });
});

describe('6: a plain form reaches nothing', () => {
  test('a listed origin without the token is 401', async () => {
    const daemon = await startDaemon();
    const response = await fetch(`${daemon.url}/v1/seal/lock`, { method: 'POST', headers: { origin: ORIGIN } });
    expect(response.status).toBe(401);
    expect(response.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(daemon.calls).toEqual([]);
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/json',
    'application/json-patch+json',
    'application/json, text/plain',
    'application/json; charset=gbk',
    'application/json; x=y',
    'application/jsonp',
    '',
  ])('a body of «%s» is 415', async (type) => {
    const daemon = await startDaemon();
    for (const [method, path] of [
      ['POST', '/v1/seal/unlock'],
      ['POST', '/v1/seal/lock'],
      ['PATCH', '/v1/agreements/agr-1'],
      ['POST', '/v1/agreements'],
      ['POST', '/v1/verifications'],
      ['DELETE', '/v1/agreements/agr-1'],
      ['GET', '/v1/status'],
    ]) {
      const answer = await daemon.raw(
        head(
          `${method} ${path}`,
          `Host: 127.0.0.1:${daemon.port}`,
          AUTHORIZED,
          `Content-Type: ${type}`,
          'Content-Length: 23',
        ) + '{"passphrase":"secret"}',
      );
      expect([method, path, statusOf(answer)]).toEqual([method, path, 415]);
    }
    expect(daemon.calls).toEqual([]);
  });

  test('a body without a type is 415, chunked or not', async () => {
    const daemon = await startDaemon();
    const start = ['POST /v1/seal/unlock', `Host: 127.0.0.1:${daemon.port}`, AUTHORIZED] as const;
    expect(statusOf(await daemon.raw(`${head(...start, 'Content-Length: 2')}{}`))).toBe(415);
    expect(statusOf(await daemon.raw(`${head(...start, 'Transfer-Encoding: chunked')}2\r\n{}\r\n0\r\n\r\n`))).toBe(415);
    expect(daemon.calls).toEqual([]);
  });

  test('each route takes its own kind of body', async () => {
    const daemon = await startDaemon();
    const statuses = await Promise.all([
      daemon.call('POST', '/v1/agreements', { json: {} }),
      daemon.call('POST', '/v1/verifications', { json: {} }),
      daemon.call('PATCH', '/v1/agreements/agr-1', { pdf: '%PDF' }),
      daemon.call('POST', '/v1/agreements'),
    ]);
    expect(statuses.map(({ status }) => status)).toEqual([415, 415, 415, 415]);
    const packed = { json: { passphrase: 'x' }, headers: { 'content-encoding': 'gzip' } };
    expect((await daemon.call('POST', '/v1/seal/unlock', packed)).status).toBe(415);
    const needless = await daemon.call('POST', '/v1/seal/lock', { json: {} });
    expect((await problemOfResponse(needless))['detail']).toBe('body: this call takes none');
    expect(daemon.calls).toEqual([]);
  });

  test.each([
    'token={token}',
    'access_token=x',
    'Authorization=Bearer',
    'a=1&bearer=x',
    'a=1;token=x',
    'q={token}',
    'q=Bearer+{token}',
    '{token}',
    'to%6ben=x',
  ])('a token in the query (%s) is 400, with or without one in the header', async (query) => {
    const daemon = await startDaemon();
    const path = `/v1/status?${query.replace('{token}', TOKEN)}`;
    for (const response of [await daemon.call('GET', path), await fetch(`${daemon.url}${path}`)]) {
      expect(response.status).toBe(400);
      expect((await problemOfResponse(response))['code']).toBe('TOKEN_IN_QUERY');
    }
    expect(daemon.logged.join()).not.toContain(TOKEN);
  });
});

describe('8: /health tells who does not hold the token nothing', () => {
  test('status and version', async () => {
    const daemon = await startDaemon();
    const response = await fetch(`${daemon.url}/health`);
    expect(await response.json()).toEqual({ status: 'ok', version: '9.9.9-test' });
  });
});

describe('10: headers of the answers', () => {
  test.each([
    ['GET', '/health'],
    ['GET', '/openapi.json'],
    ['GET', '/v1/status'],
    ['GET', '/v1/captures/cap-1/image'],
    ['GET', '/v1/agreements/agr-1/pdf'],
    ['DELETE', '/v1/agreements/agr-1'],
    ['GET', '/nothing'],
    ['GET', '/%zz'],
    ['POST', '/v1/captures'],
  ])('%s %s is not stored, varies by origin, and is not framed', async (method, path) => {
    const daemon = await startDaemon();
    for (const headers of [{}, { origin: ORIGIN }, { origin: 'https://evil.cn' }]) {
      const response = await daemon.call(method, path, { headers });
      const said = Object.fromEntries(response.headers);
      expect(said).toMatchObject({
        'cache-control': 'no-store',
        vary: 'Origin',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      });
      expect(said['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(said['access-control-allow-credentials']).toBeUndefined();
      expect(Object.values(said)).not.toContain('*');
      await response.arrayBuffer();
    }
  });

  test('a preflight of a listed origin is answered, with leave for the private network', async () => {
    const daemon = await startDaemon();
    const response = await fetch(`${daemon.url}/v1/agreements/agr-1`, {
      method: 'OPTIONS',
      headers: {
        origin: ORIGIN,
        'access-control-request-method': 'PATCH',
        'access-control-request-headers': 'authorization,content-type',
        'access-control-request-private-network': 'true',
        'sec-fetch-site': 'cross-site',
      },
    });
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-methods': 'GET, HEAD, POST, PATCH, DELETE',
      'access-control-allow-headers': 'Authorization, Content-Type, Idempotency-Key',
      'access-control-allow-private-network': 'true',
      vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network',
      'cache-control': 'no-store',
    });
    expect(daemon.calls).toEqual([]);
  });

  test.each(['https://evil.cn', 'null', 'http://allowed.cn'])(
    'a preflight of %s is 403 and allows nothing',
    async (origin) => {
      const daemon = await startDaemon();
      const response = await fetch(`${daemon.url}/v1/status`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-private-network': 'true' },
      });
      expect(response.status).toBe(403);
      expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    },
  );

  test('OPTIONS without an origin is no preflight: it needs the token and is 405', async () => {
    const daemon = await startDaemon();
    expect((await fetch(`${daemon.url}/v1/status`, { method: 'OPTIONS' })).status).toBe(401);
    const response = await daemon.call('OPTIONS', '/v1/status');
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
  });
});
