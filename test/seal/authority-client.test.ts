import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { buffer } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { AuthorityClient } from '../../src/seal/authority-client.ts';
import type { AuthorityRequest } from '../../src/seal/authority-client.ts';
import { VirtualClock } from '../support/clock.ts';

const ALONE = new AbortController().signal;

/** A server on a port of its own; gives its address and what it was asked. */
async function serve(answer: RequestListener): Promise<{ url: string; asked: IncomingMessage[] }> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/ask`, asked };
}

function ask(url: string, change: Partial<AuthorityRequest> = {}, clock = new VirtualClock()): Promise<Uint8Array> {
  const request = { url, maxBytes: 1000, timeoutMs: 5000, failure: 'TIMESTAMP_UNREACHABLE', ...change } as const;
  return new AuthorityClient(clock).ask(request, ALONE);
}

const reply = (response: ServerResponse, body: string | Uint8Array, type = 'application/timestamp-reply'): void => {
  response.writeHead(200, { 'content-type': type }).end(body);
};

test('the question is asked as it is, with name and password where they are given', async () => {
  let body: Promise<Buffer> | undefined;
  const { url, asked } = await serve((request, response) => {
    body = buffer(request);
    void body.then(() => reply(response, 'answer', 'Application/Timestamp-Reply; charset=x'));
  });
  const answer = await ask(url, {
    body: { type: 'application/timestamp-query', bytes: Uint8Array.of(1, 2, 3) },
    answerType: 'application/timestamp-reply',
    credentials: { username: '委员会', password: 'a:b' },
  });
  expect(Buffer.from(answer).toString()).toBe('answer');
  expect([...(await body!)]).toEqual([1, 2, 3]);
  expect(asked[0]).toMatchObject({ method: 'POST', url: '/ask' });
  expect(asked[0]?.headers).toMatchObject({
    'content-type': 'application/timestamp-query',
    accept: 'application/timestamp-reply',
    authorization: `Basic ${Buffer.from('委员会:a:b').toString('base64')}`,
  });
});

test('an address without a question is read', async () => {
  const { url, asked } = await serve((_, response) => reply(response, 'list', 'text/plain'));
  expect(Buffer.from(await ask(url)).toString()).toBe('list');
  expect(asked[0]).toMatchObject({ method: 'GET' });
  expect(asked[0]?.headers.authorization).toBeUndefined();
});

test.each<[string, string, RequestListener]>([
  ['an error', 'answered 500, expected 200', (_, response) => response.writeHead(500).end('x'.repeat(100_000))],
  ['nothing', 'answered 204, expected 200', (_, response) => response.writeHead(204).end()],
  [
    'a login page',
    'answered text/html, expected application/timestamp-reply',
    (_, response) => reply(response, '<html>', 'text/html'),
  ],
  ['no type', 'answered -, expected application/timestamp-reply', (_, response) => response.writeHead(200).end('x')],
  ['too much', 'answered more than 1000 bytes', (_, response) => reply(response, new Uint8Array(1001))],
  [
    'too much, piece by piece without end',
    'answered more than 1000 bytes',
    (_, response) => {
      response.writeHead(200, { 'content-type': 'application/timestamp-reply' });
      const more = (): void => {
        if (!response.destroyed) response.write(new Uint8Array(100), more);
      };
      more();
    },
  ],
  [
    'too much once inflated',
    'answered more than 1000 bytes',
    (_, response) => {
      const headers = { 'content-type': 'application/timestamp-reply', 'content-encoding': 'gzip' };
      response.writeHead(200, headers).end(gzipSync(new Uint8Array(1_000_000)));
    },
  ],
  [
    'half an answer',
    'UND_ERR_SOCKET',
    (request, response) => {
      response.writeHead(200, { 'content-type': 'application/timestamp-reply', 'content-length': 500 }).write('half');
      request.socket.end();
    },
  ],
  ['no HTTP', 'the connection failed', (request) => request.socket.end('hello\r\n\r\n')],
  ['a hang-up', 'UND_ERR_SOCKET', (request) => request.socket.destroy()],
])('%s is no answer', async (_, detail, answer) => {
  const { url } = await serve(answer);
  const ended: unknown = await ask(url, { answerType: 'application/timestamp-reply' }).catch((error: unknown) => error);
  expect(ended).toMatchObject({ code: 'TIMESTAMP_UNREACHABLE' });
  expect((ended as AppError).detail).toContain(`${new URL(url).origin}: ${detail}`);
});

test('a redirection is not followed', async () => {
  const elsewhere = await serve((_, response) => reply(response, 'elsewhere'));
  const { url } = await serve((_, response) => response.writeHead(302, { location: elsewhere.url }).end());
  await expect(ask(url)).rejects.toMatchObject({
    code: 'TIMESTAMP_UNREACHABLE',
    detail: expect.stringContaining('answered 302') as string,
  });
  expect(elsewhere.asked).toEqual([]);
});

test('nobody there', async () => {
  const { url } = await serve(() => {});
  const port = await closedPort();
  await expect(ask(url.replace(/:\d+/, `:${port}`), { failure: 'REVOCATION_UNREACHABLE' })).rejects.toMatchObject({
    code: 'REVOCATION_UNREACHABLE',
    detail: `http://127.0.0.1:${port}: ECONNREFUSED`,
  });
});

