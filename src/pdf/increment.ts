/** Plans what is appended to a document to mark and to sign it. Pure: the signature itself is filled in by who holds the key. */
import { deflateSync } from 'node:zlib';
import { AppError } from '../errors.ts';
import { Forms } from './appearance.ts';
import type { Appearance } from './appearance.ts';
import type { SeenRect } from './geometry.ts';
import { IncrementDraft, editable } from './increment-draft.ts';
import type { WrittenIncrement } from './increment-draft.ts';
import { isKind, pdfDict, pdfName, pdfText } from './object.ts';
import type { PdfDict, PdfObject, PdfRef } from './object.ts';
import { addPageMarks } from './page-marks.ts';
import type { PageMark } from './page-marks.ts';
import { formatPdfDate } from './pdf-date.ts';
import { overridesPermissions } from './owner-permissions.ts';
import type { PdfFile } from './revision.ts';
import { requireSeedValue } from './seed-value.ts';
import type { SeedOffer } from './seed-value.ts';
import { referenceArray } from './signature-lock.ts';
import type { Transforms } from './signature-lock.ts';
import {
  addReservedFields,
  addSignatureField,
  fillSignatureField,
  findEmptyField,
  listFields,
  newFieldName,
} from './signature-widget.ts';
import { earlierTerms, ownTerms, requireOpen, requireSignable } from './signing-terms.ts';
import type { EarlierTerms, LockRequest } from './signing-terms.ts';

export type { Appearance, Drawing, ImageSource, SampledImage } from './appearance.ts';
export type { PageMark, Strip } from './page-marks.ts';
export type { LockRequest, ReservedField } from './signing-terms.ts';

export interface SignatureRequest {
  /** Name of an existing empty signature field; null: a new field. */
  readonly fieldName: string | null;
  /** Where a new field is seen; null: nowhere, or, for an existing field, where it is. */
  readonly place: SeenRect | null;
  readonly appearance: Appearance | null;
  readonly signerName: string;
  readonly reason?: string;
  readonly location?: string;
  readonly time: Date;
  /** Room for the CMS, in bytes. */
  readonly contentsBytes: number;
  /** What may follow; absent: the signature says nothing about it, unless its field asks it to. */
  readonly lock?: LockRequest;
  /** What the field's seed values may ask about: DER, the signer's certificate first. */
  readonly certificates?: readonly Uint8Array[];
}

/** What to add: structured-clone-able data. */
export interface IncrementRequest {
  readonly marks: readonly PageMark[];
  readonly signature: SignatureRequest;
}

export interface PlannedIncrement extends WrittenIncrement {
  /** The field that was made or filled. */
  readonly fieldName: string;
  /** Whether fields were added, rather than one filled. */
  readonly addsFields: boolean;
  /** How many signatures the document had before. */
  readonly signedBefore: number;
  /** Whether the document's owner told readers not to let this be done (owner-permissions.ts). */
  readonly overridesPermissions: boolean;
  /** What the signature says of what may follow. */
  readonly transforms: Transforms;
  /** Whether Adobe's software had granted rights on the document, which end with a change that they do not name. */
  readonly endsUsageRights: boolean;
  /** Numbers of the marks, from 0 in the request's order, that an annotation or form field of the page may hide. */
  readonly coveredMarks: readonly number[];
}

/** A CMS with chain, timestamp and margin takes some 70 KB. */
const MAX_CONTENTS_BYTES = 4 * 1024 * 1024;

/**
 * The increment for a request: marks in the pages' content, then fields for signatures that are expected, then a signature field with its
 * dictionary. `random16` becomes the file's new identifier. Throws PAGE_OUT_OF_RANGE, POSITION_OFF_PAGE, FIELD_NOT_FOUND,
 * FIELD_NAME_TAKEN, PDF_SIGNED_LOCKED, COUNTERSEAL_CONTENT_FORBIDDEN, and what reading the document throws.
 */
export function planIncrement(pdf: PdfFile, request: IncrementRequest, random16: Uint8Array): PlannedIncrement {
  const { contentsBytes, fieldName, lock } = request.signature;
  checkContentsBytes(contentsBytes);
  const fields = pdf.signatureFields();
  const earlier = earlierTerms(pdf, fields);
  requireOpen(earlier);
  const { marks, signature } = visible(pdf, request);
  if (marks.length > 0) requireMarkable(earlier);
  const field = fieldName === null ? null : findEmptyField(fields, fieldName);
  requireSignable(earlier, field);
  const own = ownTerms(pdf, fields, earlier, field, lock);
  const seed = field?.seed ?? null;
  const reason = seed === null ? signature.reason : requireSeedValue(seed, offerOf(signature));

  const draft = new IncrementDraft(pdf);
  const forms = new Forms(draft);
  const coveredMarks = addMarks(draft, forms, marks);
  const ref = draft.reserve();
  const reserved = addReservedFields(draft, own.reserved);
  const { place, appearance } = signature;
  const widget = { signature: ref, place, appearance, lock: own.fieldLock };
  const signedBefore = earlier.signatures > 0;
  const name = field?.name ?? newFieldName(pdf, 'Signature', earlier.locks, own.reserved);
  if (field !== null) fillSignatureField(draft, forms, field, widget, signedBefore);
  const added = field === null ? [addSignatureField(draft, forms, name, widget)] : [];
  listFields(draft, [...reserved, ...added], signedBefore);
  if (own.docMdp !== null) certify(draft, ref);
  const addsFields = added.length + reserved.length > 0;
  const dictionary = signatureDictionary(signature, reason, referenceArray(own, pdf.catalogRef));
  const written = draft.finish(ref, dictionary, contentsBytes, random16);
  return {
    ...written,
    fieldName: name,
    addsFields,
    signedBefore: earlier.signatures,
    transforms: { docMdp: own.docMdp, fieldMdp: own.fieldMdp },
    overridesPermissions: overridesPermissions(pdf, { drawsOnPages: marks.length > 0, addsField: addsFields }),
    endsUsageRights: earlier.usageRights !== null,
    coveredMarks,
  };
}

