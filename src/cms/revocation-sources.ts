/**
 * Where the status of a certificate is told: its OCSP responders (RFC 5280, 4.2.2.1) and its revocation lists (4.2.1.13). An address in
 * a certificate is what its author wrote: data, which nothing here asks.
 */
import { latin1Text } from '../bytes.ts';
import { DerFields, TAG, contextPrimitive, contextTag, expectTag, fail } from './der.ts';
import type { DerNode } from './der.ts';
import { readOid } from './der-values.ts';

/** One place of a revocation list that is by the certificate's own issuer and for all reasons. */
export interface DistributionPoint {
  /** DER of each GeneralName of its fullName: a list that names its own place must name one of them. */
  readonly names: readonly Uint8Array[];
  /** The http and https ones among them. */
  readonly urls: readonly string[];
}

const OCSP_METHOD = '1.3.6.1.5.5.7.48.1';
/** Of one certificate; authorities give one or two. */
const MAX_PLACES = 16;
const MAX_URL_LENGTH = 2048;

/** Addresses of OCSP responders in an authority information access extension. Throws DerError. */
export function readOcspUrls(access: DerNode): string[] {
  const descriptions = expectTag(access, TAG.sequence, 'authorityInfoAccess').children.map((node) => {
    const fields = new DerFields(node, 'accessDescription');
    const method = readOid(fields.next('accessMethod'), 'accessMethod');
    const location = fields.next('accessLocation');
    fields.end();
    return { method, location };
  });
  return descriptions
    .filter(({ method }) => method === OCSP_METHOD)
    .flatMap(({ location }) => httpUrlOf(location) ?? [])
    .slice(0, MAX_PLACES);
}

/** Points with another issuer or for some reasons only are left out: lists of those kinds are not used. Throws DerError. */
export function readDistributionPoints(extension: DerNode): DistributionPoint[] {
  const points = expectTag(extension, TAG.sequence, 'cRLDistributionPoints').children.flatMap((node) => {
    const fields = new DerFields(node, 'distributionPoint');
    const name = fields.optionalExplicit(0, 'distributionPoint');
    const reasons = fields.optional(contextPrimitive(1));
    const issuer = fields.optional(contextTag(2));
    fields.end();
    if (name === undefined || reasons !== undefined || issuer !== undefined) return [];
    return readFullName(name) ?? [];
  });
  return points.slice(0, MAX_PLACES);
}

/** DistributionPointName: null for a name relative to the issuer's, which nobody writes. Throws DerError. */
export function readFullName(name: DerNode): DistributionPoint | null {
  if (name.tag === contextTag(1)) return null;
  const { children } = expectTag(name, contextTag(0), 'distributionPoint.fullName');
  if (children.length === 0) fail('distributionPoint.fullName: empty');
  const names = children.slice(0, MAX_PLACES);
  return { names: names.map(({ bytes }) => bytes), urls: names.flatMap((node) => httpUrlOf(node) ?? []) };
}

/** GeneralName uniformResourceIdentifier [6] IA5String (RFC 5280, 4.2.1.6), where it is one of HTTP. */
function httpUrlOf({ tag, body }: DerNode): string | null {
  if (tag !== contextPrimitive(6) || body.length > MAX_URL_LENGTH) return null;
  if (body.some((byte) => byte <= 0x20 || byte >= 0x7f)) return null;
  const text = latin1Text(body);
  return /^https?:\/\//i.test(text) && URL.canParse(text) ? text : null;
}
