/**
 * Whether a PDF is what was sealed: for each signature what it covers, whether that is unchanged, whether what came after was allowed,
 * whose it is and whether that is trusted. Strict: what cannot be understood is not believed.
 */
import type { Certificate } from '../cms/certificate.ts';
import type { ParsedSignedData } from '../cms/signed-data.ts';
import { AppError, isAppError } from '../errors.ts';
import { prefixSource } from '../pdf/byte-source.ts';
import type { ByteSource } from '../pdf/byte-source.ts';
import type { Change } from '../pdf/change.ts';
import { laterChanges } from '../pdf/compare.ts';
import { parsePdfDate } from '../pdf/pdf-date.ts';
import { openPdf } from '../pdf/revision.ts';
import type { PdfFile, Revision } from '../pdf/revision.ts';
import { countStrayObjects, isReadTwoWays } from '../pdf/stray-objects.ts';
import { judge, termsOf } from './allowed-changes.ts';
import { finding, problemFinding } from './finding.ts';
import { readSignatures } from './read-signature.ts';
import type { ReadSignature, SignedField } from './read-signature.ts';
import { reportOf, unreadable } from './report.ts';
import type { ChangeReport, Finding, RevisionReport, SignatureReport, VerificationReport } from './report.ts';
import { signedEnds } from './signed-ends.ts';
import { CLOCK_TOLERANCE_MS, Timeline, earliest } from './timeline.ts';
import { TrustBase } from './trust.ts';
import type { Trust, TrustOptions } from './trust.ts';

/** Each is over all of the file, and each takes its lines of the report. */
const MAX_SIGNATURES = 200;

/** The report on a document; never throws for what is in it. */
export function verifyPdf(source: ByteSource, options: TrustOptions): VerificationReport {
  try {
    const { pdf, fields } = openSigned(source);
    if (fields.length > MAX_SIGNATURES) throw new AppError('PDF_LIMIT', `${fields.length} signatures`);
    const revisions = pdf.revisions();
    const read = asAllReadersSee(pdf, readSignatures(source, revisions, fields));
    const history = historyOf(source, revisions, read);
    const base = new TrustBase(pdf, read.flatMap(signedIn), options);
    const timeline = new Timeline(base, read);
    const signatures = read.map((signature) => verifySignature(signature, history, base, timeline));
    return reportOf(
      signatures.map(({ report }) => report),
      revisionReports(source, revisions, signatures),
      [
        ...signatures.flatMap(({ reasons }) => reasons),
        ...removedSignatures(source, revisions, fields),
        ...strayContent(pdf, fields),
      ],
    );
  } catch (error) {
    if (!isAppError(error)) throw error;
    return unreadable(problemFinding(error));
  }
}

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

/**
 * Where the cross-reference is one that some readers take for broken, they put the document together from the objects as they stand: what
 * nobody can be sure to see no signature vouches for.
 */
function asAllReadersSee(pdf: PdfFile, read: readonly ReadSignature[]): readonly ReadSignature[] {
  const { fault } = pdf;
  if (fault === null || read.length === 0 || !isReadTwoWays(pdf)) return read;
  return read.map((each) => ({ ...each, broken: [...each.broken, finding('READERS_DISAGREE', fault)] }));
}

