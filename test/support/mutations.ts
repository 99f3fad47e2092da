/** Valid bytes with damage done to them, for decoders that must meet anything with a value or a typed error. */
import fc from 'fast-check';
import { concatBytes } from '../../src/bytes.ts';

/** Bytes changed, cut out, put in, cut off or added, one to four times over. */
export function mutations(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const change = fc.record({
    kind: fc.constantFrom('replace', 'remove', 'insert', 'truncate', 'append'),
    // Half of the damage falls on the head, where the structure is.
    at: fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(63)),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
  });
  return fc.tuple(valid, fc.array(change, { minLength: 1, maxLength: 4 })).map(([start, changes]) => {
    let bytes = start;
    for (const { kind, at, bytes: more } of changes) {
      const place = Math.min(bytes.length, at <= 1 ? Math.floor(at * bytes.length) : at);
      const before = bytes.subarray(0, place);
      if (kind === 'replace') bytes = concatBytes(before, more, bytes.subarray(place + more.length));
      else if (kind === 'remove') bytes = concatBytes(before, bytes.subarray(place + more.length));
      else if (kind === 'insert') bytes = concatBytes(before, more, bytes.subarray(place));
      else if (kind === 'truncate') bytes = before;
      else bytes = concatBytes(bytes, more);
    }
    return bytes;
  });
}

/** Bytes overwritten where they stand, digits by digits, one to eight of them: what the structure points at stays where it was. */
export function overwrites(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const change = fc.record({ at: fc.nat(), byte: fc.nat(255), digit: fc.boolean() });
  return fc.tuple(valid, fc.array(change, { minLength: 1, maxLength: 8 })).map(([start, changes]) => {
    const bytes = Uint8Array.from(start);
    const digits = [...bytes.keys()].filter((at) => isDigit(bytes[at]));
    for (const { at, byte, digit } of changes) {
      if (digit && digits.length > 0) bytes[digits[at % digits.length] ?? 0] = ZERO + (byte % 10);
      else if (bytes.length > 0) bytes[at % bytes.length] = byte;
    }
    return bytes;
  });
}

const ZERO = 0x30;

function isDigit(byte = 0): boolean {
  return byte >= ZERO && byte < ZERO + 10;
}
