/** 9: bodies, slowness, connections and rate are bounded; a bound that is hit has an answer, and the daemon goes on. */
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  head,
  openSocket,
  ORIGIN,
  problemIn,
  problemOfResponse,
  readAll,
  startDaemon,
  statusOf,
  TOKEN,
} from './harness.ts';
import type { Daemon } from './harness.ts';

const AUTHORIZED = `Authorization: Bearer ${TOKEN}`;

async function expectAlive(daemon: Daemon): Promise<void> {
  expect((await fetch(`${daemon.url}/health`, { headers: { connection: 'close' } })).status).toBe(200);
}

/** Chunks without a length told ahead. */
function streamOf(chunk: Uint8Array, count: number): ReadableStream<Uint8Array> {
  let left = count;
  return new ReadableStream({
    pull(controller) {
      if (left-- > 0) controller.enqueue(chunk);
      else controller.close();
    },
  });
}

describe('the body', () => {
  test('an upload that says that it is too long is 413 before a byte is read', async () => {
    const daemon = await startDaemon({ limits: { uploadBytes: 10_000 } });
    for (const path of ['/v1/agreements', '/v1/verifications']) {
      const response = await daemon.call('POST', path, { pdf: new Uint8Array(10_001) });
      expect(response.status).toBe(413);
      expect((await problemOfResponse(response))['code']).toBe('BODY_TOO_LARGE');
    }
    expect(daemon.calls).toEqual([]);
    await expectAlive(daemon);
  });

  test('an upload that tells no length is cut off where it is too long, and the answer arrives', async () => {
    const daemon = await startDaemon({ uploadBytes: 200_000, limits: { uploadBytes: 200_000 } });
    for (const path of ['/v1/agreements', '/v1/verifications']) {
      const response = await daemon.call('POST', path, { pdf: streamOf(new Uint8Array(50_000), 100) });
      expect(response.status).toBe(413);
      expect((await problemOfResponse(response))['code']).toBe('BODY_TOO_LARGE');
    }
    for (const { bytes, ended } of daemon.uploads) {
      expect(ended).toBe(false);
      expect(bytes).toBeLessThan(400_000);
    }
    await expectAlive(daemon);
  });

  test('who is refused and keeps sending for ever is cut off', async () => {
    const daemon = await startDaemon({ uploadBytes: 1_000, limits: { uploadBytes: 1_000 } });
    const socket = await openSocket(daemon.port);
    const answer = readAll(socket);
    socket.write(
      [
        'POST /v1/agreements HTTP/1.1',
        `Host: 127.0.0.1:${daemon.port}`,
        AUTHORIZED,
        'Content-Type: application/pdf',
        'Transfer-Encoding: chunked',
        '',
        '',
      ].join('\r\n'),
    );
    const chunk = `1000\r\n${'x'.repeat(0x1000)}\r\n`;
    while (!socket.destroyed) {
      if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
      await setImmediate();
    }
    expect(statusOf(await answer)).toBe(413);
    await expectAlive(daemon);
  });

  test('JSON over the bound is 413, told ahead or not', async () => {
    const daemon = await startDaemon({ limits: { jsonBytes: 2_000 } });
    const text = JSON.stringify({ passphrase: 'x'.repeat(3_000) });
    const told = await daemon.call('POST', '/v1/seal/unlock', { json: { passphrase: 'x'.repeat(3_000) } });
    const untold = await fetch(`${daemon.url}/v1/seal/unlock`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: streamOf(Buffer.from(text), 1),
      duplex: 'half',
    });
    for (const response of [told, untold]) {
      expect(response.status).toBe(413);
      expect((await problemOfResponse(response))['code']).toBe('BODY_TOO_LARGE');
    }
    expect(daemon.calls).toEqual([]);
    await expectAlive(daemon);
  });

  test('who asks with Expect: 100-continue and is refused is not told to send', async () => {
    const daemon = await startDaemon({ limits: { uploadBytes: 1_000 } });
    const ask = (authorization: string, length: number, until?: RegExp): Promise<string> =>
      daemon.raw(
        head(
          'POST /v1/agreements',
          `Host: 127.0.0.1:${daemon.port}`,
          authorization,
          'Content-Type: application/pdf',
          `Content-Length: ${length}`,
          'Expect: 100-continue',
        ),
        until,
      );
    expect(statusOf(await ask('X: y', 10, /\}$/))).toBe(401);
    expect(await ask(AUTHORIZED, 10, /100 Continue/)).toContain('HTTP/1.1 100 Continue');
  });

  test('an upload that is cut off ends as a failure for its service, and is no error of the daemon', async () => {
    const daemon = await startDaemon();
    for (const [call, path, framing, part] of [
      ['agreements.create', '/v1/agreements', 'Content-Length: 1000', '%PDF-1.7'],
      ['verifier.verify', '/v1/verifications', 'Transfer-Encoding: chunked', '8\r\n%PDF-1.7\r\n'],
    ] as const) {
      const socket = await openSocket(daemon.port);
      socket.write(
        head(`POST ${path}`, `Host: 127.0.0.1:${daemon.port}`, AUTHORIZED, 'Content-Type: application/pdf', framing) +
          part,
      );
      await expect.poll(() => daemon.uploads.at(-1)).toMatchObject({ bytes: 8, call });
      socket.destroy();
      await expect.poll(() => daemon.uploads.at(-1)?.error).toMatchObject({ code: 'BAD_REQUEST' });
      expect(daemon.uploads.at(-1)?.ended).toBe(false);
    }
    expect(daemon.logged.join()).not.toContain('INTERNAL');
    await expectAlive(daemon);
  });

  test('a deeply nested document is refused, not a crash', async () => {
    const daemon = await startDaemon();
    const answer = await fetch(`${daemon.url}/v1/seal/unlock`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: `${'['.repeat(40_000)}${']'.repeat(40_000)}`,
    });
    expect(answer.status).toBe(400);
    await expectAlive(daemon);
  });
});

