/**
 * Timestamps of an authority (RFC 3161, RFC 5816; profile ETSI EN 319 422): requests written, answers read, tokens verified.
 *
 * A token binds its signer's certificate by ESSCertIDv2 or by ESSCertID, which knows SHA-1 only (RFC 5816, 2.2.1). Both are taken: to pass
 * a token off as another's one needs a certificate with the same key and the same hash, so a second preimage, which SHA-1 withstands;
 * and whoever could choose both certificates is the authority itself. What the authority signs, and what it stamps, is by SHA-2.
 */
import { concatBytes, equalBytes, toHex } from '../bytes.ts';
import { AppError, isAppError } from '../errors.ts';
import { OID, digestLength, digestOf, readAlgorithm } from './algorithms.ts';
import type { Digest, HashName } from './algorithms.ts';
import { boolean, integer, nullValue, octetString, oid, sequence, smallInteger, toDer } from './asn1.ts';
import { maySignTimestamps } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import { DerFields, TAG, contextPrimitive, contextTag, decoding, expectTag, fail, readDer } from './der.ts';
import type { DerNode } from './der.ts';
import {
  isBitSet,
  readBitString,
  readBoolean,
  readFineTime,
  readInteger,
  readOctets,
  readOid,
  readSmallInteger,
  readText,
} from './der-values.ts';
import { readExtensions, refuseUnknownCritical } from './extensions.ts';
import { reason } from './reason.ts';
import type { Reason } from './reason.ts';
import { ATTRIBUTE } from './signed-attributes.ts';
import { parseSignedData, verifyAttached } from './signed-data.ts';
import type { ParsedSignedData } from './signed-data.ts';

export interface TimestampToken {
  /** The ContentInfo, without padding. */
  readonly der: Uint8Array;
  /** genTime, rounded down to the millisecond. */
  readonly time: Date;
  /** How far `time` may be off, in milliseconds, rounded up; 0 where the token does not say. */
  readonly accuracyMs: number;
  /** Contents of the serial number's INTEGER, lower-case hexadecimal. */
  readonly serialHex: string;
  /** Object identifier of the policy under which it was issued. */
  readonly policy: string;
  /** The hash over the stamped bytes that `verifyTimestampToken` wants; null: one that is refused, as it then says. */
  readonly hash: HashName | null;
  readonly algorithm: Digest;
  readonly imprint: Uint8Array;
  /** Contents of the nonce's INTEGER. */
  readonly nonce: Uint8Array | null;
  /** Whether its authority's tokens come in the order of their times, whatever the accuracy. */
  readonly ordering: boolean;
  readonly signedData: ParsedSignedData;
}

/** What was asked for. */
export interface TimestampQuestion {
  /** Of the bytes to stamp. */
  readonly sha256: Uint8Array;
  /** Random bytes, 8 to 16 of them. */
  readonly nonce: Uint8Array;
  /** Object identifier of the policy to stamp by; absent: the authority's own. */
  readonly policy?: string | undefined;
}

const MAX_RESPONSE_BYTES = 1024 * 1024;
const MAX_SERIAL_BYTES = 32;
const MAX_STATUS_TEXT = 200;

/** DER of a TimeStampReq (RFC 3161, 2.4.1) that asks for a token with its certificate. `nonce` and `policy` as in TimestampQuestion. */
export function encodeTimestampRequest(sha256: Uint8Array, nonce: Uint8Array, policy?: string): Uint8Array {
  if (sha256.length !== 32) throw new RangeError(`expected a SHA-256 of 32 bytes, got ${sha256.length}`);
  if (nonce.length < 8 || nonce.length > 16)
    throw new RangeError(`expected a nonce of 8 to 16 bytes, got ${nonce.length}`);
  // NULL, where RFC 5754, 2 would rather have nothing: what every client in use writes, and every authority takes.
  const imprint = sequence(sequence(oid(OID.sha256), nullValue()), octetString(sha256));
  const asked = policy === undefined ? [] : [oid(policy)];
  return toDer(sequence(smallInteger(1), imprint, ...asked, integer(unsignedContents(nonce)), boolean(true)));
}

/** Contents of the INTEGER that these bytes are as a magnitude: no zeros before it, but one where its top bit is set. */
function unsignedContents(magnitude: Uint8Array): Uint8Array {
  const first = magnitude.findIndex((byte) => byte !== 0);
  if (first === -1) return Uint8Array.of(0);
  const digits = magnitude.subarray(first);
  return (digits[0] ?? 0) < 0x80 ? digits : concatBytes(Uint8Array.of(0), digits);
}

