/** The Online Certificate Status Protocol (RFC 6960): questions about one certificate written, answers read and verified. */
import { createHash } from 'node:crypto';
import { equalBytes, fromHex, toHex } from '../bytes.ts';
import { AppError } from '../errors.ts';
import { OID, digestOf, isSignedWith, readAlgorithm, schemeOf } from './algorithms.ts';
import type { HashName, Scheme } from './algorithms.ts';
import { context, integer, nullValue, octetString, oid, sequence, toDer } from './asn1.ts';
import { isSignedBy, maySignOcsp, readableCertificate } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import { readCrlReason } from './crl-reason.ts';
import type { CrlReason } from './crl-reason.ts';
import { DerFields, TAG, contextPrimitive, contextTag, decoding, expectTag, fail, readDer } from './der.ts';
import type { DerNode } from './der.ts';
import {
  readBitOctets,
  readEnumerated,
  readInteger,
  readOctets,
  readOid,
  readSmallInteger,
  readTime,
} from './der-values.ts';
import { readExtensions, refuseUnknownCritical } from './extensions.ts';
import type { Extensions } from './extensions.ts';
import { reason } from './reason.ts';
import type { Reason } from './reason.ts';

/** By which hash a certificate's issuer is named. SHA-1 is what responders take: it names, and nothing is believed for it. */
export type CertIdHash = 'sha1' | 'sha256';

export interface OcspResponse {
  readonly der: Uint8Array;
  /** Who answers: by the DER of a name, or by the SHA-1 of a key. */
  readonly responder: { readonly name: Uint8Array } | { readonly keyHash: Uint8Array };
  readonly producedAt: Date;
  readonly statuses: readonly CertificateStatus[];
  /** That of the question, where the responder takes one. */
  readonly nonce: Uint8Array | null;
  /** All that came with it and are readable. */
  readonly certificates: readonly Certificate[];
  readonly scheme: Scheme;
  /** What is signed. */
  readonly signedBytes: Uint8Array;
  readonly signature: Uint8Array;
}

/** SingleResponse (RFC 6960, 4.2.1). */
export interface CertificateStatus {
  readonly status: 'good' | 'revoked' | 'unknown';
  readonly revokedAt: Date | undefined;
  readonly reason: CrlReason | undefined;
  readonly thisUpdate: Date;
  /** Absent: newer answers can be had at any time. */
  readonly nextUpdate: Date | undefined;
  /** Certificates that expired since then are still known (RFC 6960, 4.4.4); absent: perhaps none that has expired. */
  readonly expiredSince: Date | undefined;
  readonly certificate: CertId;
}

interface CertId {
  /** Null: a hash that is not known here, so that the answer is about nobody. */
  readonly hash: 'sha1' | HashName | null;
  readonly issuerNameHash: Uint8Array;
  readonly issuerKeyHash: Uint8Array;
  readonly serialHex: string;
}

const MAX_RESPONSE_BYTES = 1024 * 1024;
const MAX_STATUSES = 1000;
const MAX_CERTIFICATES = 16;
const MAX_NONCE_BYTES = 128;
/** Certificates of one name whose signatures are looked at. */
const MAX_RESPONDERS = 16;

const BASIC_RESPONSE = '1.3.6.1.5.5.7.48.1.1';
const EXTENSION = {
  nonce: '1.3.6.1.5.5.7.48.1.2',
  archiveCutoff: '1.3.6.1.5.5.7.48.1.6',
  extendedRevoke: '1.3.6.1.5.5.7.48.1.9',
} as const;
const UNDERSTOOD = Object.values(EXTENSION);

/**
 * DER of an OCSPRequest (RFC 6960, 4.1.1) for one certificate of this issuer. `nonce`: up to 32 random bytes, which responders that sign
 * ahead of being asked do not answer.
 */
export function encodeOcspRequest(
  certificate: Certificate,
  issuer: Certificate,
  nonce?: Uint8Array,
  hash: CertIdHash = 'sha1',
): Uint8Array {
  const certId = sequence(
    sequence(oid(OID[hash]), nullValue()),
    octetString(digest(hash, certificate.issuer.der)),
    octetString(digest(hash, issuer.publicKeyBits)),
    integer(fromHex(certificate.serialHex)),
  );
  const extensions =
    nonce === undefined
      ? []
      : [context(2, sequence(sequence(oid(EXTENSION.nonce), octetString(toDer(octetString(nonce))))))];
  return toDer(sequence(sequence(sequence(sequence(certId)), ...extensions)));
}

function digest(hash: string, bytes: Uint8Array): Uint8Array {
  return createHash(hash).update(bytes).digest();
}

/** OCSPResponseStatus (RFC 6960, 4.2.1). */
const REFUSALS: ReadonlyMap<number, string> = new Map([
  [1, 'malformedRequest'],
  [2, 'internalError'],
  [3, 'tryLater'],
  [5, 'sigRequired'],
  [6, 'unauthorized'],
]);

