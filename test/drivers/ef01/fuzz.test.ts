/** Hostile bytes: whatever one end sends, the other ends in a typed error, in bounded time. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_ADDRESS, encodeFrame } from '../../../drivers/ef01/codec.ts';
import type { FrameKind } from '../../../drivers/ef01/codec.ts';
import { isAppError } from '../../../src/errors.ts';
import { collect, drawPrint, ef01 } from '../../reader/simulator.ts';
import { JumpingClock } from '../../reader/jumping-clock.ts';
import { ack, Script } from './script.ts';

const FOREVER = new AbortController().signal;

const frames = fc
  .record({
    kind: fc.constantFrom<FrameKind>('command', 'data', 'acknowledge', 'end-of-data'),
    payload: fc.uint8Array({ maxLength: 256 }),
  })
  .map((frame) => encodeFrame({ ...frame, address: DEFAULT_ADDRESS }));
const damaged = fc.tuple(frames, fc.nat(), fc.nat(255)).map(([frame, at, value]) => {
  const copy = frame.slice();
  copy[at % copy.length] = value;
  return copy;
});
const speech = fc.array(fc.oneof(frames, damaged, fc.uint8Array({ maxLength: 300 }), fc.constant(ack([0]))), {
  maxLength: 6,
});

describe('a device that says anything at all', () => {
  test('to one command of a capture ends it in a typed error or a sample, in bounded time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(0x01, 0x02, 0x08, 0x0a), speech, async (instruction, answer) => {
        const script = new Script([[instruction, () => answer]]);
        const reader = await script.open();
        const { error, sample } = await collect(reader.capture({ timeoutMs: 1000, liftTimeoutMs: 500 }, FOREVER));
        expect(error === null ? sample !== null : isAppError(error)).toBe(true);
        expect(script.clock.monotonicMs()).toBeLessThan(300_000);
      }),
      { numRuns: 200 },
    );
  });

  test('when it is opened', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(0x13, 0x0f), speech, async (instruction, answer) => {
        const script = new Script([[instruction, () => answer]]);
        const error: unknown = await script.open().then(
          () => null,
          (reason: unknown) => reason,
        );
        expect(error === null || isAppError(error)).toBe(true);
        expect(script.clock.monotonicMs()).toBeLessThan(60_000);
      }),
      { numRuns: 100 },
    );
  });
});

test('a simulated device takes anything at all from its host', () => {
  const capabilities = ef01.expects({});
  fc.assert(
    fc.property(speech, (said) => {
      const peer = ef01.createPeer({ dialect: 'as608', capabilities }, new JumpingClock());
      peer.setFinger(drawPrint());
      let sent = 0;
      peer.onSend = (bytes) => {
        sent += bytes.length;
      };
      for (const bytes of said) peer.receive(bytes);
      expect(sent).toBeGreaterThanOrEqual(0);
    }),
  );
});
