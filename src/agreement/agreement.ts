/** The agreement that a clerk works on: what it is, and the rules of its world. Pure. */
import { AppError, problemOf } from '../errors.ts';
import type { ErrorCode, Problem } from '../errors.ts';
import type { Level } from '../seal/level.ts';
import type { ExpectedSeal, Levels, Notice, Placement } from '../seal/seal-job.ts';
import { requireAvailable } from './level.ts';

export interface Party {
  readonly id: string;
  readonly name: string;
  /** A child under 14. */
  readonly minor?: boolean;
}

export interface Mediator {
  readonly id: string;
  readonly name: string;
}

export type AgreementKind = 'general' | 'marriage' | 'adoption' | 'inheritance';
export type MarkKind = 'fingerprint' | 'signature' | 'stamp' | 'paper';

/** A page as seen. */
export interface PageSize {
  readonly widthMm: number;
  readonly heightMm: number;
  readonly rotation: number;
}

export interface Mark {
  readonly id: string;
  /** A party or the mediator. */
  readonly signatoryId: string;
  readonly kind: MarkKind;
  /** Where `kind` is `fingerprint`. */
  readonly captureId?: string;
  readonly placement?: Placement;
  /** RFC 3339. */
  readonly madeAt: string;
}

export interface Agreement {
  readonly id: string;
  readonly createdAt: string;
  /** Of the document as it was uploaded. */
  readonly sha256: string;
  readonly bytes: number;
  readonly pages: readonly PageSize[];
  /** How many signatures it had then: of another committee whose counterpart this one is, or of whoever made it. */
  readonly signatures: number;
  /** The empty signature fields that may still be filled, at most 100 of them. */
  readonly openFields: readonly string[];
  readonly stage: 'open' | 'sealing' | 'sealed';
  readonly number?: string;
  readonly kind?: AgreementKind;
  readonly paperOriginal: boolean;
  readonly parties: readonly Party[];
  readonly mediator: Mediator | null;
  readonly marks: readonly Mark[];
  /** Where `stage` is `sealed`. */
  readonly sealed?: SealedDocument;
}

/** The document as it is now: as it was sealed, and what was added behind that to reach a higher level. */
export interface SealedDocument {
  readonly sha256: string;
  readonly bytes: number;
  readonly level: Level;
  /** What it was sealed to be, and is not yet. */
  readonly pending?: PendingLevel;
  /** As it was given when it was sealed, and as it is given again. */
  readonly answer: SealAnswer;
}

/** A level that could not be reached when the document was sealed, and is tried again. Times are RFC 3339. */
export interface PendingLevel {
  readonly level: Level;
  readonly since: string;
  readonly attempts: number;
  readonly nextAttemptAt: string;
  /** Of the last attempt. */
  readonly problem: { readonly code: ErrorCode; readonly detail: string };
}

/**
 * What a sealing is answered with, and every repetition of the request: the document as it was sealed. What reaches a higher level later
 * only adds to it, so that its first `bytes` bytes keep this hash. Times are RFC 3339.
 */
export interface SealAnswer {
  readonly agreementId: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly sealedAt: string;
  readonly level: Level;
  readonly ledger: { readonly n: number; readonly hash: string };
  /** The last of marks and seal, which is the seal. */
  readonly effectiveAt: string;
  /** Until when the parties may together ask a court for confirmation. */
  readonly judicialConfirmationDeadline: string;
  readonly warnings: readonly Notice[];
}

export interface SealRequest {
  readonly placement?: Placement;
  readonly final?: boolean;
  readonly expect?: readonly ExpectedSeal[];
  readonly paging?: boolean;
  readonly level?: Level;
  readonly reason?: string;
}

/** What is absent stays as it is. A party or mediator whose entry changes is another person: their marks and samples go. */
export interface AgreementChange {
  readonly number?: string;
  readonly kind?: AgreementKind;
  readonly paperOriginal?: boolean;
  readonly parties?: readonly Party[];
  readonly mediator?: Mediator;
}

export type NewMark =
  | {
      readonly partyId: string;
      readonly kind: 'fingerprint';
      readonly captureId: string;
      readonly placement?: Placement;
    }
  | {
      readonly partyId: string;
      readonly kind: 'signature' | 'stamp';
      readonly png: Uint8Array;
      readonly placement?: Placement;
    }
  | { readonly partyId: string; readonly kind: 'paper' };