/** Throws OCSP_REFUSED where the responder does not answer, OCSP_INVALID where the answer breaks its standard or is of another type. */
export function parseOcspResponse(der: Uint8Array): OcspResponse {
  const { status, bytes } = decoding('OCSP_INVALID', () => readOuter(der));
  if (status !== 0) throw new AppError('OCSP_REFUSED', REFUSALS.get(status) ?? `status ${status}`);
  if (bytes === undefined) throw new AppError('OCSP_INVALID', 'responseBytes: absent');
  return decoding('OCSP_INVALID', () => readBasic(der, bytes));
}

function readOuter(der: Uint8Array): { readonly status: number; readonly bytes: Uint8Array | undefined } {
  const fields = new DerFields(readDer(der, { maxBytes: MAX_RESPONSE_BYTES }), 'ocspResponse');
  const status = readEnumerated(fields.next('responseStatus'), 'responseStatus');
  const wrapper = fields.optionalExplicit(0, 'responseBytes');
  fields.end();
  if (wrapper === undefined) return { status, bytes: undefined };
  const response = new DerFields(wrapper, 'responseBytes');
  const type = readOid(response.next('responseType'), 'responseType');
  const bytes = readOctets(response.next('response', TAG.octetString), 'response');
  response.end();
  if (type !== BASIC_RESPONSE) fail(`responseType: expected a basic response, got ${type}`);
  return { status, bytes };
}

/** BasicOCSPResponse and ResponseData. */
function readBasic(der: Uint8Array, bytes: Uint8Array): OcspResponse {
  const outer = new DerFields(readDer(bytes, { maxBytes: MAX_RESPONSE_BYTES }), 'basicOcspResponse');
  const signed = outer.next('tbsResponseData', TAG.sequence);
  const algorithm = readAlgorithm(outer.next('signatureAlgorithm'), 'signatureAlgorithm');
  const signature = readBitOctets(outer.next('signature'), 'signature');
  const embedded = outer.optionalExplicit(0, 'certs');
  outer.end();
  const certificates = embedded === undefined ? [] : expectTag(embedded, TAG.sequence, 'certs').children;
  if (certificates.length > MAX_CERTIFICATES) fail(`certs: ${certificates.length}, at most ${MAX_CERTIFICATES}`);

  const data = new DerFields(signed, 'tbsResponseData');
  const version = data.optionalExplicit(0, 'version');
  if (version !== undefined && readSmallInteger(version, 'version') !== 0) fail('version: expected 0');
  const responder = readResponder(data.next('responderID'));
  const producedAt = readTime(expectTag(data.next('producedAt'), TAG.generalizedTime, 'producedAt'), 'producedAt');
  const responses = data.next('responses', TAG.sequence).children;
  const extensions = readExtensions(data.optionalExplicit(1, 'responseExtensions'), 'responseExtensions');
  data.end();
  refuseUnknownCritical(extensions, UNDERSTOOD, 'responseExtensions');
  if (responses.length > MAX_STATUSES) fail(`responses: ${responses.length}, at most ${MAX_STATUSES}`);
  return {
    der,
    responder,
    producedAt,
    statuses: responses.map(readStatus),
    nonce: readNonce(extensions),
    certificates: certificates.flatMap(({ bytes }) => readableCertificate(bytes) ?? []),
    scheme: schemeOf(algorithm, 'signatureAlgorithm'),
    signedBytes: signed.bytes,
    signature,
  };
}

/** ResponderID: [1] Name or [2] KeyHash, explicit. */
function readResponder(node: DerNode): OcspResponse['responder'] {
  const [value] = node.children;
  if (node.children.length !== 1) fail('responderID: not one value');
  if (node.tag === contextTag(1)) return { name: expectTag(value, TAG.sequence, 'responderID').bytes };
  if (node.tag === contextTag(2)) return { keyHash: readOctets(value, 'responderID') };
  return fail('responderID: neither name nor key');
}

function readNonce(extensions: Extensions): Uint8Array | null {
  const nonce = extensions.get(EXTENSION.nonce);
  return nonce === undefined ? null : readOctets(readDer(nonce.value, { maxBytes: MAX_NONCE_BYTES + 3 }), 'nonce');
}

function readStatus(node: DerNode): CertificateStatus {
  const fields = new DerFields(node, 'singleResponse');
  const certificate = readCertId(fields.next('certID'));
  const status = readCertStatus(fields.next('certStatus'));
  const thisUpdate = readTime(expectTag(fields.next('thisUpdate'), TAG.generalizedTime, 'thisUpdate'), 'thisUpdate');
  const next = fields.optionalExplicit(0, 'nextUpdate');
  const extensions = readExtensions(fields.optionalExplicit(1, 'singleExtensions'), 'singleExtensions');
  fields.end();
  refuseUnknownCritical(extensions, UNDERSTOOD, 'singleExtensions');
  const cutoff = extensions.get(EXTENSION.archiveCutoff);
  return {
    ...status,
    thisUpdate,
    nextUpdate: next && readTime(expectTag(next, TAG.generalizedTime, 'nextUpdate'), 'nextUpdate'),
    expiredSince: cutoff && readTime(readDer(cutoff.value, { maxBytes: 64 }), 'archiveCutoff'),
    certificate,
  };
}

