/** The attributes of a SignerInfo (RFC 5652, 5.3 and 11), and what each signed one says. */
import { createHash } from 'node:crypto';
import { equalBytes, toHex } from '../bytes.ts';
import { digestOf, readAlgorithm } from './algorithms.ts';
import type { AlgorithmIdentifier } from './algorithms.ts';
import type { Certificate } from './certificate.ts';
import { DerFields, TAG, contextTag, expectTag, fail } from './der.ts';
import type { DerNode } from './der.ts';
import { readInteger, readOctets, readOid, readTime } from './der-values.ts';

export const ATTRIBUTE = {
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingTime: '1.2.840.113549.1.9.5',
  /** RFC 2634, 5.4: SHA-1 only. */
  signingCertificate: '1.2.840.113549.1.9.16.2.12',
  /** RFC 5035, 3. */
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
  /** RFC 6211, 2. */
  algorithmProtection: '1.2.840.113549.1.9.52',
  /** adbe-revocationInfoArchival (ISO 32000-2, 12.8.3.3.2). */
  revocationInfo: '1.2.840.113583.1.1.8',
  /** RFC 3161, appendix A: over the value of the signature; unsigned. */
  timestampToken: '1.2.840.113549.1.9.16.2.14',
} as const;

/** Values by the attribute's object identifier. */
export type Attributes = ReadonlyMap<string, readonly DerNode[]>;

/** Throws DerError; a signed attribute that stands twice is refused (RFC 5652, 11.1 and 11.2; RFC 5035, 3). */
export function readSignedSet(nodes: readonly DerNode[]): Attributes {
  const attributes = new Map<string, readonly DerNode[]>();
  for (const { type, values } of nodes.map((node) => readAttribute(node, 'signedAttrs'))) {
    if (attributes.has(type)) fail(`signedAttrs: ${type} twice`);
    attributes.set(type, values);
  }
  return attributes;
}

/** Throws DerError. An unsigned attribute may stand several times (RFC 5126, 6.1.1), each with values of its own. */
export function readUnsignedSet(nodes: readonly DerNode[]): Attributes {
  const attributes = new Map<string, readonly DerNode[]>();
  for (const { type, values } of nodes.map((node) => readAttribute(node, 'unsignedAttrs'))) {
    attributes.set(type, [...(attributes.get(type) ?? []), ...values]);
  }
  return attributes;
}

function readAttribute(node: DerNode, field: string): { readonly type: string; readonly values: readonly DerNode[] } {
  const fields = new DerFields(node, field);
  const type = readOid(fields.next('attrType'), `${field}.attrType`);
  const values = fields.next('attrValues', TAG.set).children;
  fields.end();
  return { type, values };
}

/** The one value of an attribute; undefined where the attribute is absent. Throws DerError where there are more or none. */
export function singleValue(attributes: Attributes, type: string): DerNode | undefined {
  const values = attributes.get(type);
  if (values !== undefined && values.length !== 1) fail(`attribute ${type}: expected one value, got ${values.length}`);
  return values?.[0];
}

export interface SignedAttributes {
  readonly contentType: string | undefined;
  readonly messageDigest: Uint8Array | undefined;
  /** What the signer claims; nobody vouches for it. */
  readonly signingTime: Date | undefined;
  /** ESSCertID and ESSCertIDv2 of the signer, of each attribute that is present. */
  readonly certificateIds: readonly CertificateId[];
  readonly algorithmProtection:
    { readonly digest: AlgorithmIdentifier; readonly signature: AlgorithmIdentifier } | undefined;
  readonly revocationInfo: DerNode | undefined;
}

interface CertificateId {
  readonly version: 1 | 2;
  /** Null: an algorithm that is not accepted. */
  readonly hashName: 'sha1' | 'sha256' | 'sha384' | 'sha512' | null;
  readonly hash: Uint8Array;
  readonly issuerSerial: { readonly issuer: Uint8Array; readonly serialHex: string } | undefined;
}