/** PKIStatus and PKIFailureInfo (RFC 3161, 2.4.2). */
const STATUSES = ['granted', 'grantedWithMods', 'rejection', 'waiting', 'revocationWarning', 'revocationNotification'];
const FAILURES: ReadonlyMap<number, string> = new Map([
  [0, 'badAlg'],
  [2, 'badRequest'],
  [5, 'badDataFormat'],
  [14, 'timeNotAvailable'],
  [15, 'unacceptedPolicy'],
  [16, 'unacceptedExtension'],
  [17, 'addInfoNotAvailable'],
  [25, 'systemFailure'],
]);

/**
 * The token of a TimeStampResp (RFC 3161, 2.4.2), which is over what was asked, and signed by the certificate that came with it; whether
 * that is trusted is for a chain to say (`buildChain` with purpose `timestamp`). Throws TIMESTAMP_REFUSED with what the authority gives
 * as its reason, TIMESTAMP_INVALID where the answer is another than asked for or breaks its standard.
 */
export function readTimestampResponse(response: Uint8Array, asked: TimestampQuestion): TimestampToken {
  const { status, token: der } = decoding('TIMESTAMP_INVALID', () => readResponse(response));
  if (!status.granted) throw new AppError('TIMESTAMP_REFUSED', status.text);
  if (der === null) throw new AppError('TIMESTAMP_INVALID', 'timeStampToken: absent');
  const token = tokenOf(der);
  const { nonce } = token;
  if (nonce === null || !equalBytes(nonce, unsignedContents(asked.nonce))) {
    throw new AppError('TIMESTAMP_INVALID', `nonce: ${nonce === null ? 'absent' : 'not that of the request'}`);
  }
  if (asked.policy !== undefined && token.policy !== asked.policy) {
    throw new AppError('TIMESTAMP_INVALID', `policy: expected ${asked.policy}, got ${token.policy}`);
  }
  if (token.hash !== 'sha256') throw new AppError('TIMESTAMP_INVALID', 'messageImprint: expected SHA-256');
  const check = verifyTimestampToken(token, asked.sha256);
  if (!check.ok) throw new AppError('TIMESTAMP_INVALID', `${check.code}: ${check.message}`);
  return token;
}

function tokenOf(der: Uint8Array): TimestampToken {
  try {
    return parseTimestampToken(der);
  } catch (error) {
    if (isAppError(error, 'CMS_INVALID')) throw new AppError('TIMESTAMP_INVALID', error.detail, { cause: error });
    throw error;
  }
}

interface Status {
  readonly granted: boolean;
  readonly text: string;
}

function readResponse(response: Uint8Array): { readonly status: Status; readonly token: Uint8Array | null } {
  const fields = new DerFields(readDer(response, { maxBytes: MAX_RESPONSE_BYTES }), 'timeStampResp');
  const status = readStatus(fields.next('status'));
  const token = fields.optional(TAG.sequence);
  fields.end();
  return { status, token: token?.bytes ?? null };
}

function readStatus(node: DerNode): Status {
  const fields = new DerFields(node, 'status');
  const code = readSmallInteger(fields.next('status'), 'status');
  const texts = fields.optional(TAG.sequence)?.children ?? [];
  const failure = fields.optional(TAG.bitString);
  fields.end();
  const bits = failure && readBitString(failure, 'failInfo');
  const failures = [...FAILURES].filter(([bit]) => bits !== undefined && isBitSet(bits, bit)).map(([, name]) => name);
  const said = texts.map((text) => readText(expectTag(text, TAG.utf8String, 'statusString')) ?? '').join(' ');
  // The authority's own words stand in a message to people: one line of them.
  const shown = said.replaceAll(/[\p{C}\p{Z}]+/gu, ' ').slice(0, MAX_STATUS_TEXT);
  return {
    granted: code <= 1,
    text: [STATUSES[code] ?? `status ${code}`, ...failures, ...(shown === '' ? [] : [`"${shown}"`])].join(', '),
  };
}

/**
 * A TimeStampToken as it stands in a signature's attribute or a PDF's document timestamp; zero bytes may follow it. Of `known` certificates
 * an embedded copy is not read again. Throws CMS_INVALID.
 */
export function parseTimestampToken(der: Uint8Array, known: readonly Certificate[] = []): TimestampToken {
  const signedData = parseSignedData(der, known);
  return decoding('CMS_INVALID', () => {
    const { contentType, content } = signedData;
    if (contentType !== OID.tstInfo) fail(`timeStampToken: expected TSTInfo, got content of type ${contentType}`);
    if (content === null) return fail('timeStampToken: without its TSTInfo');
    return { der: signedData.bytes, ...readTstInfo(content), signedData };
  });
}

