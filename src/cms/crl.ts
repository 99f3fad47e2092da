/**
 * Certificate revocation lists (RFC 5280, 5): complete ones, by the issuer of the certificates that they are about. Delta and indirect lists
 * and those for some reasons only are refused: who takes one for a whole list believes what it does not say.
 *
 * An authority's list may have hundreds of thousands of entries, so no entry becomes an object before it is asked for.
 */
import { equalBytes, fromHex, latin1Text } from '../bytes.ts';
import { AppError } from '../errors.ts';
import { isSignedWith, readAlgorithm, schemeOf } from './algorithms.ts';
import type { Scheme } from './algorithms.ts';
import type { Certificate } from './certificate.ts';
import { readCrlReason } from './crl-reason.ts';
import type { CrlReason } from './crl-reason.ts';
import { DerFields, TAG, contextPrimitive, contextTag, decoding, fail, readDer, spanAt } from './der.ts';
import type { DerNode, DerSpan } from './der.ts';
import { readBitOctets, readBoolean, readSmallInteger, readTime } from './der-values.ts';
import { readName } from './distinguished-name.ts';
import type { DistinguishedName } from './distinguished-name.ts';
import { readExtensions, refuseUnknownCritical } from './extensions.ts';
import type { Extension } from './extensions.ts';
import { isDer, pemBodies } from './pem.ts';
import { readFullName } from './revocation-sources.ts';

export interface Crl {
  readonly der: Uint8Array;
  readonly issuer: DistinguishedName;
  readonly thisUpdate: Date;
  /** Absent: nothing is said of when the next one comes. */
  readonly nextUpdate: Date | undefined;
  /** Of which certificates the list tells. */
  readonly scope: CrlScope;
  /** Certificates that expired since then are still on the list (ISO/IEC 9594-8, 9.5.2.7); absent: perhaps none that has expired. */
  readonly expiredSince: Date | undefined;
  /** How many certificates are revoked. */
  readonly count: number;
  /** Contents of revokedCertificates. */
  readonly entries: Uint8Array;
  readonly scheme: Scheme;
  /** What is signed. */
  readonly signedBytes: Uint8Array;
  readonly signature: Uint8Array;
}

export interface CrlScope {
  /** Whether it tells of end entities or of authorities alone. */
  readonly only: 'end-entities' | 'authorities' | null;
  /** DER of the GeneralNames of the list's own place: it tells of certificates that name one of them; null: of all. */
  readonly places: readonly Uint8Array[] | null;
}

export interface CrlEntry {
  readonly revokedAt: Date;
  readonly reason: CrlReason | undefined;
  /** Since when the key is known or suspected to be another's, as far as the issuer says. */
  readonly invalidSince: Date | undefined;
}

/** About a million revoked certificates. */
const MAX_CRL_BYTES = 32 * 1024 * 1024;
/** certificateList, tbsCertList, its members: below them lie the entries. */
const READ_DEPTH = 3;
const MAX_SMALL_BYTES = 64 * 1024;

const EXTENSION = {
  crlNumber: '2.5.29.20',
  reasonCode: '2.5.29.21',
  invalidityDate: '2.5.29.24',
  deltaCrlIndicator: '2.5.29.27',
  issuingDistributionPoint: '2.5.29.28',
  authorityKeyIdentifier: '2.5.29.35',
  expiredCertsOnCrl: '2.5.29.60',
} as const;
const UNDERSTOOD = [
  EXTENSION.crlNumber,
  EXTENSION.issuingDistributionPoint,
  EXTENSION.authorityKeyIdentifier,
  EXTENSION.expiredCertsOnCrl,
] as const;

/** One list, DER or PEM. Throws CRL_INVALID. */
export function parseCrl(bytes: Uint8Array): Crl {
  if (bytes.length > MAX_CRL_BYTES * 2) throw new AppError('CRL_INVALID', `${bytes.length} bytes`);
  return decoding('CRL_INVALID', () => readCrl(isDer(bytes) ? bytes : pemBody(bytes)));
}

function pemBody(bytes: Uint8Array): Uint8Array {
  const bodies = pemBodies(latin1Text(bytes), 'X509 CRL');
  return bodies.length === 1 && bodies[0] !== undefined ? bodies[0] : fail(`expected one list, got ${bodies.length}`);
}