/** Throws DerError. */
export function readSignedAttributes(attributes: Attributes): SignedAttributes {
  const contentType = singleValue(attributes, ATTRIBUTE.contentType);
  const messageDigest = singleValue(attributes, ATTRIBUTE.messageDigest);
  const signingTime = singleValue(attributes, ATTRIBUTE.signingTime);
  const v1 = singleValue(attributes, ATTRIBUTE.signingCertificate);
  const v2 = singleValue(attributes, ATTRIBUTE.signingCertificateV2);
  const protection = singleValue(attributes, ATTRIBUTE.algorithmProtection);
  return {
    contentType: contentType && readOid(contentType, 'content-type'),
    messageDigest: messageDigest && readOctets(messageDigest, 'message-digest'),
    signingTime: signingTime && readTime(signingTime, 'signing-time'),
    certificateIds: [...(v1 ? [readCertificateId(v1, 1)] : []), ...(v2 ? [readCertificateId(v2, 2)] : [])],
    algorithmProtection: protection && readAlgorithmProtection(protection),
    revocationInfo: singleValue(attributes, ATTRIBUTE.revocationInfo),
  };
}

/** Whether the id is this certificate's: hash and, where given, issuer and serial number. */
export function identifies({ hashName, hash, issuerSerial }: CertificateId, certificate: Certificate): boolean {
  if (hashName === null || toHex(hash) !== createHash(hashName).update(certificate.der).digest('hex')) return false;
  return (
    issuerSerial === undefined ||
    (issuerSerial.serialHex === certificate.serialHex && equalBytes(issuerSerial.issuer, certificate.issuer.der))
  );
}

/** SigningCertificate[V2]: the first id is the signer's (RFC 5035, 4). */
function readCertificateId(node: DerNode, version: 1 | 2): CertificateId {
  const field = version === 1 ? 'signing-certificate' : 'signing-certificate-v2';
  const attribute = new DerFields(node, field);
  const ids = attribute.next('certs', TAG.sequence).children;
  attribute.optional(TAG.sequence);
  attribute.end();

  const fields = new DerFields(ids[0], `${field}.certs`);
  const algorithm = version === 2 ? fields.optional(TAG.sequence) : undefined;
  const hash = readOctets(fields.next('certHash', TAG.octetString), field);
  const issuerSerial = fields.optional(TAG.sequence);
  fields.end();
  const defaultHash = version === 1 ? 'sha1' : 'sha256';
  return {
    version,
    hashName: algorithm === undefined ? defaultHash : digestOf(readAlgorithm(algorithm, field), field).hash,
    hash,
    issuerSerial: issuerSerial && readIssuerSerial(issuerSerial, field),
  };
}

function readIssuerSerial(node: DerNode, field: string): { issuer: Uint8Array; serialHex: string } {
  const fields = new DerFields(node, field);
  const names = fields.next('issuer', TAG.sequence).children;
  const serialHex = toHex(readInteger(fields.next('serialNumber'), field));
  fields.end();
  // The issuer's one name: directoryName [4] EXPLICIT.
  const [name] = expectTag(names[0], contextTag(4), `${field}.issuer`).children;
  if (names.length !== 1) fail(`${field}.issuer: expected one name, got ${names.length}`);
  return { issuer: expectTag(name, TAG.sequence, `${field}.issuer`).bytes, serialHex };
}

/** CMSAlgorithmProtection (RFC 6211, 2): digest and, of [1] and [2], the signature's. */
function readAlgorithmProtection(node: DerNode): { digest: AlgorithmIdentifier; signature: AlgorithmIdentifier } {
  const fields = new DerFields(node, 'algorithm-protection');
  const digest = readAlgorithm(fields.next('digestAlgorithm'), 'algorithm-protection');
  const signature = fields.next('signatureAlgorithm', contextTag(1));
  fields.end();
  return { digest, signature: readAlgorithm({ ...signature, tag: TAG.sequence }, 'algorithm-protection') };
}
