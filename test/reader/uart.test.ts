import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resample } from '../../src/reader/uart.ts';

describe('a UART', () => {
  test('reads what was sent at its own rate, or nearly', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.constantFrom(57_600, 57_000, 58_200), (bytes, rate) => {
        expect(resample(bytes, 57_600, rate)).toEqual(bytes);
      }),
    );
  });

  test('at half the rate reads something else', () => {
    const sent = Uint8Array.of(0xef, 0x01, 0xff, 0xff, 0xff, 0xff, 0x01);
    const seen = resample(sent, 115_200, 57_600);
    expect(seen).not.toEqual(sent);
    expect(seen.length).toBeLessThan(sent.length);
  });

  test('at twice the rate reads 0 where a stop bit should be', () => {
    // Seen twice as fast, a byte of zeros is a start bit that does not end.
    expect([...resample(Uint8Array.of(0x00), 57_600, 115_200)]).toEqual([0]);
    // Eight samples are the start bit and three and a half bits: of AA 0, 0 0, 1 1, 0 0, 1, and a stop bit is seen.
    expect(resample(Uint8Array.of(0xaa), 57_600, 115_200)[0]).toBe(0b1001_1000);
  });

  test('never fails, whatever the rates', () => {
    fc.assert(
      fc.property(
        fc.uint8Array(),
        fc.integer({ min: 1200, max: 921_600 }),
        fc.integer({ min: 1200, max: 921_600 }),
        (bytes, a, b) => {
          expect(resample(bytes, a, b).length).toBeLessThanOrEqual(Math.ceil((bytes.length * 10 * b) / a / 2) + 1);
        },
      ),
      { numRuns: 50 },
    );
  });
});
