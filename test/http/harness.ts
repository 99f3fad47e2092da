/** A daemon's HTTP side on a port of its own, and clients that say exactly what a test wants said. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Clock } from '../../src/clock.ts';
import { createApp } from '../../src/http/app.ts';
import type { HttpDeps } from '../../src/http/deps.ts';
import { fakeServices } from '../support/fake-services.ts';
import type { FakeOptions, FakeServices } from '../support/fake-services.ts';

export const TOKEN = 'test-token-7f3a9c';
export const ORIGIN = 'https://allowed.cn';

export interface DaemonOptions extends FakeOptions {
  readonly limits?: Partial<HttpDeps['config']['limits']>;
  readonly ipv6?: boolean;
  readonly clock?: Clock;
}

export interface Daemon extends FakeServices {
  readonly port: number;
  readonly url: string;
  /** Everything that was logged, one JSON line each. */
  readonly logged: string[];
  /** The first line that matches, when it comes. */
  readonly untilLogged: (message: RegExp) => Promise<string>;
  readonly close: () => Promise<void>;
  /** fetch with the token. */
  readonly call: (method: string, path: string, options?: CallOptions) => Promise<Response>;
  /** Bytes as they are onto a socket; the answer when the daemon closes, or when `until` is in it. */
  readonly raw: (text: string, until?: RegExp) => Promise<string>;
}

export interface CallOptions {
  readonly json?: unknown;
  readonly pdf?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

const running: Daemon[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(running.splice(0).map((daemon) => daemon.close()));
});

export async function startDaemon(options: DaemonOptions = {}): Promise<Daemon> {
  const services = fakeServices(options);
  const logged: string[] = [];
  const waiting: { message: RegExp; resolve: (line: string) => void }[] = [];
  const write = (fields: object, message: string): void => {
    const line = JSON.stringify({ ...fields, message }, (_, value: unknown) =>
      value instanceof Error ? `${value.stack} ${String(value.cause)}` : value,
    );
    logged.push(line);
    for (const each of waiting) if (each.message.test(line)) each.resolve(line);
  };
  const app = createApp({
    ...services,
    clock: options.clock ?? systemClock,
    version: '9.9.9-test',
    token: TOKEN,
    log: { debug: write, info: write, warn: write, error: write },
    config: {
      listen: { port: 0, ipv6: options.ipv6 ?? false },
      origins: [ORIGIN],
      committee: { name: '示例村人民调解委员会', shortName: '示', numberTemplate: '' },
      limits: {
        uploadBytes: 1_000_000,
        jsonBytes: 100_000,
        connections: 64,
        captures: 8,
        requestsPerMinute: 10_000,
        headersTimeoutMs: 10_000,
        requestTimeoutMs: 30_000,
        pdfTimeoutMs: 10_000,
        ...options.limits,
      },
    },
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const daemon: Daemon = {
    ...services,
    port,
    url,
    logged,
    untilLogged: (message) => {
      const line = logged.find((each) => message.test(each));
      return line === undefined ? new Promise((resolve) => waiting.push({ message, resolve })) : Promise.resolve(line);
    },
    close: () => app.close(),
    call: (method, path, { json, pdf, headers = {}, signal } = {}) =>
      fetch(`${url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${TOKEN}`,
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...(pdf === undefined ? {} : { 'content-type': 'application/pdf' }),
          ...headers,
        },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        ...(pdf === undefined ? {} : { body: pdf, duplex: 'half' }),
        ...(signal === undefined ? {} : { signal }),
      }),
    raw: (text, until) => rawRequest(port, text, until),
  };
  running.push(daemon);
  return daemon;
}

/** A connected socket; destroyed when the test ends. */
export async function openSocket(port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ host, port });
  sockets.push(socket);
  // A reset is what some tests provoke; what was read before it is what they look at.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** What the daemon says until it closes, or until `until` is in it. */
export function readAll(socket: Socket, until?: RegExp): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (until?.test(text) === true) resolve(text);
    });
    socket.once('close', () => resolve(text));
  });
}

async function rawRequest(port: number, text: string, until?: RegExp): Promise<string> {
  const socket = await openSocket(port);
  const answer = readAll(socket, until);
  socket.write(text);
  return answer;
}

/** The head of a request, of its lines and with what a good request carries unless the test says otherwise. */
export function head(line: string, ...headers: readonly string[]): string {
  return [`${line} HTTP/1.1`, ...headers, 'Connection: close', '', ''].join('\r\n');
}

export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? Number.NaN);
}

/** The problem in a raw answer. */
export function problemIn(answer: string): Record<string, unknown> {
  const body = answer.slice(answer.indexOf('\r\n\r\n') + 4);
  const text = /transfer-encoding: chunked/i.test(answer)
    ? body.replaceAll(/^[0-9a-f]+\r\n|\r\n0\r\n\r\n$/gi, '')
    : body;
  return JSON.parse(Buffer.from(text, 'latin1').toString('utf8')) as Record<string, unknown>;
}

export async function problemOfResponse(response: Response): Promise<Record<string, unknown>> {
  const type = response.headers.get('content-type');
  if (type !== 'application/problem+json') throw new Error(`expected a problem, got ${response.status} ${type}`);
  return (await response.json()) as Record<string, unknown>;
}
