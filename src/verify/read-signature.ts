/** Signatures as they stand in a document, read by the strict rules of what they may cover, before anything that came after is looked at. */
import { createHash } from 'node:crypto';
import { parseSignedData, verifySignedData } from '../cms/signed-data.ts';
import type { ParsedSignedData } from '../cms/signed-data.ts';
import { parseTimestampToken, timestampsOf, verifyTimestampToken } from '../cms/timestamp.ts';
import type { TimestampToken } from '../cms/timestamp.ts';
import { isAppError } from '../errors.ts';
import { textAt } from '../pdf/byte-source.ts';
import type { ByteSource } from '../pdf/byte-source.ts';
import type { Revision } from '../pdf/revision.ts';
import type { SignatureField, SignatureValue } from '../pdf/signature-fields.ts';
import { CoveredBytes } from './covered-bytes.ts';
import type { Covered } from './covered-bytes.ts';
import { finding, findingOf, problemFinding } from './finding.ts';
import type { Finding } from './report.ts';

/** SubFilter -> whether the signing certificate must be bound (ETSI EN 319 142-1, 6.3; ISO 32000-2, 12.8.3.3). */
const DETACHED: ReadonlyMap<string, 'required' | 'optional'> = new Map([
  ['ETSI.CAdES.detached', 'required'],
  ['adbe.pkcs7.detached', 'optional'],
]);
/** Of a document timestamp (12.8.5). */
const TIMESTAMP = 'ETSI.RFC3161';
/** Timestamps of one signature. */
const MAX_TIMESTAMPS = 8;
/**
 * Unsigned attributes that PAdES may have (ETSI EN 319 122-1, 5.3, 5.5 and annex A; RFC 5652, 11.4), or that begin so. Of those only the
 * timestamp says something here; but who made an attribute unknown took away what it had said.
 */
const UNSIGNED = /^(1\.2\.840\.113549\.1\.9\.(6|16\.2\.(14|2[1-7]|4[458]))|0\.4\.0\.(1733\.2|19122\.1)\.\d+)$/;

export type SignedField = SignatureField & { readonly value: SignatureValue };

/** What a signature covers: its revision, the place of that among the revisions, and the SHA-256 of all of it. */
export interface CoveredRevision {
  readonly end: number;
  readonly revision: number;
  readonly sha256: string;
}

interface ReadBase {
  readonly field: SignedField;
  /** Null where the ByteRange says nothing usable. */
  readonly covers: CoveredRevision | null;
  /** What is wrong with it by itself. */
  readonly broken: readonly Finding[];
}

/** `null` in place of what cannot be read. */
export type ReadSignature =
  | (ReadBase & {
      readonly kind: 'seal';
      readonly signed: ParsedSignedData | null;
      /** Those over the signature that are what they say they are; whether they are trusted is another question. */
      readonly tokens: readonly TimestampToken[];
    })
  | (ReadBase & { readonly kind: 'timestamp'; readonly token: TimestampToken | null });

/** All signatures of a document, in the order of `fields`. */
export function readSignatures(
  source: ByteSource,
  revisions: readonly Revision[],
  fields: readonly SignedField[],
): ReadSignature[] {
  const bytes = new CoveredBytes(source);
  const placed = fields.map((field) => ({ field, place: placeOf(source, revisions, field.value) }));
  const gapOf = ({ place }: (typeof placed)[number]): number => ('fault' in place ? 0 : place.gap.start);
  const read = new Map(
    placed
      .toSorted((a, b) => gapOf(a) - gapOf(b))
      .map(({ field, place }) => [
        field,
        'fault' in place ? faulty(field, place.fault) : readPlaced(bytes, field, place),
      ]),
  );
  return fields.flatMap((field) => read.get(field) ?? []);
}

function faulty(field: SignedField, fault: Finding): ReadSignature {
  const base = { field, covers: null, broken: [fault] };
  return field.value.subFilter === TIMESTAMP
    ? { ...base, kind: 'timestamp', token: null }
    : { ...base, kind: 'seal', signed: null, tokens: [] };
}

interface Place extends Covered {
  readonly revision: number;
  readonly contents: Uint8Array;
}