/** One that was given out just now and taken back. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

test.each<[string, RequestListener]>([
  ['silence', () => {}],
  ['an answer that is never finished', (_, response) => response.writeHead(200).write('x')],
])('%s ends with the time that is given', async (_, answer) => {
  const asked = Promise.withResolvers<void>();
  const { url } = await serve((request, response) => {
    answer(request, response);
    asked.resolve();
  });
  const clock = new VirtualClock();
  const ended = ask(url, {}, clock).catch((error: unknown) => error);
  await asked.promise;
  await clock.advance(4999);
  expect(clock.sleeping).toBe(1);
  await clock.advance(1);
  expect(await ended).toMatchObject({
    code: 'TIMESTAMP_UNREACHABLE',
    detail: `${new URL(url).origin}: no answer within 5000 ms`,
  });
});

test('who asks may give up; nothing stays behind', async () => {
  const asked = Promise.withResolvers<void>();
  const { url } = await serve(() => asked.resolve());
  const clock = new VirtualClock();
  const stop = new AbortController();
  const request = { url, maxBytes: 10, timeoutMs: 5000, failure: 'TIMESTAMP_UNREACHABLE' } as const;
  const client = new AuthorityClient(clock);
  const ended = client.ask(request, stop.signal).catch((error: unknown) => error);
  await asked.promise;
  const reason = new AppError('SHUTTING_DOWN');
  stop.abort(reason);
  expect(await ended).toBe(reason);
  expect(clock.sleeping).toBe(0);
  await expect(client.ask(request, stop.signal)).rejects.toBe(reason);
});

test('one that was not there is not waited for again for half a minute, nor longer', async () => {
  let up = false;
  const { url, asked } = await serve((_, response) => {
    if (up) reply(response, 'answer');
    else response.destroy();
  });
  const clock = new VirtualClock();
  const client = new AuthorityClient(clock);
  const request = { url, maxBytes: 1000, timeoutMs: 5000, failure: 'TIMESTAMP_UNREACHABLE' } as const;
  const again = (): Promise<unknown> => client.ask(request, ALONE).catch((error: unknown) => error);
  const down = { code: 'TIMESTAMP_UNREACHABLE', detail: `${new URL(url).origin}: UND_ERR_SOCKET` };
  expect(await again()).toMatchObject(down);
  up = true;
  await clock.advance(29_999);
  expect(await again()).toMatchObject(down);
  expect(asked).toHaveLength(1);
  await clock.advance(1);
  expect(Buffer.from((await again()) as Uint8Array).toString()).toBe('answer');
  expect(Buffer.from((await again()) as Uint8Array).toString()).toBe('answer');
  expect(asked).toHaveLength(3);
});
