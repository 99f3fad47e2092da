/** ASN.1 values to be written, as forge.asn1 builds them; DER comes out as bytes. Pure. */
import forge from 'node-forge';
import { latin1Bytes, latin1Text } from '../bytes.ts';

const { asn1 } = forge;
const { Class, Type } = asn1;

export type Asn1 = forge.asn1.Asn1;

/** A primitive value of a universal type; `value` as node-forge wants it. */
export const universal = (type: forge.asn1.Type, value: string): Asn1 =>
  asn1.create(Class.UNIVERSAL, type, false, value);

export const sequence = (...members: Asn1[]): Asn1 => asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, members);
export const octetString = (bytes: Uint8Array): Asn1 => universal(Type.OCTETSTRING, latin1Text(bytes));
export const nullValue = (): Asn1 => universal(Type.NULL, '');
export const boolean = (value: boolean): Asn1 => universal(Type.BOOLEAN, value ? '\u00ff' : '\0');
/** From 0 to 2^31-1. */
export const smallInteger = (value: number): Asn1 => universal(Type.INTEGER, asn1.integerToDer(value).getBytes());
/** Contents octets as they are: big-endian two's complement. */
export const integer = (contents: Uint8Array): Asn1 => universal(Type.INTEGER, latin1Text(contents));
/** `[n]` around or in place of a constructed value. */
export const context = (n: number, ...members: Asn1[]): Asn1 =>
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- a context tag's number is no universal type
  asn1.create(Class.CONTEXT_SPECIFIC, n, true, members);

/** `[n] IMPLICIT OCTET STRING`. */
export const contextOctets = (n: number, bytes: Uint8Array): Asn1 =>
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- as above
  asn1.create(Class.CONTEXT_SPECIFIC, n, false, latin1Text(bytes));

/**
 * A value that is DER already, of one identifier octet: taken over as it is. node-forge writes the contents of a primitive value
 * unseen, and its tag octet is told here, the constructed bit (0x20) with it; parsing a certificate only to write it again
 * costs more than the rest of a signature.
 */
export function encoded(der: Uint8Array): Asn1 {
  const [tag = 0, length = 0] = der;
  const head = length < 0x80 ? 2 : 2 + (length & 0x7f);
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- class and number of any tag
  return asn1.create(tag & 0xc0, tag & 0x3f, false, latin1Text(der.subarray(head)));
}

/** Dotted decimal (X.690, 8.19); node-forge cuts an arc to 32 bits. */
export function oid(dotted: string): Asn1 {
  const [top = 0n, second = 0n, ...rest] = dotted.split('.').map(BigInt);
  const octets = [top * 40n + second, ...rest].map((arc) => {
    let text = String.fromCharCode(Number(arc & 0x7fn));
    for (let left = arc >> 7n; left > 0n; left >>= 7n) text = String.fromCharCode(0x80 | Number(left & 0x7fn)) + text;
    return text;
  });
  return universal(Type.OID, octets.join(''));
}

/** SET OF, in the order that DER asks for (X.690, 11.6): by the bytes of the encodings. */
export const setOf = (...members: Asn1[]): Asn1 => asn1.create(Class.UNIVERSAL, Type.SET, true, derOrder(members));
/** `[n] IMPLICIT SET OF`. */
export const contextSetOf = (n: number, ...members: Asn1[]): Asn1 => context(n, ...derOrder(members));

function derOrder(members: readonly Asn1[]): Asn1[] {
  const keyed = members.map((member) => ({ member, key: asn1.toDer(member).getBytes() }));
  // Binary strings compare by their characters, which are the bytes.
  return keyed.toSorted((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key))).map(({ member }) => member);
}

export function toDer(value: Asn1): Uint8Array {
  return latin1Bytes(asn1.toDer(value).getBytes());
}
