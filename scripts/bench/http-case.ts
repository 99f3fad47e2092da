/** Upload, seal and download over the port: what the seal's answer takes once the upload is in, and what memory all of it takes. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { packagePath } from '../../src/package.ts';
import { forgetPeak, median, processMemoryMb } from './process-memory.ts';

export interface HttpFigures {
  /** From the request to the answer of POST .../seal, milliseconds, median. */
  readonly sealMs: number;
  /** What bringing the file and the record to the disk adds. */
  readonly fsyncMs: number;
  /** The first download: the file is read and hashed before its first byte goes out. */
  readonly downloadMs: number;
  readonly idleMb: number;
  readonly peakMb: number;
}

/** Until the engine has compiled what it will compile. */
const WARM_ROUNDS = 120;
const ROUNDS = 15;
const ROUNDS_LARGE = 5;
const LARGE_BYTES = 1 << 22;
const PEOPLE = {
  parties: [
    { id: 'a', name: '甲某' },
    { id: 'b', name: '乙某' },
  ],
  mediator: { id: 'm', name: '丁某' },
};

/** A daemon to seal at, and what is asked of it. */
export async function openHttpCase(
  folder: string,
): Promise<AsyncDisposable & { measure(file: string): Promise<HttpFigures> }> {
  const server = fork(packagePath('scripts/bench/http-server.ts'), [folder], { execArgv: ['--expose-gc'] });
  const [{ url, token }] = (await once(server, 'message')) as [{ url: string; token: string }];
  const pid = server.pid ?? 0;

  const tell = async (message: 'durable' | 'fast' | 'collect'): Promise<void> => {
    server.send(message);
    await once(server, 'message');
  };
  const call = async (
    method: string,
    path: string,
    body?: object | ReadableStream,
    key?: string,
  ): Promise<Response> => {
    const isFile = body instanceof ReadableStream;
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': isFile ? 'application/pdf' : 'application/json' }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
      ...(body === undefined ? {} : isFile ? { body, duplex: 'half' } : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
    return response;
  };

  /** One agreement, from its upload to its deletion. */
  const work = async (file: string): Promise<{ sealMs: number; downloadMs: number }> => {
    const upload = Readable.toWeb(createReadStream(file)) as ReadableStream;
    const { id } = (await (await call('POST', '/v1/agreements', upload)).json()) as { id: string };
    await (await call('PATCH', `/v1/agreements/${id}`, PEOPLE)).text();
    for (const partyId of ['a', 'b', 'm']) {
      await (await call('POST', `/v1/agreements/${id}/marks`, { partyId, kind: 'paper' })).text();
    }
    const asked = performance.now();
    const request = { placement: { page: 1, xMm: 105, yMm: 200 } };
    await (await call('POST', `/v1/agreements/${id}/seal`, request, crypto.randomUUID())).text();
    const sealMs = performance.now() - asked;
    const wanted = performance.now();
    const document = await call('GET', `/v1/agreements/${id}/pdf`);
    for await (const _ of document.body ?? []);
    const downloadMs = performance.now() - wanted;
    await (await call('DELETE', `/v1/agreements/${id}`)).text();
    return { sealMs, downloadMs };
  };

  return {
    async measure(file) {
      await tell('fast');
      for (let i = 0; i < WARM_ROUNDS; i++) await work(`${folder}/small.pdf`);
      await tell('collect');
      const idleMb = processMemoryMb('VmRSS', pid);
      forgetPeak(pid);
      const rounds = Array.from({ length: (await stat(file)).size < LARGE_BYTES ? ROUNDS : ROUNDS_LARGE });
      const fast: { sealMs: number; downloadMs: number }[] = [];
      for (const _ of rounds) fast.push(await work(file));
      await tell('durable');
      const durable: number[] = [];
      for (const _ of rounds) durable.push((await work(file)).sealMs);
      const sealMs = median(fast.map((round) => round.sealMs));
      return {
        sealMs,
        fsyncMs: median(durable) - sealMs,
        downloadMs: median(fast.map((round) => round.downloadMs)),
        idleMb,
        peakMb: processMemoryMb('VmHWM', pid),
      };
    },
    async [Symbol.asyncDispose]() {
      server.disconnect();
      await once(server, 'exit');
    },
  };
}
