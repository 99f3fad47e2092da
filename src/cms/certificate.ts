/** X.509 certificates (RFC 5280), read strictly; keys and their arithmetic are node:crypto's. */
import { X509Certificate, createHash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { equalBytes, latin1Text, toHex } from '../bytes.ts';
import { AppError, isAppError } from '../errors.ts';
import { readAlgorithm, schemeOf } from './algorithms.ts';
import type { Scheme } from './algorithms.ts';
import { DerFields, TAG, contextPrimitive, decoding, fail, readDer } from './der.ts';
import type { DerNode } from './der.ts';
import {
  isBitSet,
  readBitOctets,
  readBitString,
  readBoolean,
  readInteger,
  readOid,
  readSmallInteger,
  readTime,
} from './der-values.ts';
import { readName } from './distinguished-name.ts';
import type { DistinguishedName } from './distinguished-name.ts';
import { readExtensions } from './extensions.ts';
import type { Extensions } from './extensions.ts';
import { isDer, pemBodies } from './pem.ts';
import { readDistributionPoints, readOcspUrls } from './revocation-sources.ts';
import type { DistributionPoint } from './revocation-sources.ts';

/** Bits of the keyUsage extension in their order (RFC 5280, 4.2.1.3). */
export const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsage = (typeof KEY_USAGES)[number];

export interface Certificate {
  readonly der: Uint8Array;
  /** SHA-256 of the DER, lower-case hexadecimal. */
  readonly sha256: string;
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  /** Contents of the serial number's INTEGER, lower-case hexadecimal. */
  readonly serialHex: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly publicKey: KeyObject;
  /** The bits of subjectPublicKey, by whose hash a key is named (RFC 6960, 4.1.1). */
  readonly publicKeyBits: Uint8Array;
  /** How the issuer signed it. */
  readonly scheme: Scheme;
  /** Absent extension: undefined, and then every usage is allowed. */
  readonly keyUsage: ReadonlySet<KeyUsage> | undefined;
  /** Object identifiers; absent extension: undefined. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly isCa: boolean;
  /** How many more certificate authorities may stand below this one; undefined: any number. */
  readonly pathLength: number | undefined;
  /** http and https addresses of its OCSP responders. */
  readonly ocspUrls: readonly string[];
  readonly crlDistributionPoints: readonly DistributionPoint[];
  /** An OCSP responder's whose status its issuer wants nobody to ask (RFC 6960, 4.2.2.2.1). */
  readonly ocspNoCheck: boolean;
  readonly extensions: Extensions;
  /** Issued by itself: names only. */
  readonly isSelfIssued: boolean;
  /** Marked TEST or 测试 in its subject. */
  readonly isTest: boolean;
}

const MAX_CERTIFICATE_BYTES = 64 * 1024;
const MAX_BUNDLE_BYTES = 16 * 1024 * 1024;

const KEY_USAGE = '2.5.29.15';
const BASIC_CONSTRAINTS = '2.5.29.19';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const CRL_DISTRIBUTION_POINTS = '2.5.29.31';
const AUTHORITY_INFO_ACCESS = '1.3.6.1.5.5.7.1.1';
const OCSP_NO_CHECK = '1.3.6.1.5.5.7.48.1.5';

/** One certificate, DER or PEM. Throws CERTIFICATE_INVALID. */
export function parseCertificate(bytes: Uint8Array | string): Certificate {
  const certificates = parseCertificates(bytes);
  const [certificate] = certificates;
  if (certificate === undefined || certificates.length > 1) {
    throw new AppError('CERTIFICATE_INVALID', `expected one certificate, got ${certificates.length}`);
  }
  return certificate;
}

/** One DER certificate, or every certificate of a PEM bundle in its order. Throws CERTIFICATE_INVALID. */
export function parseCertificates(bytes: Uint8Array | string): Certificate[] {
  if (bytes.length > MAX_BUNDLE_BYTES) throw new AppError('CERTIFICATE_INVALID', `${bytes.length} bytes`);
  if (typeof bytes !== 'string' && isDer(bytes)) {
    return [decoding('CERTIFICATE_INVALID', () => readCertificate(bytes))];
  }
  const text = typeof bytes === 'string' ? bytes : latin1Text(bytes);
  const certificates = decoding('CERTIFICATE_INVALID', () => pemBodies(text, 'CERTIFICATE').map(readCertificate));
  if (certificates.length === 0) throw new AppError('CERTIFICATE_INVALID', 'neither DER nor PEM');
  return certificates;
}

/**
 * One that stands in a set of others, DER; of `known` ones a copy is not read again. Null where it cannot be read: it is as one that is not
 * there, and what matters is whether the one that is needed is.
 */
export function readableCertificate(der: Uint8Array, known: readonly Certificate[] = []): Certificate | null {
  const same = known.find((certificate) => equalBytes(certificate.der, der));
  if (same !== undefined) return same;
  try {
    return decoding('CERTIFICATE_INVALID', () => readCertificate(der));
  } catch (error) {
    if (isAppError(error, 'CERTIFICATE_INVALID')) return null;
    throw error;
  }
}

/** Whether the issuer's key made the signature on `certificate`; of names and rights it says nothing. */
export function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  if (certificate.scheme.kind === 'refused') return false;
  try {
    return new X509Certificate(certificate.der).verify(issuer.publicKey);
  } catch {
    // OpenSSL throws where the key is not of the algorithm's kind: not this issuer's signature.
    return false;
  }
}

