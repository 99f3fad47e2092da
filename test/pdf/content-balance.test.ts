import { describe, expect, it } from 'vitest';
import { latin1Bytes } from '../../src/bytes.ts';
import { BALANCED, contentBalance } from '../../src/pdf/content-balance.ts';

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
    expect(contentBalance(latin1Bytes(content))).toEqual({ ...BALANCED, ...expected });
  });
});