/** CertificateList and TBSCertList (RFC 5280, 5.1). */
function readCrl(der: Uint8Array): Crl {
  const outer = new DerFields(readDer(der, { maxBytes: MAX_CRL_BYTES, readDepth: READ_DEPTH }), 'certificateList');
  const signed = outer.next('tbsCertList', TAG.sequence);
  const algorithm = outer.next('signatureAlgorithm', TAG.sequence);
  const signature = readBitOctets(outer.next('signature'), 'signature');
  outer.end();

  const tbs = new DerFields(signed, 'tbsCertList');
  const version = tbs.optional(TAG.integer);
  if (version !== undefined && readSmallInteger(version, 'version') !== 1) fail('version: expected 1');
  if (!equalBytes(tbs.next('signature').bytes, algorithm.bytes))
    fail('signatureAlgorithm: differs from the signed one');
  const issuer = readName(readMember(tbs.next('issuer')), 'issuer');
  const thisUpdate = readTime(tbs.next('thisUpdate'), 'thisUpdate');
  const nextUpdate = tbs.optional(TAG.utcTime) ?? tbs.optional(TAG.generalizedTime);
  const entries = tbs.optional(TAG.sequence)?.body ?? new Uint8Array();
  const tagged = tbs.optional(contextTag(0));
  tbs.end();

  const [list] = tagged === undefined ? [] : readMember(tagged).children;
  const extensions = readExtensions(list, 'crlExtensions');
  if (version === undefined && extensions.size > 0) fail('crlExtensions: not of version 1');
  if (extensions.has(EXTENSION.deltaCrlIndicator)) fail('a delta list');
  refuseUnknownCritical(extensions, UNDERSTOOD, 'crlExtensions');
  const expired = extensions.get(EXTENSION.expiredCertsOnCrl);
  return {
    der,
    issuer,
    thisUpdate,
    nextUpdate: nextUpdate && readTime(nextUpdate, 'nextUpdate'),
    scope: readScope(extensions.get(EXTENSION.issuingDistributionPoint)),
    expiredSince: expired && readTime(readSmall(expired.value), 'expiredCertsOnCRL'),
    count: checkEntries(entries),
    entries,
    scheme: schemeOf(readAlgorithm(readMember(algorithm), 'signatureAlgorithm'), 'signatureAlgorithm'),
    signedBytes: signed.bytes,
    signature,
  };
}

function readSmall(bytes: Uint8Array): DerNode {
  return readDer(bytes, { maxBytes: MAX_SMALL_BYTES });
}

/** A member of which the first reading made no more than its place. */
function readMember({ bytes }: DerNode): DerNode {
  return readSmall(bytes);
}

/** IssuingDistributionPoint (RFC 5280, 5.2.5). */
function readScope(extension: Extension | undefined): CrlScope {
  if (extension === undefined) return { only: null, places: null };
  const fields = new DerFields(readSmall(extension.value), 'issuingDistributionPoint');
  const name = fields.optionalExplicit(0, 'distributionPoint');
  const flag = (n: number, field: string): boolean => {
    const node = fields.optional(contextPrimitive(n));
    return node !== undefined && readBoolean({ ...node, tag: TAG.boolean }, field);
  };
  const endEntities = flag(1, 'onlyContainsUserCerts');
  const authorities = flag(2, 'onlyContainsCACerts');
  if (fields.optional(contextPrimitive(3)) !== undefined) fail('a list for some reasons only');
  if (flag(4, 'indirectCRL')) fail('an indirect list');
  if (flag(5, 'onlyContainsAttributeCerts')) fail('a list of attribute certificates');
  fields.end();
  if (endEntities && authorities) fail('issuingDistributionPoint: of end entities only and of authorities only');
  const place = name && readFullName(name);
  if (place === null) fail('issuingDistributionPoint: a place relative to its issuer');
  const only = endEntities ? 'end-entities' : authorities ? 'authorities' : null;
  return { only, places: place?.names ?? null };
}

/** How many entries there are, all of their form, none with a critical extension that changes what the list means. Throws DerError. */
function checkEntries(entries: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < entries.length; count++) {
    const { serial, time, end } = entryAt(entries, at);
    if (time.end < end) checkEntryExtensions(entries, time.end, end);
    if (serial.end === serial.start) fail('userCertificate: empty');
    at = end;
  }
  return count;
}