/** Marks come before the first signature: none lets the content of pages change after it (Table 257). */
function requireMarkable({ signatures, usageRights }: EarlierTerms): void {
  if (signatures > 0) {
    throw new AppError('COUNTERSEAL_CONTENT_FORBIDDEN', 'the document is signed: its pages take no more marks');
  }
  if (usageRights?.binding === true) throw new AppError('PDF_SIGNED_LOCKED', 'usage rights without that to draw');
}

export function checkContentsBytes(bytes: number): void {
  if (!(bytes > 0 && bytes <= MAX_CONTENTS_BYTES)) throw new AppError('INTERNAL', `${bytes} bytes for a signature`);
}

/** Gives the numbers of those that an annotation may hide. */
function addMarks(draft: IncrementDraft, forms: Forms, marks: readonly PageMark[]): number[] {
  const left = Map.groupBy(marks, ({ place }) => place.page);
  if (left.size === 0) return [];
  const covered: number[] = [];
  let last = 0;
  for (const page of draft.pdf.walkPages()) {
    last = page.number;
    const ofPage = left.get(page.number);
    if (ofPage === undefined) continue;
    for (const mark of addPageMarks(draft, forms, page, ofPage)) covered.push(marks.indexOf(mark));
    left.delete(page.number);
    if (left.size === 0) return covered;
  }
  throw new AppError('PAGE_OUT_OF_RANGE', `page ${[...left.keys()].join(', ')} of a document of ${last}`);
}

/**
 * The request, so that its seal is seen. Where a form says NeedAppearances (12.7.3), readers draw its fields themselves, and poppler
 * then shows nothing for a signature: there the seal becomes a mark of the page, under a field that looks like nothing. An XFA
 * form is drawn instead of the pages (ISO 32000-1, 12.7.8), and no seal on them would be seen at all.
 */
function visible(pdf: PdfFile, request: IncrementRequest): IncrementRequest {
  const form = pdf.form();
  if (form === null) return request;
  if (pdf.get(form, 'XFA') !== null) throw new AppError('PDF_SHAPE_UNSUPPORTED', 'an XFA form');
  const { marks, signature } = request;
  const { place, appearance, lock } = signature;
  if (pdf.get(form, 'NeedAppearances') !== true) return request;
  if (lock !== undefined && lock.expect.length > 0) {
    throw new AppError(
      'PDF_SHAPE_UNSUPPORTED',
      'a form with /NeedAppearances: a seal that is expected would not be seen',
    );
  }
  if (appearance === null) return request;
  if (place === null) {
    if (signature.fieldName === null) return request;
    throw new AppError('PDF_SHAPE_UNSUPPORTED', 'a form with /NeedAppearances: its signature field would stay empty');
  }
  const empty = { contentFlate: deflateSync(''), images: {} };
  const nothing: Appearance = { ...appearance, ink: empty, opaque: empty };
  return {
    marks: [...marks, { place, appearance }],
    signature: { ...signature, appearance: nothing },
  };
}

const FILTER = 'Adobe.PPKLite';
const SUB_FILTER = 'ETSI.CAdES.detached';

function offerOf({ reason, certificates = [] }: SignatureRequest): SeedOffer {
  return { filter: FILTER, subFilter: SUB_FILTER, digestMethod: 'SHA256', reason, certificates };
}

/** Names the signature in the catalog as the one that certifies the document (12.8.6, Table 263). */
function certify(draft: IncrementDraft, signature: PdfRef): void {
  const { pdf } = draft;
  const written = pdf.catalog.entries.get('Perms');
  if (isKind(written, 'ref') && pdf.resolve(written) !== null) {
    draft.edit(written).set('DocMDP', signature);
    return;
  }
  const permissions = editable(pdf.resolve(written) ?? pdfDict({}), '/Perms');
  permissions.set('DocMDP', signature);
  draft.edit(pdf.catalogRef).set('Perms', pdfDict(permissions));
}

/** 12.8.1, Table 255; ETSI EN 319 142-1, 5.3: PAdES takes the time from /M. */
function signatureDictionary(
  { signerName, location, time }: SignatureRequest,
  reason: string | undefined,
  references: PdfObject,
): PdfDict {
  return pdfDict({
    Type: pdfName('Sig'),
    Filter: pdfName(FILTER),
    SubFilter: pdfName(SUB_FILTER),
    Name: pdfText(signerName),
    ...(reason === undefined ? {} : { Reason: pdfText(reason) }),
    ...(location === undefined ? {} : { Location: pdfText(location) }),
    ...(references === null ? {} : { Reference: references }),
    M: pdfText(formatPdfDate(time, -time.getTimezoneOffset())),
  });
}