/** Where the signature is and what it says it covers, or the first rule that it breaks. */
function placeOf(
  source: ByteSource,
  revisions: readonly Revision[],
  { dict, subFilter, byteRange, contents }: SignatureValue,
): Place | { readonly fault: Finding } {
  const fault = (...of: Parameters<typeof finding>): { fault: Finding } => ({ fault: finding(...of) });
  if (subFilter !== TIMESTAMP && !DETACHED.has(subFilter ?? ''))
    return fault('SUBFILTER_UNSUPPORTED', subFilter ?? '-');
  if (dict.duplicates.length > 0) return fault('SIGNATURE_DICTIONARY_INVALID', dict.duplicates.join(', '));
  // Written any other way than as one run of hexadecimal pairs, Contents could hide more than a signature in what no digest covers.
  const span = contents?.span;
  if (contents === null || span === undefined || !contents.hex) return fault('CONTENTS_INVALID');
  const digits = textAt(source, span.start + 1, span.end - span.start - 2);
  if (digits.length % 2 !== 0 || !/^[0-9A-Fa-f]*$/.test(digits)) return fault('CONTENTS_INVALID');
  const [start, before, from, after] = byteRange ?? [];
  const end = (from ?? 0) + (after ?? 0);
  if (byteRange?.length !== 4 || start !== 0 || before !== span.start || from !== span.end || end > source.size) {
    return fault('BYTE_RANGE_INVALID', (byteRange ?? []).join(' '));
  }
  const revision = revisions.findIndex((each) => end >= each.end && end <= each.endOfLine);
  if (revision < 0) return fault('BYTE_RANGE_INVALID', `${end}`);
  return { gap: span, end, revision, contents: contents.bytes };
}

function readPlaced(bytes: CoveredBytes, field: SignedField, place: Place): ReadSignature {
  try {
    return field.value.subFilter === TIMESTAMP ? readTimestamp(bytes, field, place) : readSeal(bytes, field, place);
  } catch (error) {
    if (!isAppError(error, 'CMS_INVALID')) throw error;
    return faulty(field, problemFinding(error));
  }
}

function readTimestamp(bytes: CoveredBytes, field: SignedField, place: Place): ReadSignature {
  const token = parseTimestampToken(place.contents);
  const { digest, sha256 } = bytes.digests(place, token.hash ?? 'sha256');
  const check = verifyTimestampToken(token, digest);
  const covers = { end: place.end, revision: place.revision, sha256 };
  return { kind: 'timestamp', field, covers, token, broken: check.ok ? [] : [findingOf(check)] };
}

function readSeal(bytes: CoveredBytes, field: SignedField, place: Place): ReadSignature {
  const signed = parseSignedData(place.contents);
  const { digest, sha256 } = bytes.digests(place, signed.hash ?? 'sha256');
  const binding = DETACHED.get(field.value.subFilter ?? '') ?? 'required';
  const check = verifySignedData(signed, digest, { signingCertificate: binding });
  const { tokens, broken } = readTokens(signed);
  const unknown = [...signed.unsignedAttributes.keys()].find((type) => !UNSIGNED.test(type));
  if (unknown !== undefined && binding === 'required') broken.push(finding('UNSIGNED_ATTRIBUTE_UNKNOWN', unknown));
  const covers = { end: place.end, revision: place.revision, sha256 };
  return { kind: 'seal', field, covers, signed, tokens, broken: [...(check.ok ? [] : [findingOf(check)]), ...broken] };
}

/**
 * The timestamps over a signature. Nothing else covers them, so one that is over something else is as much of a change as a byte of the
 * document.
 */
function readTokens(signed: ParsedSignedData): { tokens: TimestampToken[]; broken: Finding[] } {
  const ders = timestampsOf(signed);
  if (ders.length > MAX_TIMESTAMPS) return { tokens: [], broken: [finding('TIMESTAMPS_TOO_MANY', `${ders.length}`)] };
  const tokens: TimestampToken[] = [];
  const broken: Finding[] = [];
  for (const der of ders) {
    try {
      const token = parseTimestampToken(der, signed.certificates);
      const check = verifyTimestampToken(token, digestFor(token, signed.signature));
      if (check.ok) tokens.push(token);
      else broken.push(findingOf(check));
    } catch (error) {
      if (!isAppError(error, 'CMS_INVALID')) throw error;
      broken.push(problemFinding(error));
    }
  }
  return { tokens, broken };
}

function digestFor({ hash }: TimestampToken, stamped: Uint8Array): Uint8Array {
  return createHash(hash ?? 'sha256')
    .update(stamped)
    .digest();
}
