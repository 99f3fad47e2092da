/** X.501 distinguished names (RFC 5280, 4.1.2.4) and how people read them (RFC 4514). Pure. */
import { toHex } from '../bytes.ts';
import { DerFields, TAG, expectTag } from './der.ts';
import type { DerNode } from './der.ts';
import { readOid, readText } from './der-values.ts';

export interface DistinguishedName {
  /** The first common name. */
  readonly cn: string | undefined;
  /** The first organization. */
  readonly o: string | undefined;
  /** As RFC 4514 writes it, the most specific part first. */
  readonly text: string;
  /** The encoding: names are the same when their bytes are. */
  readonly der: Uint8Array;
  readonly attributes: readonly NameAttribute[];
}

export interface NameAttribute {
  readonly oid: string;
  /** `#` and the value's DER in hexadecimal where it is no text. */
  readonly value: string;
}

const COMMON_NAME = '2.5.4.3';
const ORGANIZATION = '2.5.4.10';

const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  [COMMON_NAME, 'CN'],
  ['2.5.4.5', 'serialNumber'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.9', 'STREET'],
  [ORGANIZATION, 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.12', 'title'],
  ['2.5.4.97', 'organizationIdentifier'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  ['1.2.840.113549.1.9.1', 'emailAddress'],
]);

/** Throws DerError. */
export function readName(node: DerNode, field: string): DistinguishedName {
  const relative = expectTag(node, TAG.sequence, field).children.map((set) =>
    expectTag(set, TAG.set, field).children.map((pair) => {
      const fields = new DerFields(pair, field);
      const oid = readOid(fields.next('type'), `${field}.type`);
      const value = fields.next('value');
      fields.end();
      return { oid, value: readText(value) ?? `#${toHex(value.bytes)}` };
    }),
  );
  const attributes = relative.flat();
  return {
    cn: attributes.find(({ oid }) => oid === COMMON_NAME)?.value,
    o: attributes.find(({ oid }) => oid === ORGANIZATION)?.value,
    text: relative.toReversed().map(nameText).join(','),
    der: node.bytes,
    attributes,
  };
}

/** Whether an organization or common name of `name` is exactly `wanted`. */
export function isNamed(name: DistinguishedName, wanted: string): boolean {
  return name.attributes.some(
    ({ oid, value }) =>
      (oid === ORGANIZATION || oid === COMMON_NAME) && value.normalize('NFC') === wanted.normalize('NFC'),
  );
}

function nameText(attributes: readonly NameAttribute[]): string {
  return attributes.map(({ oid, value }) => `${SHORT_NAMES.get(oid) ?? oid}=${escaped(value)}`).join('+');
}

/** RFC 4514, 2.4; control and direction characters too, so that no name rearranges the report it stands in. */
function escaped(value: string): string {
  return value
    .replaceAll(/[\\,+"<>;=]/g, String.raw`\$&`)
    .replaceAll(/^[ #]|(?<!^) $/g, String.raw`\$&`)
    .replaceAll(/\p{C}/gu, (char) => {
      const bytes = new TextEncoder().encode(char);
      return Array.from(bytes, (byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('');
    });
}
