/**
 * Whether a certificate was revoked at a time, by lists and OCSP answers that were gathered (RFC 5280, 6.3; RFC 6960, 3.2). Nothing is
 * fetched.
 *
 * What an issuer says reaches from its thisUpdate to its nextUpdate, and back to any earlier time, since it says whoever was revoked
 * before, with the date. So a revocation after the time in question is none then. Of a certificate that has expired an issuer need not
 * tell any more: what it says after that, it says of others.
 */
import { isAppError } from '../errors.ts';
import type { Certificate } from './certificate.ts';
import { findEntry, parseCrl, tellsOf, verifyCrl } from './crl.ts';
import type { Crl } from './crl.ts';
import type { CrlReason } from './crl-reason.ts';
import { DerError, DerFields, TAG, contextTag } from './der.ts';
import type { DerNode } from './der.ts';
import { readOid } from './der-values.ts';
import { parseOcspResponse, statusIn, verifyOcspResponse } from './ocsp.ts';
import type { OcspResponse } from './ocsp.ts';
import { reason } from './reason.ts';
import type { Reason } from './reason.ts';
import type { ParsedSignedData } from './signed-data.ts';

export interface Evidence {
  /** DER or PEM each. */
  readonly crls: readonly Uint8Array[];
  /** DER of an OCSPResponse each. */
  readonly ocsps: readonly Uint8Array[];
  /** Where certificates of OCSP responders may be that did not come with their answers. */
  readonly certificates: readonly Certificate[];
}

/** RFC 5940, 2.1. */
const OCSP_RESPONSE_INFO = '1.3.6.1.5.5.7.16.2';

/**
 * What a signature itself carries: in its CMS (RFC 5652, 10.2.1; RFC 5940) and in Adobe's attribute (ISO 32000-2, 12.8.3.3.2). What is not of
 * their form is left out.
 */
export function evidenceIn({ certificates, revocationInfos, signedAttributes }: ParsedSignedData): Evidence {
  const own = revocationInfos.map((info): Gathered => gathered(() => readInfo(info)));
  const archived = signedAttributes?.revocationInfo;
  const all = archived === undefined ? own : [...own, gathered(() => readArchive(archived))];
  return {
    crls: all.flatMap(({ crls }) => crls),
    ocsps: all.flatMap(({ ocsps }) => ocsps),
    certificates,
  };
}

type Gathered = Pick<Evidence, 'crls' | 'ocsps'>;

function gathered(read: () => Gathered): Gathered {
  try {
    return read();
  } catch (error) {
    if (error instanceof DerError) return { crls: [], ocsps: [] };
    throw error;
  }
}

/** RevocationInfoChoice: a list, or [1] of what else. */
function readInfo(node: DerNode): Gathered {
  if (node.tag === TAG.sequence) return { crls: [node.bytes], ocsps: [] };
  const fields = new DerFields(node, 'otherRevocationInfo', contextTag(1));
  const format = readOid(fields.next('otherRevInfoFormat'), 'otherRevInfoFormat');
  const info = fields.next('otherRevInfo');
  fields.end();
  return { crls: [], ocsps: format === OCSP_RESPONSE_INFO ? [info.bytes] : [] };
}

/** RevocationInfoArchival: lists in [0], answers in [1], explicit. */
function readArchive(node: DerNode): Gathered {
  const fields = new DerFields(node, 'revocationInfoArchival');
  const [crls, ocsps] = [fields.optionalExplicit(0, 'crl'), fields.optionalExplicit(1, 'ocsp')];
  const bytesOf = (list: DerNode | undefined): Uint8Array[] => (list?.children ?? []).map(({ bytes }) => bytes);
  return { crls: bytesOf(crls), ocsps: bytesOf(ocsps) };
}

export type Revocation =
  | {
      readonly status: 'good';
      readonly source: 'crl' | 'ocsp';
      /** thisUpdate of what says so. */
      readonly producedAt: Date;
      /** It was revoked later. */
      readonly revokedAt?: Date;
    }
  | ({
      readonly status: 'revoked';
      readonly source: 'crl' | 'ocsp';
      readonly producedAt: Date;
      /** Since when: of the date of revocation and the date since which the issuer says it is invalid the earlier one. */
      readonly revokedAt: Date;
      readonly reason: CrlReason;
    } & Reason)
  | ({ readonly status: 'unknown' } & Reason);

export interface CertificateRevocation {
  readonly certificate: Certificate;
  readonly revocation: Revocation;
}

/** Clocks of authorities and ours, and answers without nextUpdate, which hold while they are told. */
const TOLERANCE_MS = 5 * 60_000;

/**
 * Why a certificate may be revoked without a word against its key: what a timestamp authority signed before stays good (RFC 3161, 4). No
 * reason at all is not among them.
 */
const HARMLESS: ReadonlySet<CrlReason | undefined> = new Set<CrlReason>([
  'unspecified',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
]);