/** Objects that stand in the file unseen were covered like all else when it was signed: no change, and yet to be told. */
function strayContent(pdf: PdfFile, fields: readonly SignedField[]): Finding[] {
  const count = fields.length === 0 ? 0 : countStrayObjects(pdf);
  return count === 0 ? [] : [finding('UNREFERENCED_CONTENT', `${count}`)];
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

// --- what came after --------------------------------------------------------------------------------------------------------

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

function historyOf(source: ByteSource, revisions: readonly Revision[], read: readonly ReadSignature[]): History {
  const first = Math.min(...read.map(({ covers }) => covers?.revision ?? revisions.length));
  const trailing = source.size - (revisions.at(-1)?.endOfLine ?? 0);
  return { size: source.size, first, changes: laterChanges(source, revisions.slice(first)), trailing };
}

/** Lines of a report about what came after one signature. */
const MOST_CHANGES = 100;

function changesAfter({ covers, field }: ReadSignature, history: History): ChangeReport[] {
  if (covers === null) return [];
  const terms = termsOf(field);
  const found = new Map<string, ChangeReport>();
  for (const change of history.changes.slice(covers.revision - history.first).flat()) {
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

// --- whose it is ------------------------------------------------------------------------------------------------------------

interface VerifiedSignature {
  readonly report: SignatureReport;
  readonly covers: ReadSignature['covers'];
  /** Why it is what it is: empty for an intact and trusted one. */
  readonly reasons: readonly Finding[];
}

/** Who signed and when, and whether that is believed. */
interface Signer {
  readonly certificate: Certificate | null;
  readonly claimed: Date | null;
  readonly proven: Date | null;
  /** Null where nobody can be told to be the signer, which is said elsewhere. */
  readonly trust: Trust | null;
  /** What is to be said beside what makes it untrusted. */
  readonly notes: readonly Finding[];
}

type Read<K extends ReadSignature['kind']> = Extract<ReadSignature, { readonly kind: K }>;

function signedIn(read: ReadSignature): readonly ParsedSignedData[] {
  const signed = read.kind === 'seal' ? read.signed : (read.token?.signedData ?? null);
  return [signed ?? [], read.kind === 'seal' ? read.tokens.map(({ signedData }) => signedData) : []].flat();
}

function verifySignature(
  read: ReadSignature,
  history: History,
  base: TrustBase,
  timeline: Timeline,
): VerifiedSignature {
  const { field, kind, covers, broken } = read;
  const changes = changesAfter(read, history);
  const signer = kind === 'seal' ? sealerOf(read, base, timeline) : stamperOf(read, timeline);
  const { certificate, claimed, proven, trust, notes } = signer;
  const untrusted = trust?.reasons ?? [];
  const intact = broken.length === 0 && changes.every(({ allowed }) => allowed);
  return {
    covers,
    report: {
      field: field.name,
      kind,
      signer: certificate?.subject.text ?? null,
      ...(certificate === null ? {} : { certificateSha256: certificate.sha256 }),
      issuer: certificate?.issuer.text ?? null,
      ...(claimed === null ? {} : { claimedAt: claimed.toISOString() }),
      ...(proven === null ? {} : { provenAt: proven.toISOString() }),
      integrity: intact ? 'INTACT' : 'BROKEN',
      trust: trust !== null && untrusted.length === 0 ? 'TRUSTED' : 'UNTRUSTED',
      ...(trust === null ? {} : { revocation: trust.revocation }),
      coversWholeFile: covers?.end === history.size,
      changesAfter: changes,
    },
    reasons: [...broken, ...untrusted, ...notes],
  };
}

function sealerOf({ field, covers, signed, tokens }: Read<'seal'>, base: TrustBase, timeline: Timeline): Signer {
  const claimed = field.value.time === null ? null : parsePdfDate(field.value.time);
  const certificate = signed?.signer ?? null;
  if (signed === null || certificate === null || covers === null) {
    return { certificate, claimed, proven: null, trust: null, notes: [] };
  }
  const { now } = base;
  const stamps = tokens.map((token) => ({ token, reasons: timeline.judge(token, covers.revision).reasons }));
  const own = stamps.flatMap(({ token, reasons }) => (reasons.length === 0 ? token.time : []));
  const proven = earliest([...own, timeline.provenAt(covers.revision) ?? []].flat());
  const moment = { at: proven ?? claimed ?? now, knownAt: proven ?? now };
  const trust = base.judge(certificate, signed.certificates, 'document', moment);
  return {
    certificate,
    claimed,
    proven,
    trust: { ...trust, reasons: [...trust.reasons, ...claimFaults(claimed, proven, now)] },
    notes: stamps.flatMap(({ reasons: [why] }) =>
      why === undefined ? [] : finding('TIMESTAMP_IGNORED', `${why.code}: ${why.message}`),
    ),
  };
}

/** PAdES wants a claim; and nobody signs after it is proven that he did. */
function claimFaults(claimed: Date | null, proven: Date | null, now: Date): Finding[] {
  if (claimed === null) return proven === null ? [finding('CLAIMED_TIME_INVALID')] : [];
  const ahead = claimed.getTime() - (proven ?? now).getTime() > CLOCK_TOLERANCE_MS;
  return ahead ? [finding('CLAIMED_TIME_AHEAD', claimed.toISOString())] : [];
}

/** A document timestamp proves its own time where it is trusted, and else claims it. */
function stamperOf(read: Read<'timestamp'>, timeline: Timeline): Signer {
  const { token, broken } = read;
  const trust = timeline.trustOf(read);
  const time = token?.time ?? null;
  const proves = broken.length === 0 && trust?.reasons.length === 0;
  return {
    certificate: token?.signedData.signer ?? null,
    claimed: proves ? null : time,
    proven: proves ? time : null,
    trust,
    notes: [],
  };
}

function revisionReports(
  source: ByteSource,
  revisions: readonly Revision[],
  signatures: readonly VerifiedSignature[],
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