/** Extended key usages of RFC 5280, 4.2.1.12. */
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8';
const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9';
/** Purposes that are not the signing of documents: TLS server, code, timestamps, OCSP answers. */
const OTHER_PURPOSES: ReadonlySet<string> = new Set([
  '1.3.6.1.5.5.7.3.1',
  '1.3.6.1.5.5.7.3.3',
  TIME_STAMPING,
  OCSP_SIGNING,
]);

/**
 * Whether its issuer lets it sign documents: keyUsage, where present, has digitalSignature or nonRepudiation, and extended key usage,
 * where present, is more than purposes known to be something else. Certificate authorities name document signing in many ways of
 * their own, so an unknown purpose counts as one.
 */
export function maySignDocuments(certificate: Certificate): boolean {
  const { extendedKeyUsage } = certificate;
  return maySign(certificate) && (extendedKeyUsage?.some((purpose) => !OTHER_PURPOSES.has(purpose)) ?? true);
}

/** Whether it is a timestamp authority's: its one purpose is timestamps, and the extension that says so is critical (RFC 3161, 2.3). */
export function maySignTimestamps(certificate: Certificate): boolean {
  const { extendedKeyUsage = [], extensions } = certificate;
  const isCritical = extensions.get(EXTENDED_KEY_USAGE)?.critical === true;
  return maySign(certificate) && isCritical && extendedKeyUsage.length === 1 && extendedKeyUsage[0] === TIME_STAMPING;
}

/** Whether its issuer lets it answer for the status of certificates (RFC 6960, 4.2.2.2). */
export function maySignOcsp(certificate: Certificate): boolean {
  return maySign(certificate) && (certificate.extendedKeyUsage?.includes(OCSP_SIGNING) ?? false);
}

function maySign({ keyUsage }: Certificate): boolean {
  return keyUsage === undefined || keyUsage.has('digitalSignature') || keyUsage.has('nonRepudiation');
}

