/**
 * Whether a PDF is what was sealed: for each signature what it covers, whether that is unchanged, whether what came after was allowed,
 * whose it is and whether that is trusted. Strict: what cannot be understood is not believed.
 */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { buildChain } from '../cms/chain.ts';
import type { Certificate } from '../cms/certificate.ts';
import { parseSignedData, verifySignedData } from '../cms/signed-data.ts';
import type { ParsedSignedData } from '../cms/signed-data.ts';
import { AppError, isAppError, problemOf } from '../errors.ts';
import { prefixSource } from '../pdf/byte-source.ts';
import type { ByteSource } from '../pdf/byte-source.ts';
import type { Change } from '../pdf/change.ts';
import { laterChanges } from '../pdf/compare.ts';
import { parsePdfDate } from '../pdf/pdf-date.ts';
import { openPdf } from '../pdf/revision.ts';
import type { PdfFile, Revision } from '../pdf/revision.ts';
import type { SignatureField, SignatureValue } from '../pdf/signature-fields.ts';
import { judge, termsOf } from './allowed-changes.ts';
import { finding } from './finding.ts';
import { reportOf, unreadable } from './report.ts';
import type { ChangeReport, Finding, RevisionReport, SignatureReport, VerificationReport } from './report.ts';
import { signedEnds } from './signed-ends.ts';

export interface VerifyOptions {
  readonly roots: readonly Certificate[];
  /** Used where a signature claims no time; none may claim one much later. */
  readonly now: Date;
}

const CHUNK = 256 * 1024;
/** A clock or a time zone that is off by hours is no lie. */
const CLOCK_TOLERANCE_MS = 24 * 3_600_000;

/** Each is over all of the file, and each takes its lines of the report. */
const MAX_SIGNATURES = 200;

/** SubFilter -> whether the signing certificate must be bound (ETSI EN 319 142-1, 6.3; ISO 32000-2, 12.8.3.3). */
const DETACHED: ReadonlyMap<string, 'required' | 'optional'> = new Map([
  ['ETSI.CAdES.detached', 'required'],
  ['adbe.pkcs7.detached', 'optional'],
]);

/** The report on a document; never throws for what is in it. */
export function verifyPdf(source: ByteSource, options: VerifyOptions): VerificationReport {
  try {
    const { pdf, fields } = openSigned(source);
    if (fields.length > MAX_SIGNATURES) throw new AppError('PDF_LIMIT', `${fields.length} signatures`);
    const revisions = pdf.revisions();
    const read = fields.map((field) => readField(source, revisions, field));
    const history = historyOf(source, revisions, read);
    const signatures = read.map((field) => verifyField(field, history, options));
    return reportOf(
      signatures.map(({ report }) => report),
      revisionReports(source, revisions, signatures),
      [...signatures.flatMap(({ reasons }) => reasons), ...removedSignatures(source, revisions, fields)],
    );
  } catch (error) {
    if (!isAppError(error)) throw error;
    const { code, title, titleZh, detail } = problemOf(error);
    const more = detail === '' ? '' : `: ${detail}`;
    return unreadable({ code, message: `${title}${more}`, messageZh: `${titleZh}。` }); // details are English
  }
}

type SignedField = SignatureField & { readonly value: SignatureValue };

/**
 * The document and its signed fields. Where bytes were put behind a signed revision so that the whole can no longer be read, or no
 * longer shows the signature, the longest signed revision is taken instead: its signature then does not cover the file.
 */
function openSigned(source: ByteSource): { pdf: PdfFile; fields: readonly SignedField[] } {
  let whole: { pdf: PdfFile; fields: readonly SignedField[] } | AppError;
  try {
    whole = fieldsOf(openPdf(source));
    if (whole.fields.length > 0) return whole;
  } catch (error) {
    if (!isAppError(error)) throw error;
    whole = error;
  }
  for (const end of signedEnds(source)) {
    try {
      const part = fieldsOf(openPdf(prefixSource(source, end)));
      if (part.fields.length > 0) return part;
    } catch (error) {
      if (!isAppError(error)) throw error; // not a revision after all
    }
  }
  if (whole instanceof AppError) throw whole;
  return whole;
}

function fieldsOf(pdf: PdfFile): { pdf: PdfFile; fields: readonly SignedField[] } {
  return { pdf, fields: pdf.signatureFields().filter((field): field is SignedField => field.value !== null) };
}

/** Revisions that are looked into for signatures which the newest no longer shows. */
const MOST_EARLIER = 64;

/**
 * Signatures of earlier revisions that are gone. Who signed last answers for the document as it is, so this changes no verdict; but a
 * seal that was on it, and may still be seen on its pages, is not passed over in silence.
 */
