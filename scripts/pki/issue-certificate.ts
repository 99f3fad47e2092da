/** X.509 certificates for tests and the demo, with whatever is asked for in them. Every subject must say TEST. */
import { createHash, createPublicKey, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import forge from 'node-forge';
import { latin1Text } from '../../src/bytes.ts';
import { OID } from '../../src/cms/algorithms.ts';
import {
  boolean,
  context,
  contextOctets,
  encoded,
  integer,
  nullValue,
  octetString,
  oid,
  sequence,
  setOf,
  smallInteger,
  toDer,
  universal,
} from '../../src/cms/asn1.ts';
import type { Asn1 } from '../../src/cms/asn1.ts';
import { KEY_USAGES, parseCertificate } from '../../src/cms/certificate.ts';
import type { Certificate, KeyUsage } from '../../src/cms/certificate.ts';

const { Type } = forge.asn1;

export interface SubjectName {
  readonly o?: string;
  readonly ou?: string;
  readonly cn: string;
}

export interface CertificateRequest {
  readonly subject: SubjectName;
  /** The subject's; either half of the pair. */
  readonly key: KeyObject;
  /** Absent: self-signed, and then `key` is the private one. */
  readonly issuer?: { readonly certificate: Certificate; readonly key: KeyObject };
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Absent: not a certificate authority. */
  readonly authority?: { readonly pathLength?: number };
  /** Absent: no keyUsage extension. */
  readonly keyUsage?: readonly KeyUsage[];
  /** Object identifiers; absent: no extended key usage. */
  readonly extendedKeyUsage?: readonly string[];
  /** As timestamps want it (RFC 3161, 2.3); default: it is not. */
  readonly isExtendedKeyUsageCritical?: boolean;
  /** Further extensions, for what a verifier must not swallow. */
  readonly extensions?: readonly { readonly oid: string; readonly critical: boolean; readonly value: Uint8Array }[];
}

/** RSA with SHA-256, or ECDSA with SHA-256, as the issuer's key is. */
export function issueCertificate(request: CertificateRequest): Certificate {
  const { subject, key, issuer } = request;
  if (!/TEST/.test(subject.cn + (subject.o ?? '') + (subject.ou ?? '')))
    throw new RangeError('the subject does not say TEST');
  const signingKey = issuer?.key ?? key;
  const algorithm =
    signingKey.asymmetricKeyType === 'ec'
      ? sequence(oid('1.2.840.10045.4.3.2'))
      : sequence(oid(OID.sha256WithRsa), nullValue());
  const tbs = sequence(
    context(0, smallInteger(2)),
    integer(serialNumber()),
    algorithm,
    issuer === undefined ? nameOf(subject) : encoded(issuer.certificate.subject.der),
    sequence(timeOf(request.notBefore), timeOf(request.notAfter)),
    nameOf(subject),
    encoded(publicKeyInfo(key)),
    context(3, sequence(...extensionsOf(request))),
  );
  const signature = sign('sha256', toDer(tbs), signingKey);
  return parseCertificate(toDer(sequence(tbs, algorithm, bitString(signature))));
}

export function pemOf(certificate: Certificate): string {
  const lines =
    Buffer.from(certificate.der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

/** Positive, 16 bytes, unguessable. */
function serialNumber(): Uint8Array {
  const bytes = new Uint8Array(randomBytes(16));
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return bytes;
}

function nameOf({ o, ou, cn }: SubjectName): Asn1 {
  const parts: readonly (readonly [string, string | undefined])[] = [
    ['2.5.4.10', o],
    ['2.5.4.11', ou],
    ['2.5.4.3', cn],
  ];
  const country = setOf(sequence(oid('2.5.4.6'), universal(Type.PRINTABLESTRING, 'CN')));
  const rest = parts.flatMap(([type, value]) =>
    value === undefined ? [] : [setOf(sequence(oid(type), utf8String(value)))],
  );
  return sequence(country, ...rest);
}

function utf8String(text: string): Asn1 {
  return universal(Type.UTF8, latin1Text(new TextEncoder().encode(text)));
}

function bitString(bytes: Uint8Array, unusedBits = 0): Asn1 {
  return universal(Type.BITSTRING, String.fromCharCode(unusedBits) + latin1Text(bytes));
}

/** UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280, 4.1.2.5). */
function timeOf(time: Date): Asn1 {
  const digits = `${time.toISOString().slice(0, 19).replaceAll(/\D/g, '')}Z`;
  return time.getUTCFullYear() < 2050
    ? universal(Type.UTCTIME, digits.slice(2))
    : universal(Type.GENERALIZEDTIME, digits);
}

function publicKeyInfo(key: KeyObject): Uint8Array {
  return (key.type === 'private' ? createPublicKey(key) : key).export({ type: 'spki', format: 'der' });
}

function extensionsOf(request: CertificateRequest): Asn1[] {
  const { key, issuer, authority, keyUsage, extendedKeyUsage, extensions = [] } = request;
  const { isExtendedKeyUsageCritical = false } = request;
  const authorityKeyId = keyIdOf(publicKeyInfo(issuer?.certificate.publicKey ?? key));
  return [
    extension('2.5.29.19', true, basicConstraints(authority)),
    ...(keyUsage ? [extension('2.5.29.15', true, keyUsageBits(keyUsage))] : []),
    ...(extendedKeyUsage
      ? [extension('2.5.29.37', isExtendedKeyUsageCritical, sequence(...extendedKeyUsage.map(oid)))]
      : []),
    extension('2.5.29.14', false, octetString(keyIdOf(publicKeyInfo(key)))),
    extension('2.5.29.35', false, sequence(contextOctets(0, authorityKeyId))),
    ...extensions.map((other) => extension(other.oid, other.critical, encoded(other.value))),
  ];
}

function extension(type: string, critical: boolean, value: Asn1): Asn1 {
  const flag = critical ? [boolean(true)] : [];
  return sequence(oid(type), ...flag, octetString(toDer(value)));
}

function basicConstraints(authority: CertificateRequest['authority']): Asn1 {
  if (authority === undefined) return sequence();
  const { pathLength } = authority;
  return sequence(boolean(true), ...(pathLength === undefined ? [] : [smallInteger(pathLength)]));
}

function keyUsageBits(usages: readonly KeyUsage[]): Asn1 {
  const byte = usages.reduce((bits, usage) => bits | (0x80 >> KEY_USAGES.indexOf(usage)), 0);
  // A named bit list ends at its last bit that is set (X.690, 11.2.2).
  const unused = byte === 0 ? 0 : Math.log2(byte & -byte);
  return bitString(byte === 0 ? new Uint8Array() : Uint8Array.of(byte), unused);
}

/** RFC 7093, 2, method 1: the first 160 bits of the SHA-256, here of the whole key info. */
function keyIdOf(keyInfo: Uint8Array): Uint8Array {
  return createHash('sha256').update(keyInfo).digest().subarray(0, 20);
}