/** The agreement as the API shows it. */
export interface AgreementView {
  readonly id: string;
  /** Of the document as GET .../pdf gives it: uploaded, later sealed, later perhaps extended. */
  readonly sha256: string;
  readonly bytes: number;
  readonly pages: readonly PageSize[];
  /** Of the document as it was uploaded. */
  readonly signatures: number;
  readonly openFields: readonly string[];
  readonly state: 'draft' | 'marked' | 'sealed';
  /** Of the sealed document as it is now. */
  readonly level?: Level;
  readonly pendingLevel?: Omit<PendingLevel, 'problem'> & { readonly problem: Problem };
  readonly number?: string;
  readonly kind?: AgreementKind;
  readonly parties: readonly Party[];
  readonly mediator: Mediator | null;
  readonly marks: readonly {
    readonly partyId: string;
    readonly kind: MarkKind;
    readonly captureId?: string;
    readonly placement?: Placement;
  }[];
  /** Ids of who has made no mark yet; `parties` and `mediator` where none is named. */
  readonly missing: readonly string[];
}

export function viewOf(agreement: Agreement): AgreementView {
  const missing = missingOf(agreement);
  const { sha256, bytes } = agreement.sealed ?? agreement;
  return {
    id: agreement.id,
    sha256,
    bytes,
    pages: agreement.pages,
    signatures: agreement.signatures,
    openFields: agreement.openFields,
    state: agreement.stage === 'sealed' ? 'sealed' : missing.length === 0 ? 'marked' : 'draft',
    ...(agreement.sealed === undefined ? {} : levelOf(agreement.sealed)),
    ...(agreement.number === undefined ? {} : { number: agreement.number }),
    ...(agreement.kind === undefined ? {} : { kind: agreement.kind }),
    parties: agreement.parties,
    mediator: agreement.mediator,
    marks: agreement.marks.map(({ signatoryId, kind, captureId, placement }) => ({
      partyId: signatoryId,
      kind,
      ...(captureId === undefined ? {} : { captureId }),
      ...(placement === undefined ? {} : { placement }),
    })),
    missing,
  };
}

function levelOf({ level, pending }: SealedDocument): Pick<AgreementView, 'level' | 'pendingLevel'> {
  if (pending === undefined) return { level };
  // Details name files of this PC, or are an authority's own words: they are for the log.
  return { level, pendingLevel: { ...pending, problem: problemOf(new AppError(pending.problem.code)) } };
}

/** Any one mark completes a person (People's Mediation Law, art. 29): nobody is made to press a finger. */
function missingOf({ parties, mediator, marks }: Agreement): string[] {
  const done = new Set(marks.map(({ signatoryId }) => signatoryId));
  const ids = [
    ...(parties.length === 0 ? ['parties'] : parties.map(({ id }) => id)),
    mediator === null ? 'mediator' : mediator.id,
  ];
  return ids.filter((id) => !done.has(id));
}

/** Throws AGREEMENT_SEALED or AGREEMENT_BUSY where nothing may be changed any more, or right now. */
export function requireOpen({ stage }: Agreement): void {
  if (stage === 'sealed') throw new AppError('AGREEMENT_SEALED');
  if (stage === 'sealing') throw new AppError('AGREEMENT_BUSY');
}

/** The agreement after a change. Throws BAD_REQUEST with the member's path. */
export function changed(agreement: Agreement, change: AgreementChange): Agreement {
  const after: Agreement = { ...agreement, ...change };
  const seen = new Set<string>();
  const people = [
    ...after.parties.map((party, at) => ({ ...party, path: `parties[${at}]` })),
    ...(after.mediator === null ? [] : [{ ...after.mediator, path: 'mediator' }]),
  ];
  for (const { id, name, path } of people) {
    if (seen.has(id)) throw new AppError('BAD_REQUEST', `${path}.id: expected an id that nobody else has here`);
    if (name.trim() === '') throw new AppError('BAD_REQUEST', `${path}.name: expected a name, got blanks`);
    seen.add(id);
  }
  return after;
}

/** Ids of the people of `before` who are not, or not the same, in `after`. */
export function peopleGone(before: Agreement, after: Agreement): string[] {
  const remaining = new Set(entries(after).map(({ entry }) => entry));
  return entries(before).flatMap(({ id, entry }) => (remaining.has(entry) ? [] : [id]));
}