/**
 * Whether `certificate`, which `issuer` signed, was revoked at `at`. What cannot be read or is not by who may say it is as if it were not
 * there.
 *
 * For a timestamp `at` is what it says itself, and whoever has stolen the authority's key says what he likes: a revocation until `provenAt`,
 * when a later timestamp or the present proves that it was there, counts too unless it is harmless (RFC 3161, 4).
 */
export function revocationOf(
  certificate: Certificate,
  issuer: Certificate,
  evidence: Evidence | ReadEvidence,
  at: Date,
  provenAt: Date = at,
): Revocation {
  return judge(certificate, issuer, asRead(evidence), { at, provenAt });
}

/** The same for each certificate of a chain but its last: nobody revokes a root. */
export function revocationOfChain(
  chain: readonly Certificate[],
  evidence: Evidence | ReadEvidence,
  at: Date,
  provenAt: Date = at,
): readonly CertificateRevocation[] {
  const read = asRead(evidence);
  return chain.flatMap((certificate, place) => {
    const issuer = chain[place + 1];
    return issuer === undefined
      ? []
      : [{ certificate, revocation: judge(certificate, issuer, read, { at, provenAt }) }];
  });
}

interface Moment {
  readonly at: Date;
  readonly provenAt: Date;
}

function asRead(evidence: Evidence | ReadEvidence): ReadEvidence {
  return 'unreadable' in evidence ? evidence : readEvidence(evidence);
}

export interface ReadEvidence {
  readonly crls: readonly Crl[];
  /** `verifyCrl`, of which each answer is kept: a list of megabytes is hashed once for an issuer. */
  readonly isBy: (crl: Crl, issuer: Certificate) => boolean;
  readonly ocsps: readonly OcspResponse[];
  readonly certificates: readonly Certificate[];
  /** What could not be read, and so might be about anybody. */
  readonly unreadable: readonly Reason[];
}

/** Reads once what many certificates are judged by. */
export function readEvidence({ crls, ocsps, certificates }: Evidence): ReadEvidence {
  const lists = crls.map((bytes) => readable(() => parseCrl(bytes)));
  const answers = ocsps.map((bytes) => readable(() => parseOcspResponse(bytes)));
  return {
    crls: lists.filter((list): list is Crl => !isReason(list)),
    isBy: rememberingVerifyCrl(),
    ocsps: answers.filter((answer): answer is OcspResponse => !isReason(answer)),
    certificates,
    unreadable: [...lists, ...answers].filter(isReason),
  };
}

function rememberingVerifyCrl(): ReadEvidence['isBy'] {
  const answers = new Map<Crl, Map<string, boolean>>();
  return (crl, issuer) => {
    const known = answers.get(crl) ?? new Map<string, boolean>();
    const answer = known.get(issuer.sha256) ?? verifyCrl(crl, issuer);
    answers.set(crl, known.set(issuer.sha256, answer));
    return answer;
  };
}

function readable<T>(read: () => T): T | Reason {
  try {
    return read();
  } catch (error) {
    if (isAppError(error)) return reason('REVOCATION_UNREADABLE', error.message);
    throw error;
  }
}

/** What a list or an answer says of the certificate, by who may say it. */
interface Statement {
  readonly source: 'crl' | 'ocsp';
  readonly thisUpdate: Date;
  readonly nextUpdate: Date | undefined;
  readonly expiredSince: Date | undefined;
  readonly revoked: { readonly at: Date; readonly reason: CrlReason | undefined } | null;
}

function isReason(found: object): found is Reason {
  return 'messageZh' in found;
}

function judge(certificate: Certificate, issuer: Certificate, evidence: ReadEvidence, moment: Moment): Revocation {
  const found = [
    ...evidence.crls.map((crl) => statementOfCrl(crl, certificate, issuer, evidence)),
    ...evidence.ocsps.map((response) => statementOfOcsp(response, certificate, issuer, evidence)),
  ].filter((one) => one !== null);
  const faults = found.filter(isReason);
  const statements = found
    .filter((one): one is Statement => !isReason(one))
    .toSorted((a, b) => b.thisUpdate.getTime() - a.thisUpdate.getTime());

  const [newest] = statements;
  // A hold may be lifted, so only the newest word on it counts, and only for its own time; every other revocation is for good.
  const against = statements.find(
    (one) =>
      counts(one, moment) &&
      (one.revoked?.reason !== 'certificateHold' || (one === newest && reaches(one, certificate, moment.provenAt))),
  );
  if (against?.revoked) return revokedBy(against, against.revoked, certificate);

  const good = statements.find((one) => reaches(one, certificate, moment.at) && !counts(one, moment));
  if (good !== undefined) {
    const later = statements.find(({ revoked }) => revoked !== null && revoked.at > moment.at)?.revoked?.at;
    const { source, thisUpdate: producedAt } = good;
    return { status: 'good', source, producedAt, ...(later === undefined ? {} : { revokedAt: later }) };
  }
  const { text } = certificate.subject;
  const outdated = newest && reason('REVOCATION_OUTDATED', `${text}: ${spanText(newest)}`);
  const why = faults[0] ?? outdated ?? evidence.unreadable[0] ?? reason('REVOCATION_ABSENT', text);
  return { status: 'unknown', ...why };
}

