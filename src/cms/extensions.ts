/** The extensions of certificates, revocation lists, OCSP answers and timestamps (RFC 5280, 4.1 and 4.2). Pure. */
import { DerFields, TAG, expectTag, fail } from './der.ts';
import type { DerNode } from './der.ts';
import { readBoolean, readOctets, readOid } from './der-values.ts';

export interface Extension {
  readonly critical: boolean;
  /** DER of the extension's own type. */
  readonly value: Uint8Array;
}

/** By object identifier. */
export type Extensions = ReadonlyMap<string, Extension>;

/** Of a SEQUENCE OF Extension, or of one under an implicit `tag`; none where there is no node. Throws DerError. */
export function readExtensions(node: DerNode | undefined, field: string, tag: number = TAG.sequence): Extensions {
  const extensions = new Map<string, Extension>();
  if (node === undefined) return extensions;
  for (const child of expectTag(node, tag, field).children) {
    const fields = new DerFields(child, field);
    const oid = readOid(fields.next('extnID'), `${field}.extnID`);
    const critical = fields.optional(TAG.boolean);
    const value = readOctets(fields.next('extnValue', TAG.octetString), oid);
    fields.end();
    if (extensions.has(oid)) fail(`${field}: ${oid} twice`);
    extensions.set(oid, { critical: critical !== undefined && readBoolean(critical, oid), value });
  }
  return extensions;
}

/** Throws DerError for a critical extension that is none of `understood`: who does not know it must not use what it stands in. */
export function refuseUnknownCritical(extensions: Extensions, understood: readonly string[], field: string): void {
  for (const [oid, { critical }] of extensions) {
    if (critical && !understood.includes(oid)) fail(`${field}: critical ${oid} is not understood`);
  }
}