function removedSignatures(
  source: ByteSource,
  revisions: readonly Revision[],
  fields: readonly SignedField[],
): Finding[] {
  const placeOf = ({ value }: SignedField): number | undefined => value.contents?.span?.start;
  const kept = new Set(fields.map(placeOf));
  const gone = revisions
    .slice(0, -1)
    .slice(-MOST_EARLIER)
    .flatMap(({ end }) => {
      try {
        return fieldsOf(openPdf(prefixSource(source, end))).fields.filter((field) => !kept.has(placeOf(field)));
      } catch (error) {
        if (!isAppError(error)) throw error;
        return []; // nobody could have read it as it was then
      }
    });
  return [...new Set(gone.map(({ name }) => name))].map((name) => finding('EARLIER_SIGNATURE_REMOVED', name));
}

/** A signature as it stands in the document, before anything that came after it is looked at. */
interface ReadField {
  readonly field: SignedField;
  readonly parsed: ParsedSignedData | null;
  /** The signed revision's end, its place among the revisions, and the SHA-256 of all of it; null where the ByteRange says nothing usable. */
  readonly covers: { readonly end: number; readonly revision: number; readonly sha256: string } | null;
  /** What is wrong with it by itself. */
  readonly broken: readonly Finding[];
}

function readField(source: ByteSource, revisions: readonly Revision[], field: SignedField): ReadField {
  const read = readSignature(source, revisions, field.value);
  if ('fault' in read) return { field, parsed: null, covers: null, broken: [read.fault] };
  const { digest, sha256 } = hashCovered(source, read);
  const covers = { end: read.end, revision: read.revision, sha256 };
  const check = verifySignedData(read.parsed, digest, { signingCertificate: read.binding });
  return { field, parsed: read.parsed, covers, broken: check.ok ? [] : [findingOf(check)] };
}

function findingOf({ code, message, messageZh }: Finding): Finding {
  return { code, message, messageZh };
}

/** What was done to the document since its first signature. */
interface History {
  readonly size: number;
  /** The first revision that something follows which was compared. */
  readonly first: number;
  /** Of each revision after that one. */
  readonly changes: readonly (readonly Change[])[];
  /** Bytes after the last revision, which nothing is known of. */
  readonly trailing: number;
}

function historyOf(source: ByteSource, revisions: readonly Revision[], read: readonly ReadField[]): History {
  const first = Math.min(...read.map(({ covers }) => covers?.revision ?? revisions.length));
  const trailing = source.size - (revisions.at(-1)?.endOfLine ?? 0);
  return { size: source.size, first, changes: laterChanges(source, revisions.slice(first)), trailing };
}

/** Lines of a report about what came after one signature. */
const MOST_CHANGES = 100;

function changesAfter({ covers, field }: ReadField, history: History): ChangeReport[] {
  if (covers === null) return [];
  const terms = termsOf(field);
  const later = history.changes.slice(covers.revision - history.first).flat();
  const found = new Map<string, ChangeReport>();
  for (const change of later) {
    const report = judge(change, terms);
    found.set(`${report.code} ${report.page ?? ''} ${report.message}`, report);
  }
  if (history.trailing > 0) {
    const report = { ...finding('CHANGED_AFTER_SIGNATURE', `${history.trailing} B`), allowed: false };
    found.set(report.code, report);
  }
  return shortened([...found.values()]);
}

/** What breaks the signature first, where there is more than anyone reads. */
function shortened(changes: readonly ChangeReport[]): ChangeReport[] {
  if (changes.length <= MOST_CHANGES) return [...changes];
  const worst = changes.toSorted((a, b) => Number(a.allowed) - Number(b.allowed));
  const rest = worst.slice(MOST_CHANGES);
  const more = finding('MORE_CHANGES', `${rest.length}`);
  return [...worst.slice(0, MOST_CHANGES), { ...more, allowed: rest.every(({ allowed }) => allowed) }];
}

interface VerifiedField {
  readonly report: SignatureReport;
  readonly covers: ReadField['covers'];
  /** Why it is what it is: empty for an intact and trusted one. */
  readonly reasons: readonly Finding[];
}

function verifyField(read: ReadField, history: History, options: VerifyOptions): VerifiedField {
  const { field, parsed, covers, broken } = read;
  const { value } = field;
  const claimed = value.time === null ? null : parsePdfDate(value.time);
  const changes = changesAfter(read, history);
  const trust = trustOf(parsed, claimed, options);
  const signer = parsed?.signer ?? null;
  const intact = broken.length === 0 && changes.every(({ allowed }) => allowed);
  return {
    covers,
    report: {
      field: field.name,
      kind: value.subFilter === 'ETSI.RFC3161' ? 'timestamp' : 'seal',
      signer: signer?.subject.text ?? null,
      issuer: signer?.issuer.text ?? null,
      ...(claimed === null ? {} : { claimedAt: claimed.toISOString() }),
      integrity: intact ? 'INTACT' : 'BROKEN',
      trust: signer !== null && trust.length === 0 ? 'TRUSTED' : 'UNTRUSTED',
      coversWholeFile: covers?.end === history.size,
      changesAfter: changes,
    },
    reasons: [...broken, ...trust],
  };
}

