/** Captures as server-sent events. */
import { describe, expect, test } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { eventStream, HEARTBEAT_MS } from '../../src/http/event-stream.ts';
import { CAPTURE, CAPTURED } from '../support/fake-services.ts';
import { problemOfResponse, startDaemon } from './harness.ts';

/** A clock whose sleeps end when the test says so. */
function manualClock(): {
  readonly now: () => Date;
  readonly monotonicMs: () => number;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly wakeAll: () => void;
  readonly sleeping: number[];
} {
  const sleepers: { readonly ms: number; readonly wake: () => void }[] = [];
  const sleeping: number[] = [];
  return {
    now: () => new Date(0),
    monotonicMs: () => 0,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        sleepers.push({ ms, wake: resolve });
        sleeping.push(ms);
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      }),
    wakeAll: () => {
      for (const { wake } of sleepers.splice(0)) wake();
    },
    sleeping,
  };
}

async function textOf(stream: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const part of stream) text += part;
  return text;
}

describe('GET /v1/captures/{id}/events', () => {
  test('gives the capture at each change, as data of events, and ends with it', async () => {
    const daemon = await startDaemon();
    daemon.events.push(CAPTURE);
    const response = await daemon.call('GET', '/v1/captures/cap-1/events');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.headers.get('cache-control')).toBe('no-store');
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const readUntil = async (needle: string): Promise<void> => {
      while (!text.includes(needle)) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
        if (done || value === undefined) throw new Error(`ended before ${needle}`);
        text += value;
      }
    };
    // Each arrives when it happens, not when the stream ends.
    await readUntil('"waiting"');
    daemon.events.push({ ...CAPTURE, state: 'imaging', progress: 0.5 });
    await readUntil('"imaging"');
    daemon.events.push(CAPTURED);
    await readUntil('"done"');
    daemon.events.end();
    expect((await reader?.read())?.done).toBe(true);
    const data = [...text.matchAll(/^data: (.*)$/gm)].map(([, json = '']) => JSON.parse(json) as unknown);
    expect(data).toEqual([CAPTURE, { ...CAPTURE, state: 'imaging', progress: 0.5 }, CAPTURED]);
    expect(text.replaceAll(/^data: .*\n\n|^:.*\n\n/gm, '')).toBe('');
  });

  test('tells a page that reads it so: the listed origin’s CORS header is on the stream', async () => {
    const daemon = await startDaemon();
    daemon.events.end();
    const response = await daemon.call('GET', '/v1/captures/cap-1/events', {
      headers: { origin: 'https://allowed.cn' },
    });
    expect(response.headers.get('access-control-allow-origin')).toBe('https://allowed.cn');
    await response.text();
  });

  test('an unknown capture is a problem, not a stream', async () => {
    const daemon = await startDaemon();
    const response = await daemon.call('GET', '/v1/captures/nope/events');
    expect((await problemOfResponse(response))['code']).toBe('CAPTURE_NOT_FOUND');
    expect(daemon.calls).toEqual([]);
  });

  test('a client that goes away aborts what feeds it', async () => {
    const daemon = await startDaemon();
    daemon.events.push(CAPTURE);
    const client = new AbortController();
    const response = await daemon.call('GET', '/v1/captures/cap-1/events', { signal: client.signal });
    await response.body?.getReader().read();
    expect(daemon.events.aborted).toBe(false);
    client.abort();
    await expect.poll(() => daemon.events.aborted).toBe(true);
  });

  test('closing the daemon ends the stream', async () => {
    const daemon = await startDaemon();
    daemon.events.push(CAPTURE);
    const response = await daemon.call('GET', '/v1/captures/cap-1/events');
    const [text] = await Promise.all([response.text(), daemon.close()]);
    expect(text).toContain('"waiting"');
    expect(daemon.events.aborted).toBe(true);
  });

  test('HEAD is not taken', async () => {
    const daemon = await startDaemon();
    expect((await daemon.call('HEAD', '/v1/captures/cap-1/events')).status).toBe(405);
  });
});

describe('the stream', () => {
  test('says something when nothing happens for long', async () => {
    const clock = manualClock();
    const client = new AbortController();
    const stream = eventStream(
      {
        async *[Symbol.asyncIterator]() {
          await new Promise(() => undefined);
          yield 1;
        },
      },
      { clock, signal: client.signal, onError: () => undefined },
    );
    await stream.next();
    for (let n = 1; n <= 2; n += 1) {
      const next = stream.next();
      await expect.poll(() => clock.sleeping).toEqual(Array.from({ length: n }, () => HEARTBEAT_MS));
      clock.wakeAll();
      expect((await next).value).toBe(':\n\n');
    }
    const last = stream.next();
    client.abort();
    expect(await last).toEqual({ done: true, value: undefined });
  });

  test('a source that breaks off is told as an event named error', async () => {
    const told: unknown[] = [];
    const cause = new Error('inner words');
    const stream = eventStream(
      {
        // eslint-disable-next-line require-yield
        async *[Symbol.asyncIterator]() {
          throw cause;
        },
      },
      { clock: manualClock(), signal: new AbortController().signal, onError: (error) => told.push(error) },
    );
    const text = await textOf(stream);
    expect(text).toContain('event: error\ndata: {');
    expect(text).toContain('"code":"INTERNAL"');
    expect(text).not.toContain('inner words');
    expect(told).toEqual([cause]);
  });

  test('a known failure keeps its code', async () => {
    const stream = eventStream(
      {
        // eslint-disable-next-line require-yield
        async *[Symbol.asyncIterator]() {
          throw new AppError('CAPTURE_GONE');
        },
      },
      { clock: manualClock(), signal: new AbortController().signal, onError: () => undefined },
    );
    expect(await textOf(stream)).toContain('"code":"CAPTURE_GONE"');
  });
});