describe('slowness', () => {
  test('a head that does not come to its end is 408', async () => {
    const daemon = await startDaemon({ limits: { headersTimeoutMs: 200 } });
    const answer = await daemon.raw(`GET /health HTTP/1.1\r\nHost: 127.0.0.1:${daemon.port}\r\nX-Slow: `);
    expect(statusOf(answer)).toBe(408);
    expect(problemIn(answer)['code']).toBe('REQUEST_TIMEOUT');
    await expectAlive(daemon);
  });

  test('a body that does not come to its end is 408, for JSON and for an upload', async () => {
    const daemon = await startDaemon({ limits: { headersTimeoutMs: 200, requestTimeoutMs: 400 } });
    const start = (path: string, type: string): string =>
      head(
        `POST ${path}`,
        `Host: 127.0.0.1:${daemon.port}`,
        AUTHORIZED,
        `Content-Type: ${type}`,
        'Content-Length: 100',
      );
    const json = await daemon.raw(`${start('/v1/seal/unlock', 'application/json')}{"pass`);
    const upload = await daemon.raw(`${start('/v1/agreements', 'application/pdf')}%PDF`);
    for (const answer of [json, upload]) {
      expect(statusOf(answer)).toBe(408);
      expect(problemIn(answer)['code']).toBe('REQUEST_TIMEOUT');
    }
    await expect.poll(() => daemon.uploads.at(-1)?.error).toMatchObject({ code: 'BAD_REQUEST' });
    await expectAlive(daemon);
  });
});

