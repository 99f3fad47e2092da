import { describe, expect, it } from 'vitest';
import { latin1Bytes } from '../../src/bytes.ts';
import { contentBalance } from '../../src/pdf/content-balance.ts';

describe('states that page content saves and restores', () => {
  it.each([
    ['q 1 0 0 1 0 0 cm Q', 0, 0, false],
    ['', 0, 0, false],
    ['q q Q', 1, 0, false],
    ['q Q Q Q', 0, 2, false],
    ['q Q Q /F1 12 Tf', 0, 1, true],
    ['Q q', 1, 1, false],
    ['(q Q \\) (q)) Tj q % Q\n', 1, 0, false],
    ['/q gs /Q gs [q', 1, 0, false],
    ['q BI /W 1 /H 1 ID \x00 Q EIQ q\nEI Q', 0, 0, false],
    ['q BI ID never ends', 1, 0, false],
    ['qq Qx xQ', 0, 0, false],
    ['q<51>Q', 0, 0, false],
    ['q (never ends', 1, 0, false],
  ])('%j: %d unrestored, %d surplus', (content, unrestored, surplus, drawsAfterSurplus) => {
    expect(contentBalance(latin1Bytes(content))).toEqual({ unrestored, surplus, drawsAfterSurplus });
  });
});