function readCertificate(der: Uint8Array): Certificate {
  // Certificate and TBSCertificate: RFC 5280, 4.1.
  const outer = new DerFields(readDer(der, { maxBytes: MAX_CERTIFICATE_BYTES }), 'certificate');
  const tbs = new DerFields(outer.next('tbsCertificate'), 'tbsCertificate');
  const algorithm = outer.next('signatureAlgorithm', TAG.sequence);
  readBitOctets(outer.next('signature'), 'signature');
  outer.end();

  const version = readSmallInteger(tbs.optionalExplicit(0, 'version') ?? ZERO, 'version');
  if (version > 2) fail(`version: expected 0 to 2, got ${version}`);
  const serial = readInteger(tbs.next('serialNumber'), 'serialNumber');
  const innerAlgorithm = tbs.next('signature', TAG.sequence);
  if (!equalBytes(innerAlgorithm.bytes, algorithm.bytes)) fail('signatureAlgorithm: differs from the signed one');
  const issuer = readName(tbs.next('issuer'), 'issuer');
  const validity = new DerFields(tbs.next('validity'), 'validity');
  const notBefore = readTime(validity.next('notBefore'), 'notBefore');
  const notAfter = readTime(validity.next('notAfter'), 'notAfter');
  validity.end();
  const subject = readName(tbs.next('subject'), 'subject');
  const keyInfo = new DerFields(tbs.next('subjectPublicKeyInfo'), 'subjectPublicKeyInfo');
  keyInfo.next('algorithm', TAG.sequence);
  const publicKeyBits = readBitOctets(keyInfo.next('subjectPublicKey'), 'subjectPublicKey');
  keyInfo.end();
  tbs.optional(contextPrimitive(1));
  tbs.optional(contextPrimitive(2));
  const extensions = readExtensions(tbs.optionalExplicit(3, 'extensions'), 'extensions');
  tbs.end();

  const usage = extensions.get(KEY_USAGE);
  const purposes = extensions.get(EXTENDED_KEY_USAGE);
  const access = extensions.get(AUTHORITY_INFO_ACCESS);
  const points = extensions.get(CRL_DISTRIBUTION_POINTS);
  return {
    der,
    sha256: createHash('sha256').update(der).digest('hex'),
    subject,
    issuer,
    serialHex: toHex(serial),
    notBefore,
    notAfter,
    publicKey: publicKeyOf(der),
    publicKeyBits,
    scheme: schemeOf(readAlgorithm(algorithm, 'signatureAlgorithm'), 'signatureAlgorithm'),
    keyUsage: usage && readKeyUsage(usage.value),
    extendedKeyUsage: purposes && readPurposes(purposes.value),
    ...readBasicConstraints(extensions.get(BASIC_CONSTRAINTS)?.value),
    ocspUrls: access === undefined ? [] : readOcspUrls(readExtension(access.value)),
    crlDistributionPoints: points === undefined ? [] : readDistributionPoints(readExtension(points.value)),
    ocspNoCheck: extensions.has(OCSP_NO_CHECK),
    extensions,
    isSelfIssued: equalBytes(issuer.der, subject.der),
    isTest: subject.attributes.some(({ value }) => /\bTEST\b|测试/.test(value)),
  };
}

/** An absent version is 0 (RFC 5280, 4.1: DEFAULT v1). */
const ZERO: DerNode = { tag: TAG.integer, bytes: Uint8Array.of(2, 1, 0), body: Uint8Array.of(0), children: [] };

function publicKeyOf(der: Uint8Array): KeyObject {
  try {
    return new X509Certificate(der).publicKey;
  } catch (cause) {
    throw new AppError('CERTIFICATE_INVALID', 'subjectPublicKeyInfo: not a public key that is known', { cause });
  }
}

function readExtension(value: Uint8Array): DerNode {
  return readDer(value, { maxBytes: MAX_CERTIFICATE_BYTES });
}

function readKeyUsage(value: Uint8Array): ReadonlySet<KeyUsage> {
  const bits = readBitString(readExtension(value), 'keyUsage');
  return new Set(KEY_USAGES.filter((_, place) => isBitSet(bits, place)));
}

function readPurposes(value: Uint8Array): string[] {
  const node = readExtension(value);
  if (node.tag !== TAG.sequence) fail('extKeyUsage: not a sequence');
  return node.children.map((purpose) => readOid(purpose, 'extKeyUsage'));
}

function readBasicConstraints(value: Uint8Array | undefined): Pick<Certificate, 'isCa' | 'pathLength'> {
  if (value === undefined) return { isCa: false, pathLength: undefined };
  const fields = new DerFields(readExtension(value), 'basicConstraints');
  const ca = fields.optional(TAG.boolean);
  const pathLength = fields.optional(TAG.integer);
  fields.end();
  return {
    isCa: ca !== undefined && readBoolean(ca, 'basicConstraints.cA'),
    pathLength: pathLength && readSmallInteger(pathLength, 'basicConstraints.pathLenConstraint'),
  };
}