describe('requests that are none', () => {
  test.each([
    ['garbage', '\u0016\u0003\u0001\u0002\r\n\r\n', 400, 'BAD_REQUEST'],
    ['another protocol', 'EHLO example.cn\r\n\r\n', 400, 'BAD_REQUEST'],
    ['a header with a control character', 'GET / HTTP/1.1\r\nX: a\u0000b\r\n\r\n', 400, 'BAD_REQUEST'],
    ['two lengths', 'POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400, 'BAD_REQUEST'],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
      'BAD_REQUEST',
    ],
    ['a head of 100 kB', `GET / HTTP/1.1\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`, 431, 'HEADERS_TOO_LARGE'],
  ])('%s', async (_, text, status, code) => {
    const daemon = await startDaemon();
    const answer = await daemon.raw(text);
    expect(statusOf(answer)).toBe(status);
    expect(problemIn(answer)).toMatchObject({ code, status });
    expect(answer).toContain('content-type: application/problem+json');
    await expectAlive(daemon);
  });

  test('chunks that are garbage end the upload with 400', async () => {
    const daemon = await startDaemon();
    const answer = await daemon.raw(
      `${head(
        'POST /v1/agreements',
        `Host: 127.0.0.1:${daemon.port}`,
        AUTHORIZED,
        'Content-Type: application/pdf',
        'Transfer-Encoding: chunked',
      )}4\r\n%PDF\r\nzz\r\n`,
    );
    expect(statusOf(answer)).toBe(400);
    await expect.poll(() => daemon.uploads.at(-1)?.error).toMatchObject({ code: 'BAD_REQUEST' });
    expect(daemon.uploads.at(-1)?.ended).toBe(false);
    await expectAlive(daemon);
  });

  test('a smuggled second request does not get in by the first one’s token', async () => {
    const daemon = await startDaemon();
    const host = `Host: 127.0.0.1:${daemon.port}`;
    const second = ['POST /v1/seal/lock HTTP/1.1', host, '', ''].join('\r\n');
    const answer = await daemon.raw(
      ['GET /v1/status HTTP/1.1', host, AUTHORIZED, '', ''].join('\r\n') + second,
      /401[\s\S]*\}$/,
    );
    expect(statusOf(answer)).toBe(200);
    expect(answer).toContain('HTTP/1.1 401');
    expect(daemon.calls).toEqual([]);
  });
});

describe('connections', () => {
  test('over the bound the answer is 503, and with room again the daemon serves', async () => {
    const daemon = await startDaemon({ limits: { connections: 2 } });
    const held = [await openSocket(daemon.port), await openSocket(daemon.port)];
    const answer = await daemon.raw(head('GET /health', `Host: 127.0.0.1:${daemon.port}`));
    expect(statusOf(answer)).toBe(503);
    expect(problemIn(answer)['code']).toBe('OVERLOADED');
    expect(answer.toLowerCase()).toContain('retry-after: 1');
    for (const socket of held) socket.destroy();
    await expect.poll(() => fetch(`${daemon.url}/health`).then(({ status }) => status)).toBe(200);
  });

  test('far over the bound they are closed', async () => {
    const daemon = await startDaemon({ limits: { connections: 1 } });
    const sockets = await Promise.all(Array.from({ length: 40 }, () => openSocket(daemon.port)));
    await expect.poll(() => sockets.filter(({ destroyed }) => destroyed).length).toBeGreaterThanOrEqual(20);
  });
});

describe('rate', () => {
  test('over the bound the answer is 429 and says when to come again; another origin is not made to wait', async () => {
    const daemon = await startDaemon({ limits: { requestsPerMinute: 10 } });
    for (let n = 0; n < 10; n += 1) expect((await daemon.call('GET', '/v1/status')).status).toBe(200);
    const response = await daemon.call('POST', '/v1/seal/lock');
    expect(response.status).toBe(429);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await problemOfResponse(response))['code']).toBe('TOO_MANY_REQUESTS');
    expect((await daemon.call('GET', '/nothing')).status).toBe(429);
    expect(daemon.calls).toEqual([]);
    expect((await daemon.call('GET', '/v1/status', { headers: { origin: ORIGIN } })).status).toBe(200);
  });

  test('pages that are not listed, and who holds no token, cannot use up what others need', async () => {
    const daemon = await startDaemon({ limits: { requestsPerMinute: 10 } });
    for (let n = 0; n < 30; n += 1) {
      await fetch(`${daemon.url}/v1/status`, { headers: { origin: 'https://evil.cn' } });
      await fetch(`${daemon.url}/v1/status`);
      // What needs no token can be asked by anyone, in anyone's name.
      await fetch(`${daemon.url}/health`);
      await fetch(`${daemon.url}/health`, { headers: { origin: ORIGIN } });
    }
    expect((await fetch(`${daemon.url}/health`)).status).toBe(429);
    expect((await daemon.call('GET', '/v1/status', { headers: { origin: ORIGIN } })).status).toBe(200);
    expect((await daemon.call('GET', '/v1/status')).status).toBe(200);
  });
});

