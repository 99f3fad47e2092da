import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/bytes.ts';
import { rc4 } from '../../src/pdf/rc4.ts';

/** RFC 6229, section 2: of two keys the key stream at some offsets. */
const VECTORS = [
  ['0102030405', 0, 'b2396305f03dc027ccc3524a0a1118a86982944f18fc82d589c403a47a0d0919'],
  ['0102030405', 240, '28cb1132c96ce286421dcaadb8b69eae1cfcf62b03eddb641d77dfcf7f8d8c93'],
  ['0102030405', 1024, '30abbcc7c20b01609f23ee2d5f6bb7df'],
  ['0102030405060708090a0b0c0d0e0f10', 0, '9ac7cc9a609d1ef7b2932899cde41b975248c4959014126a6e8a84f11d1a9e1c'],
  ['0102030405060708090a0b0c0d0e0f10', 240, '065902e4b620f6cc36c8589f66432f2b'],
  ['0102030405060708090a0b0c0d0e0f10', 1024, 'bdf0324e6083dcc6d3cedd3ca8c53c16'],
] as const;

describe('RC4', () => {
  it.each(VECTORS)('under the key %s has the published stream at %d', (key, offset, stream) => {
    const zeros = new Uint8Array(offset + stream.length / 2);
    expect(toHex(rc4(fromHex(key), zeros).subarray(offset))).toBe(stream);
  });

  it('undoes itself', () => {
    const key = fc.uint8Array({ minLength: 1, maxLength: 256 });
    fc.assert(
      fc.property(key, fc.uint8Array(), (key, data) => {
        expect(rc4(key, rc4(key, data))).toEqual(data);
      }),
    );
  });
});