/** TSTInfo (RFC 3161, 2.4.2), DER. */
function readTstInfo(content: Uint8Array): Omit<TimestampToken, 'der' | 'signedData'> {
  const fields = new DerFields(readDer(content, { maxBytes: MAX_RESPONSE_BYTES }), 'tstInfo');
  const version = readSmallInteger(fields.next('version'), 'tstInfo.version');
  if (version !== 1) fail(`tstInfo.version: expected 1, got ${version}`);
  const policy = readOid(fields.next('policy'), 'tstInfo.policy');
  const { algorithm, imprint } = readImprint(fields.next('messageImprint'));
  const serial = readInteger(fields.next('serialNumber'), 'tstInfo.serialNumber');
  if (serial.length > MAX_SERIAL_BYTES)
    fail(`tstInfo.serialNumber: ${serial.length} bytes, at most ${MAX_SERIAL_BYTES}`);
  const time = readFineTime(fields.next('genTime'), 'tstInfo.genTime');
  const accuracy = fields.optional(TAG.sequence);
  const ordering = fields.optional(TAG.boolean);
  const nonce = fields.optional(TAG.integer);
  // The authority's name. Who signed is told by the certificate alone (RFC 3161, 2.4.2), so nothing is made of this.
  fields.optionalExplicit(0, 'tsa');
  const extensions = readExtensions(fields.optional(contextTag(1)), 'tstInfo.extensions', contextTag(1));
  fields.end();
  refuseUnknownCritical(extensions, [], 'tstInfo.extensions');
  return {
    time,
    accuracyMs: accuracy === undefined ? 0 : readAccuracy(accuracy),
    serialHex: toHex(serial),
    policy,
    hash: algorithm.hash,
    algorithm,
    imprint,
    nonce: nonce === undefined ? null : readInteger(nonce, 'tstInfo.nonce'),
    ordering: ordering !== undefined && readBoolean(ordering, 'tstInfo.ordering'),
  };
}

function readImprint(node: DerNode): { readonly algorithm: Digest; readonly imprint: Uint8Array } {
  const fields = new DerFields(node, 'messageImprint');
  const algorithm = digestOf(readAlgorithm(fields.next('hashAlgorithm'), 'hashAlgorithm'), 'hashAlgorithm');
  const imprint = readOctets(fields.next('hashedMessage', TAG.octetString), 'hashedMessage');
  fields.end();
  if (algorithm.hash !== null && imprint.length !== digestLength(algorithm.hash)) {
    fail(`hashedMessage: ${imprint.length} bytes are no ${algorithm.hash}`);
  }
  return { algorithm, imprint };
}

/** Accuracy: seconds, then milliseconds and microseconds of 1 to 999 each. */
function readAccuracy(node: DerNode): number {
  const fields = new DerFields(node, 'accuracy');
  const seconds = fields.optional(TAG.integer);
  const millis = fields.optional(contextPrimitive(0));
  const micros = fields.optional(contextPrimitive(1));
  fields.end();
  const thousandth = (part: DerNode | undefined, field: string): number => {
    const value = part === undefined ? 0 : readSmallInteger({ ...part, tag: TAG.integer }, field);
    return value <= 999 ? value : fail(`${field}: expected at most 999, got ${value}`);
  };
  const whole = seconds === undefined ? 0 : readSmallInteger(seconds, 'accuracy.seconds');
  return whole * 1000 + thousandth(millis, 'accuracy.millis') + Math.ceil(thousandth(micros, 'accuracy.micros') / 1000);
}

export type TimestampCheck =
  { readonly ok: true; readonly time: Date; readonly signer: Certificate } | ({ readonly ok: false } & Reason);

/**
 * Whether the token is its signer's, who may stamp, and over bytes with this digest (made with `token.hash`). Says nothing of whether the
 * signer's certificate is trusted. The first thing that is wrong is the answer.
 */
export function verifyTimestampToken(token: TimestampToken, digest: Uint8Array): TimestampCheck {
  const check = verifyAttached(token.signedData, OID.tstInfo, { signingCertificate: 'any-version' });
  if (!check.ok) return check;
  const { signer } = check;
  if (!maySignTimestamps(signer)) return { ok: false, ...reason('TIMESTAMP_USAGE', signer.subject.text) };
  const { algorithm } = token;
  if (algorithm.hash === null) {
    return {
      ok: false,
      ...reason(algorithm.refused === 'weak' ? 'ALGORITHM_WEAK' : 'ALGORITHM_UNKNOWN', algorithm.name),
    };
  }
  if (!equalBytes(token.imprint, digest)) return { ok: false, ...reason('TIMESTAMP_IMPRINT_WRONG') };
  return { ok: true, time: token.time, signer };
}

/**
 * The tokens that a signature carries as unsigned attributes, as they came: each for `parseTimestampToken`, over a digest of
 * `parsed.signature` (RFC 3161, appendix A).
 */
export function timestampsOf(parsed: ParsedSignedData): readonly Uint8Array[] {
  return (parsed.unsignedAttributes.get(ATTRIBUTE.timestampToken) ?? []).map(({ bytes }) => bytes);
}