interface EntrySpans {
  readonly serial: DerSpan;
  readonly time: DerSpan;
  readonly end: number;
}

function entryAt(entries: Uint8Array, at: number): EntrySpans {
  const entry = spanAt(entries, at, entries.length);
  const serial = spanAt(entries, entry.start, entry.end);
  const time = spanAt(entries, serial.end, entry.end);
  if (entry.tag !== TAG.sequence || serial.tag !== TAG.integer) fail('revokedCertificates: not an entry');
  if (time.tag !== TAG.utcTime && time.tag !== TAG.generalizedTime) fail('revocationDate: not a time');
  return { serial, time, end: entry.end };
}

/**
 * An extension that is critical has its flag before its value. One that is not understood there, such as certificateIssuer, changes whom
 * this entry and the next ones are about: the list is then of no use (RFC 5280, 5.3).
 */
function checkEntryExtensions(entries: Uint8Array, at: number, end: number): void {
  const list = spanAt(entries, at, end);
  if (list.tag !== TAG.sequence || list.end !== end) fail('crlEntryExtensions: not a sequence');
  for (let next = list.start; next < list.end;) {
    const extension = spanAt(entries, next, list.end);
    const oid = spanAt(entries, extension.start, extension.end);
    const flag = spanAt(entries, oid.end, extension.end);
    const isUnderstood = ENTRY_EXTENSIONS.some((known) => equalsAt(entries, oid, known));
    if (flag.tag === TAG.boolean && !isUnderstood) fail('crlEntryExtensions: a critical one that is not understood');
    next = extension.end;
  }
}

/** Contents of the object identifiers of reasonCode and invalidityDate. */
const ENTRY_EXTENSIONS = [Uint8Array.of(0x55, 0x1d, 0x15), Uint8Array.of(0x55, 0x1d, 0x18)] as const;

/** What the list says of the certificate with this serial number (hexadecimal, as in `Certificate`); null: nothing. Throws CRL_INVALID. */
export function findEntry({ entries }: Crl, serialHex: string): CrlEntry | null {
  const wanted = fromHex(serialHex);
  return decoding('CRL_INVALID', () => {
    for (let at = 0; at < entries.length;) {
      const { serial, end } = entryAt(entries, at);
      if (equalsAt(entries, serial, wanted)) return readEntry(readSmall(entries.subarray(at, end)));
      at = end;
    }
    return null;
  });
}

function equalsAt(bytes: Uint8Array, { start, end }: DerSpan, wanted: Uint8Array): boolean {
  if (end - start !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i++) if (bytes[start + i] !== wanted[i]) return false;
  return true;
}

function readEntry(node: DerNode): CrlEntry {
  const fields = new DerFields(node, 'revokedCertificate');
  fields.next('userCertificate', TAG.integer);
  const revokedAt = readTime(fields.next('revocationDate'), 'revocationDate');
  const extensions = readExtensions(fields.optional(TAG.sequence), 'crlEntryExtensions');
  fields.end();
  const why = extensions.get(EXTENSION.reasonCode);
  const since = extensions.get(EXTENSION.invalidityDate);
  return {
    revokedAt,
    reason: why && readCrlReason(readSmall(why.value), 'reasonCode'),
    invalidSince: since && readTime(readSmall(since.value), 'invalidityDate'),
  };
}

/** Whether the list is by this issuer: its name, its key, and its right to sign lists. */
export function verifyCrl(crl: Crl, issuer: Certificate): boolean {
  const maySign = issuer.keyUsage === undefined || issuer.keyUsage.has('cRLSign');
  return (
    maySign &&
    equalBytes(crl.issuer.der, issuer.subject.der) &&
    isSignedWith(crl.scheme, crl.signedBytes, issuer.publicKey, crl.signature)
  );
}

/** Whether the list would name this certificate, were it revoked; of the list's signature this says nothing. */
export function tellsOf({ issuer, scope }: Crl, certificate: Certificate): boolean {
  const { only, places } = scope;
  if (!equalBytes(issuer.der, certificate.issuer.der)) return false;
  if (only !== null && (only === 'authorities') !== certificate.isCa) return false;
  const own = certificate.crlDistributionPoints.flatMap(({ names }) => names);
  return places === null || places.some((place) => own.some((name) => equalBytes(name, place)));
}
