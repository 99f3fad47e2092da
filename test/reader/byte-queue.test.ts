import { describe, expect, test } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { ByteQueue } from '../../src/reader/byte-queue.ts';

const FOREVER = new AbortController().signal;

describe('a byte queue', () => {
  test('gives all that arrived, at once', async () => {
    const queue = new ByteQueue();
    queue.push(Uint8Array.of(1, 2));
    queue.push(new Uint8Array(0));
    queue.push(Uint8Array.of(3));
    expect([...(await queue.read(FOREVER))]).toEqual([1, 2, 3]);
  });

  test('waits for the first byte', async () => {
    const queue = new ByteQueue();
    const read = queue.read(FOREVER);
    queue.push(Uint8Array.of(9));
    expect([...(await read)]).toEqual([9]);
  });

  test('stops waiting with the signal’s reason, and loses nothing by it', async () => {
    const queue = new ByteQueue();
    const stop = new AbortController();
    const read = queue.read(stop.signal);
    stop.abort(new AppError('CAPTURE_CANCELLED'));
    await expect(read).rejects.toThrow('CAPTURE_CANCELLED');
    queue.push(Uint8Array.of(5));
    expect([...(await queue.read(FOREVER))]).toEqual([5]);
  });

  test('fails for ever once its device is gone, also for who was waiting', async () => {
    const queue = new ByteQueue();
    const read = queue.read(FOREVER);
    queue.fail(new AppError('READER_REMOVED', 'first'));
    queue.fail(new AppError('READER_PROTOCOL', 'second'));
    queue.push(Uint8Array.of(1));
    await expect(read).rejects.toThrow('READER_REMOVED: first');
    await expect(queue.read(FOREVER)).rejects.toThrow('READER_REMOVED: first');
  });

  test('forgets on draining, and does not grow without end', async () => {
    const queue = new ByteQueue();
    queue.push(Uint8Array.of(1));
    queue.drain();
    for (let round = 0; round < 3000; round++) queue.push(new Uint8Array(1024).fill(round & 0xff));
    expect((await queue.read(FOREVER)).length).toBeLessThanOrEqual(1 << 20);
  });
});