function readCertId(node: DerNode): CertId {
  const fields = new DerFields(node, 'certID');
  const algorithm = readAlgorithm(fields.next('hashAlgorithm'), 'hashAlgorithm');
  const issuerNameHash = readOctets(fields.next('issuerNameHash', TAG.octetString), 'issuerNameHash');
  const issuerKeyHash = readOctets(fields.next('issuerKeyHash', TAG.octetString), 'issuerKeyHash');
  const serialHex = toHex(readInteger(fields.next('serialNumber'), 'serialNumber'));
  fields.end();
  const hash = algorithm.oid === OID.sha1 ? 'sha1' : digestOf(algorithm, 'hashAlgorithm').hash;
  return { hash, issuerNameHash, issuerKeyHash, serialHex };
}

/** CertStatus: good [0] NULL, revoked [1] RevokedInfo, unknown [2] NULL, implicit. */
function readCertStatus(node: DerNode): Pick<CertificateStatus, 'status' | 'revokedAt' | 'reason'> {
  if (node.tag === contextTag(1)) {
    const fields = new DerFields(node, 'revoked', contextTag(1));
    const time = fields.next('revocationTime', TAG.generalizedTime);
    const why = fields.optionalExplicit(0, 'revocationReason');
    fields.end();
    return {
      status: 'revoked',
      revokedAt: readTime(time, 'revocationTime'),
      reason: why && readCrlReason(why, 'revocationReason'),
    };
  }
  const isGood = node.tag === contextPrimitive(0);
  if (!isGood && node.tag !== contextPrimitive(2)) fail('certStatus: neither good nor revoked nor unknown');
  if (node.body.length > 0) fail('certStatus: not empty');
  return { status: isGood ? 'good' : 'unknown', revokedAt: undefined, reason: undefined };
}

/** What the answer says of this certificate of this issuer; null: nothing. Of who says it this says nothing. */
export function statusIn(
  { statuses }: OcspResponse,
  certificate: Certificate,
  issuer: Certificate,
): CertificateStatus | null {
  const isAsked = ({ certificate: { hash, issuerNameHash, issuerKeyHash, serialHex } }: CertificateStatus): boolean =>
    serialHex === certificate.serialHex &&
    hash !== null &&
    equalBytes(issuerNameHash, digest(hash, certificate.issuer.der)) &&
    equalBytes(issuerKeyHash, digest(hash, issuer.publicKeyBits));
  return statuses.find(isAsked) ?? null;
}

export type ResponderCheck = { readonly ok: true; readonly responder: Certificate } | ({ readonly ok: false } & Reason);

/**
 * Whether the answer is signed by somebody who may answer for certificates of this issuer: the issuer itself, or a responder whose
 * certificate the issuer signed for that purpose (RFC 6960, 4.2.2.2) and that was valid when it answered. The responder's certificate comes
 * with the answer or is among `known`. Whether it is revoked is for the caller to find out, unless it has `ocspNoCheck` or is the issuer.
 */
export function verifyOcspResponse(
  response: OcspResponse,
  issuer: Certificate,
  known: readonly Certificate[] = [],
): ResponderCheck {
  const named = [issuer, ...response.certificates, ...known].filter((candidate) => isNamedBy(response, candidate));
  const responders = named.slice(0, MAX_RESPONDERS).filter((one) => mayAnswer(one, issuer, response.producedAt));
  if (responders.length === 0) return { ok: false, ...reason('OCSP_RESPONDER', named[0]?.subject.text) };
  const { scheme, signedBytes, signature } = response;
  if (scheme.kind === 'refused') {
    return { ok: false, ...reason(scheme.refused === 'weak' ? 'ALGORITHM_WEAK' : 'ALGORITHM_UNKNOWN', scheme.name) };
  }
  const responder = responders.find(({ publicKey }) => isSignedWith(scheme, signedBytes, publicKey, signature));
  return responder === undefined ? { ok: false, ...reason('SIGNATURE_WRONG') } : { ok: true, responder };
}

function isNamedBy({ responder }: OcspResponse, { subject, publicKeyBits }: Certificate): boolean {
  return 'name' in responder
    ? equalBytes(responder.name, subject.der)
    : equalBytes(responder.keyHash, digest('sha1', publicKeyBits));
}

function mayAnswer(candidate: Certificate, issuer: Certificate, at: Date): boolean {
  if (candidate.sha256 === issuer.sha256) return true;
  const isValid = candidate.notBefore <= at && at <= candidate.notAfter;
  const isDelegate = equalBytes(candidate.issuer.der, issuer.subject.der) && maySignOcsp(candidate);
  return isValid && isDelegate && isSignedBy(candidate, issuer);
}