/** Whether it says that the certificate was revoked then, or before then was proven, with harm. */
function counts({ revoked }: Statement, { at, provenAt }: Moment): boolean {
  return revoked !== null && (revoked.at <= at || (revoked.at <= provenAt && !HARMLESS.has(revoked.reason)));
}

function revokedBy(
  { source, thisUpdate: producedAt }: Statement,
  revoked: NonNullable<Statement['revoked']>,
  { subject }: Certificate,
): Revocation {
  const why = revoked.reason ?? 'unspecified';
  const detail = `${subject.text}: ${revoked.at.toISOString()}, ${why}`;
  return {
    status: 'revoked',
    source,
    producedAt,
    revokedAt: revoked.at,
    reason: why,
    ...reason('CERTIFICATE_REVOKED', detail),
  };
}

/** Whether the statement says something of `at`: it was not outdated then, and was not made when the issuer might have forgotten already. */
function reaches({ thisUpdate, nextUpdate, expiredSince }: Statement, { notAfter }: Certificate, at: Date): boolean {
  const remembers = thisUpdate <= notAfter || (expiredSince !== undefined && expiredSince <= notAfter);
  return remembers && at.getTime() <= (nextUpdate ?? thisUpdate).getTime() + TOLERANCE_MS;
}

function spanText({ thisUpdate, nextUpdate }: Statement): string {
  return [thisUpdate, nextUpdate].flatMap((time) => time?.toISOString() ?? []).join(' – ');
}

function statementOfCrl(
  crl: Crl,
  certificate: Certificate,
  issuer: Certificate,
  { isBy }: ReadEvidence,
): Statement | Reason | null {
  if (!tellsOf(crl, certificate)) return null;
  if (!isBy(crl, issuer)) return reason('REVOCATION_SIGNATURE', issuer.subject.text);
  const entry = readable(() => findEntry(crl, certificate.serialHex));
  if (entry !== null && isReason(entry)) return entry;
  const { thisUpdate, nextUpdate, expiredSince } = crl;
  // Whoever was taken off a list again is not revoked.
  const isOff = entry === null || entry.reason === 'removeFromCRL';
  return {
    source: 'crl',
    thisUpdate,
    nextUpdate,
    expiredSince,
    revoked: isOff ? null : { at: earlier(entry.revokedAt, entry.invalidSince), reason: entry.reason },
  };
}

/** Of the date of revocation and the one since which the issuer itself calls the certificate invalid (RFC 5280, 5.3.2). */
function earlier(revokedAt: Date, invalidSince: Date | undefined): Date {
  return invalidSince !== undefined && invalidSince < revokedAt ? invalidSince : revokedAt;
}

function statementOfOcsp(
  response: OcspResponse,
  certificate: Certificate,
  issuer: Certificate,
  evidence: ReadEvidence,
): Statement | Reason | null {
  const told = statusIn(response, certificate, issuer);
  if (told === null) return null;
  const check = verifyOcspResponse(response, issuer, evidence.certificates);
  if (!check.ok) return reason(check.code, certificate.subject.text);
  const fault = responderFault(check.responder, issuer, evidence, response.producedAt);
  if (fault !== null) return fault;
  if (told.status === 'unknown') return reason('REVOCATION_UNKNOWN', certificate.subject.text);
  const { thisUpdate, nextUpdate, expiredSince, revokedAt } = told;
  return {
    source: 'ocsp',
    thisUpdate,
    nextUpdate,
    expiredSince,
    revoked: revokedAt === undefined ? null : { at: revokedAt, reason: told.reason },
  };
}

/**
 * A responder's own certificate is asked about too, by lists, unless its issuer wants that nobody does; where the issuer names no place to
 * ask, it is enough that no list speaks against it (RFC 6960, 4.2.2.2.1 leaves that to who asks).
 */
function responderFault(responder: Certificate, issuer: Certificate, evidence: ReadEvidence, at: Date): Reason | null {
  if (responder.sha256 === issuer.sha256 || responder.ocspNoCheck) return null;
  const { status } = judge(responder, issuer, { ...evidence, ocsps: [] }, { at, provenAt: at });
  if (status === 'revoked') return reason('RESPONDER_REVOKED', responder.subject.text);
  const mayBeAsked = responder.ocspUrls.length > 0 || responder.crlDistributionPoints.length > 0;
  return status === 'unknown' && mayBeAsked ? reason('RESPONDER_STATUS', responder.subject.text) : null;
}