interface ReadSignature {
  readonly parsed: ParsedSignedData;
  readonly binding: 'required' | 'optional';
  /** The gap that Contents leaves: from its `<` to after its `>`. */
  readonly gap: { readonly start: number; readonly end: number };
  readonly end: number;
  /** Place of the signed revision among the revisions. */
  readonly revision: number;
}

/** What a signature dictionary holds, read by the strict rules of what it may cover; or the first rule that it breaks. */
function readSignature(
  source: ByteSource,
  revisions: readonly Revision[],
  { dict, subFilter, byteRange, contents }: SignatureValue,
): ReadSignature | { readonly fault: Finding } {
  const fault = (...of: Parameters<typeof finding>): { fault: Finding } => ({ fault: finding(...of) });
  const binding = DETACHED.get(subFilter ?? '');
  if (binding === undefined) return fault('SUBFILTER_UNSUPPORTED', subFilter ?? '-');
  if (dict.duplicates.length > 0) return fault('SIGNATURE_DICTIONARY_INVALID', dict.duplicates.join(', '));
  // Written any other way than as one run of hexadecimal pairs, Contents could hide more than a signature in what no digest covers.
  const span = contents?.span;
  if (
    contents === null ||
    span === undefined ||
    !contents.hex ||
    contents.bytes.length * 2 !== span.end - span.start - 2
  ) {
    return fault('CONTENTS_INVALID');
  }
  const [start, before, from, after] = byteRange ?? [];
  const end = (from ?? 0) + (after ?? 0);
  if (byteRange?.length !== 4 || start !== 0 || before !== span.start || from !== span.end || end > source.size) {
    return fault('BYTE_RANGE_INVALID', (byteRange ?? []).join(' '));
  }
  const revision = revisions.findIndex((each) => end >= each.end && end <= each.endOfLine);
  if (revision < 0) return fault('BYTE_RANGE_INVALID', `${end}`);
  try {
    return { parsed: parseSignedData(contents.bytes), binding, gap: span, end, revision };
  } catch (error) {
    if (!isAppError(error)) throw error;
    const { code, title, titleZh, detail } = problemOf(error);
    return { fault: { code, message: `${title}: ${detail}`, messageZh: `${titleZh}。` } };
  }
}

/** One read of the revision for both digests: what is signed, and all of it. Up to the gap they are one. */
function hashCovered(source: ByteSource, { parsed, gap, end }: ReadSignature): { digest: Uint8Array; sha256: string } {
  const whole = createHash('sha256');
  const other = parsed.hash === null || parsed.hash === 'sha256' ? null : createHash(parsed.hash);
  update([whole, other], source, 0, gap.start);
  const signed = other ?? whole.copy();
  update([whole], source, gap.start, gap.end);
  update([whole, signed], source, gap.end, end);
  return { digest: signed.digest(), sha256: whole.digest('hex') };
}

function update(hashes: readonly (Hash | null)[], source: ByteSource, start: number, end: number): void {
  const buffer = new Uint8Array(Math.min(CHUNK, end - start));
  for (let at = start; at < end; at += CHUNK) {
    const chunk = buffer.subarray(0, Math.min(CHUNK, end - at));
    source.readInto(at, chunk);
    for (const hash of hashes) hash?.update(chunk);
  }
}

/** Why the signer is not trusted; nothing where nobody can be told to be the signer, which is said elsewhere. */
function trustOf(parsed: ParsedSignedData | null, claimed: Date | null, { roots, now }: VerifyOptions): Finding[] {
  const signer = parsed?.signer ?? null;
  if (parsed === null || signer === null) return [];
  const { reasons } = buildChain(signer, parsed.certificates, roots, claimed ?? now);
  const found: Finding[] = reasons.map(findingOf);
  if (claimed === null) return [...found, finding('CLAIMED_TIME_INVALID')];
  const ahead = claimed.getTime() - now.getTime() > CLOCK_TOLERANCE_MS;
  return ahead ? [...found, finding('CLAIMED_TIME_AHEAD', claimed.toISOString())] : found;
}

function revisionReports(
  source: ByteSource,
  revisions: readonly Revision[],
  signatures: readonly VerifiedField[],
): RevisionReport[] {
  return revisions.map((revision, i) => {
    const signed = signatures.find(({ covers }) => covers?.revision === i);
    const covers = signed?.covers ?? null;
    const last = i === revisions.length - 1;
    return {
      number: i + 1,
      bytes: covers?.end ?? (last ? source.size : revision.endOfLine),
      ...(signed === undefined || covers === null ? {} : { sha256: covers.sha256, signedBy: signed.report.field }),
    };
  });
}