describe('closing', () => {
  test('what is under way is finished, what comes new is SHUTTING_DOWN', async () => {
    const release = Promise.withResolvers<void>();
    const daemon = await startDaemon({ holds: { 'agreements.seal': release.promise } });
    const sealing = daemon.call('POST', '/v1/agreements/agr-1/seal', {
      json: {},
      headers: { 'idempotency-key': 'k1' },
    });
    // A connection that is in use when the closing begins, and asks again.
    const socket = await openSocket(daemon.port);
    const answer = readAll(socket);
    const host = `Host: 127.0.0.1:${daemon.port}`;
    socket.write(['POST /v1/seal/unlock HTTP/1.1', host, AUTHORIZED, 'Content-Type: application/json'].join('\r\n'));
    await expect.poll(() => daemon.calls.length).toBe(1);

    const closed = daemon.close();
    socket.write(['', 'Content-Length: 2', '', '{}'].join('\r\n'));
    expect(statusOf(await answer)).toBe(503);
    expect(problemIn(await answer)['code']).toBe('SHUTTING_DOWN');
    expect((await answer).toLowerCase()).toContain('connection: close');

    release.resolve();
    const sealed = await sealing;
    expect(sealed.status).toBe(200);
    expect(sealed.headers.get('connection')).toBe('close');
    await closed;
    expect(daemon.calls.map(({ name }) => name)).toEqual(['agreements.seal']);
    await expect(fetch(`${daemon.url}/health`)).rejects.toThrow();
  });

  test('who is still sending is not waited for', async () => {
    const daemon = await startDaemon();
    const socket = await openSocket(daemon.port);
    socket.write(
      head(
        'POST /v1/agreements',
        `Host: 127.0.0.1:${daemon.port}`,
        AUTHORIZED,
        'Content-Type: application/pdf',
        'Content-Length: 1000',
      ),
    );
    await expect.poll(() => daemon.uploads.length).toBe(1);
    await daemon.close();
    // Its service has heard of it before the closing is over.
    expect(daemon.uploads[0]).toMatchObject({ ended: false, error: { code: 'BAD_REQUEST' } });
  });

  test('a service is waited for, even when its client is gone', async () => {
    const release = Promise.withResolvers<void>();
    const daemon = await startDaemon({ holds: { 'agreements.seal': release.promise } });
    const client = new AbortController();
    const sealing = daemon.call('POST', '/v1/agreements/agr-1/seal', {
      headers: { 'idempotency-key': 'k1' },
      signal: client.signal,
    });
    await expect.poll(() => daemon.calls.length).toBe(1);
    client.abort();
    await expect(sealing).rejects.toThrow('aborted');
    let closed = false;
    const closing = daemon.close().then(() => (closed = true));
    await expect.poll(() => fetch(`${daemon.url}/health`).catch(() => 'refused')).toBe('refused');
    expect(closed).toBe(false);
    release.resolve();
    await closing;
  });

  test('waits end', async () => {
    const daemon = await startDaemon({ holds: { 'captures.wait': new Promise(() => undefined) } });
    const waiting = daemon.call('GET', '/v1/captures/cap-1?wait=60');
    await expect.poll(() => daemon.calls.length).toBe(1);
    await daemon.close();
    expect((await problemOfResponse(await waiting))['code']).toBe('SHUTTING_DOWN');
  });
});