function entries({ parties, mediator }: Agreement): { id: string; entry: string }[] {
  return [
    ...parties.map(({ id, name, minor = false }) => ({ id, entry: JSON.stringify(['party', id, name, minor]) })),
    ...(mediator === null
      ? []
      : [{ id: mediator.id, entry: JSON.stringify(['mediator', mediator.id, mediator.name]) }]),
  ];
}

/** Throws COUNTERSEAL_CONTENT_FORBIDDEN where the document was signed when it came: its pages may not change any more. */
export function requireMarkable({ signatures }: Agreement): void {
  if (signatures === 0) return;
  throw new AppError('COUNTERSEAL_CONTENT_FORBIDDEN', `a document with ${signatures} signatures takes a seal only`);
}

/** Throws PARTY_NOT_FOUND, MARK_NOT_ALLOWED, COUNTERSEAL_CONTENT_FORBIDDEN, PAGE_OUT_OF_RANGE, POSITION_OFF_PAGE. */
export function requireMarkAllowed(agreement: Agreement, mark: NewMark): void {
  requireOpen(agreement);
  const isMediator = agreement.mediator?.id === mark.partyId;
  if (!isMediator && !agreement.parties.some(({ id }) => id === mark.partyId)) throw new AppError('PARTY_NOT_FOUND');
  if (isMediator && mark.kind !== 'signature' && mark.kind !== 'paper') {
    throw new AppError('MARK_NOT_ALLOWED', `expected signature or paper for the mediator, got ${mark.kind}`);
  }
  if (mark.kind === 'paper') return;
  requireMarkable(agreement);
  requireOnPage(agreement, 'placement', mark.placement);
}

/**
 * Throws what keeps the seal off: AGREEMENT_INCOMPLETE with `missing`, PAPER_ORIGINAL_REQUIRED, SEAL_LEVEL_UNSUPPORTED,
 * COUNTERSEAL_CONTENT_FORBIDDEN, what the request says against itself.
 */
export function requireSealable(agreement: Agreement, request: SealRequest, levels: Levels): void {
  requireOpen(agreement);
  const missing = missingOf(agreement);
  if (missing.length > 0)
    throw new AppError('AGREEMENT_INCOMPLETE', `missing: ${missing.join(', ')}`, { extras: { missing } });
  // Electronic Signature Law, art. 3.
  if (agreement.kind !== undefined && agreement.kind !== 'general' && !agreement.paperOriginal) {
    throw new AppError('PAPER_ORIGINAL_REQUIRED', `kind: ${agreement.kind}`);
  }
  if (request.level !== undefined) requireAvailable(request.level, levels);
  if (request.paging === true) requireMarkable(agreement);
  requireOnPage(agreement, 'placement', request.placement);
  const { final = false, expect = [] } = request;
  if (final && expect.length > 0) throw new AppError('BAD_REQUEST', 'expect: expected no seal after a final one');
  for (const [at, { placement }] of expect.entries()) requireOnPage(agreement, `expect[${at}].placement`, placement);
}

/** What of a placement can be told without reading the document. Throws PAGE_OUT_OF_RANGE, POSITION_OFF_PAGE. */
function requireOnPage({ pages }: Agreement, path: string, placement: Placement | undefined): void {
  if (placement === undefined || !('page' in placement)) return;
  const page = pages[placement.page - 1];
  if (page === undefined) {
    throw new AppError('PAGE_OUT_OF_RANGE', `${path}.page: expected 1 to ${pages.length}, got ${placement.page}`);
  }
  for (const [member, at, size] of [
    ['xMm', placement.xMm, page.widthMm],
    ['yMm', placement.yMm, page.heightMm],
  ] as const) {
    if (at >= 0 && at <= size) continue;
    throw new AppError('POSITION_OFF_PAGE', `${path}.${member}: expected 0 to ${size.toFixed(1)}, got ${at}`);
  }
}

const CONFIRMATION_DAYS = 30;

/** Joint confirmation by a court may be asked for within 30 days of the agreement taking effect (People's Mediation Law, art. 33). */
export function confirmationDeadline(effectiveAt: Date): Date {
  return new Date(effectiveAt.getTime() + CONFIRMATION_DAYS * 86_400_000);
}
