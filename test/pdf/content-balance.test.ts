import { describe, expect, it } from 'vitest';
import { latin1Bytes } from '../../src/bytes.ts';
import { ContentScanner } from '../../src/pdf/content-balance.ts';
import type { ContentBalance } from '../../src/pdf/content-balance.ts';

const BALANCED: ContentBalance = {
  unrestored: 0,
  surplus: 0,
  drawsAfterSurplus: false,
  inText: false,
  marked: 0,
  unfinished: false,
};

/** Of content in as many streams. */
function balanceOf(...streams: readonly string[]): ContentBalance {
  const scanner = new ContentScanner();
  for (const stream of streams) scanner.stream(latin1Bytes(stream));
  return scanner.balance;
}

describe('what page content leaves open', () => {
  it.each([
    ['q 1 0 0 1 0 0 cm Q', {}],
    ['', {}],
    ['q q Q', { unrestored: 1 }],
    ['q Q Q Q', { surplus: 2 }],
    ['q Q Q /F1 12 Tf', { surplus: 1, drawsAfterSurplus: true }],
    ['Q q', { unrestored: 1, surplus: 1, drawsAfterSurplus: true }],
    ['(q Q \\) (q)) Tj q % Q\n', { unrestored: 1 }],
    ['/q gs /Q gs [q', { unrestored: 1 }],
    ['q BI /W 1 /H 1 ID \x00 Q EIQ q\nEI Q', {}],
    ['qq Qx xQ', {}],
    ['q<51>Q', {}],
    ['BT (a) Tj ET BT', { inText: true }],
    ['/Span <</A (EMC)>> BDC /A BMC EMC', { marked: 1 }],
    ['EMC /A BMC', { marked: 1 }],
    ['q (never ends', { unrestored: 1, unfinished: true }],
    ['(never ends \\', { unfinished: true }],
    ['<41', { unfinished: true }],
    ['BI ID never ends', { unfinished: true }],
    ['% a comment ends with the content', {}],
  ])('%j', (content, expected) => {
    expect(balanceOf(content)).toEqual({ ...BALANCED, ...expected });
  });

  it.each([
    [['q', 'Q'], {}],
    [['B', 'T'], {}],
    [['q (a', 'Q) Tj'], { unrestored: 1 }],
    [['q <41', '42> Tj Q'], {}],
    [['q % Q', 'Q'], {}],
    [['BI ID q', ' x EI Q'], { surplus: 1 }],
    [[], {}],
  ])('in streams apart: %j', (streams, expected) => {
    expect(balanceOf(...streams)).toMatchObject({ ...BALANCED, ...expected });
  });
});
