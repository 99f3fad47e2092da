/** Values of single DER nodes: object identifiers, integers, times, strings. Pure. */
import { concatBytes, latin1Text, toHex } from '../bytes.ts';
import { TAG, expectTag, fail } from './der.ts';
import type { DerNode } from './der.ts';

/** Dotted decimal (X.690, 8.19). */
export function readOid(node: DerNode | undefined, field: string): string {
  const { body } = expectTag(node, TAG.oid, field);
  if (body.length === 0 || body.length > 64) fail(`${field}: object identifier of ${body.length} bytes`);
  const arcs: bigint[] = [];
  let arc = 0n;
  let fresh = true;
  for (const byte of body) {
    if (fresh && byte === 0x80) fail(`${field}: object identifier with a padded arc`);
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    fresh = byte < 0x80;
    if (!fresh) continue;
    if (arcs.length === 0) {
      const top = arc < 80n ? arc / 40n : 2n;
      arcs.push(top, arc - top * 40n);
    } else {
      arcs.push(arc);
    }
    arc = 0n;
  }
  if (!fresh) fail(`${field}: object identifier cut off`);
  return arcs.join('.');
}

/** Contents of an INTEGER, big-endian two's complement, checked to be the fewest bytes (X.690, 8.3.2). */
export function readInteger(node: DerNode | undefined, field: string): Uint8Array {
  const { body } = expectTag(node, TAG.integer, field);
  const [first, second] = body;
  if (first === undefined) return fail(`${field}: empty integer`);
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    fail(`${field}: integer not in the fewest bytes`);
  }
  return body;
}

/** An INTEGER from 0 to 2^31-1. */
export function readSmallInteger(node: DerNode | undefined, field: string): number {
  const body = readInteger(node, field);
  if (body.length > 4 || (body[0] ?? 0) >= 0x80)
    fail(`${field}: expected 0 to 2147483647, got 0x${toHex(body.subarray(0, 8))}`);
  return body.reduce((value, byte) => value * 256 + byte, 0);
}

/** An ENUMERATED from 0 to 2^31-1. */
export function readEnumerated(node: DerNode | undefined, field: string): number {
  return readSmallInteger({ ...expectTag(node, TAG.enumerated, field), tag: TAG.integer }, field);
}

export function readBoolean(node: DerNode, field: string): boolean {
  const { body } = expectTag(node, TAG.boolean, field);
  if (body.length !== 1 || (body[0] !== 0 && body[0] !== 0xff)) fail(`${field}: not a DER boolean`);
  return body[0] === 0xff;
}

export interface BitString {
  readonly bytes: Uint8Array;
  /** Of the last byte. */
  readonly unusedBits: number;
}

export function readBitString(node: DerNode | undefined, field: string): BitString {
  const { body } = expectTag(node, TAG.bitString, field);
  const unusedBits = body[0] ?? fail(`${field}: empty bit string`);
  const bytes = body.subarray(1);
  const last = bytes.at(-1) ?? 0;
  if (unusedBits > 7 || (unusedBits > 0 && bytes.length === 0) || (last & ((1 << unusedBits) - 1)) !== 0) {
    fail(`${field}: bit string with ${unusedBits} unused bits that are not zero`);
  }
  return { bytes, unusedBits };
}

/** A BIT STRING that holds octets, as signatures and keys do: none of its bits unused, so that there is one way to write it. */
export function readBitOctets(node: DerNode | undefined, field: string): Uint8Array {
  const { bytes, unusedBits } = readBitString(node, field);
  return unusedBits === 0 ? bytes : fail(`${field}: ${unusedBits} unused bits`);
}

/** Whether the named bit is set; bits that were left out are not (X.690, 11.2.2). */
export function isBitSet({ bytes }: BitString, place: number): boolean {
  return ((bytes[place >> 3] ?? 0) & (0x80 >> (place & 7))) !== 0;
}

/** An OCTET STRING; one in parts (BER, X.690 8.7.3) is put together. */
export function readOctets(node: DerNode | undefined, field: string): Uint8Array {
  if (node?.tag !== TAG.octetStringInParts) return expectTag(node, TAG.octetString, field).body;
  return concatBytes(...node.children.map((part) => readOctets(part, field)));
}

/** UTCTime or GeneralizedTime in the form of RFC 5280, 4.1.2.5: to the second, Z. */
export function readTime(node: DerNode | undefined, field: string): Date {
  if (node === undefined) return fail(`${field}: absent`);
  const isUtc = node.tag === TAG.utcTime;
  if (!isUtc && node.tag !== TAG.generalizedTime) fail(`${field}: not a time`);
  const text = latin1Text(node.body);
  const match = (isUtc ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/).exec(
    text,
  );
  if (match === null) return fail(`${field}: not a time to the second in UTC`);
  const [year = 0, ...rest] = match.slice(1).map(Number);
  // Two digits stand for 1950 to 2049 (RFC 5280, 4.1.2.5.1).
  const fullYear = !isUtc ? year : year < 50 ? 2000 + year : 1900 + year;
  return timeOf([fullYear, ...rest], field);
}

/**
 * GeneralizedTime that may have a fraction of a second (RFC 3161, 2.4.2), rounded down to the millisecond. Zeros at the fraction's end,
 * which that clause forbids, pass: authorities write them, and they say nothing else.
 */
export function readFineTime(node: DerNode | undefined, field: string): Date {
  const text = latin1Text(expectTag(node, TAG.generalizedTime, field).body);
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?Z$/.exec(text);
  if (match === null) return fail(`${field}: not a time in UTC`);
  const time = timeOf(match.slice(1, 7).map(Number), field);
  time.setUTCMilliseconds(Number((match[7] ?? '').padEnd(3, '0').slice(0, 3)));
  return time;
}

function timeOf(
  [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0]: readonly number[],
  field: string,
): Date {
  const time = new Date(0);
  time.setUTCFullYear(year, month - 1, day);
  time.setUTCHours(hour, minute, second);
  if (time.getUTCMonth() !== month - 1 || time.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) {
    fail(`${field}: no such time`);
  }
  return time;
}

/** Characters of any of the string types that names use; null for other types and for bytes that are not such text. */
export function readText(node: DerNode): string | null {
  try {
    switch (node.tag) {
      case TAG.utf8String:
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(node.body);
      case TAG.bmpString:
        return new TextDecoder('utf-16be', { fatal: true, ignoreBOM: true }).decode(node.body);
      case TAG.universalString:
        return utf32(node.body);
      case TAG.printableString:
      case TAG.numericString:
      case TAG.ia5String:
      case TAG.visibleString:
        return node.body.every((byte) => byte < 0x80) ? latin1Text(node.body) : null;
      case TAG.teletexString:
        // Nobody writes T.61: what is found under this tag is Latin-1.
        return latin1Text(node.body);
      default:
        return null;
    }
  } catch {
    // A fatal TextDecoder throws a TypeError: not text of that type.
    return null;
  }
}

function utf32(bytes: Uint8Array): string | null {
  if (bytes.length % 4 !== 0) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = '';
  // fromCodePoint throws a RangeError above U+10FFFF.
  for (let at = 0; at < bytes.length; at += 4) text += String.fromCodePoint(view.getUint32(at));
  return text;
}
