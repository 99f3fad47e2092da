/** Plans what is appended to a document to mark and to sign it. Pure: the signature itself is filled in by who holds the key. */
import { deflateSync } from 'node:zlib';
import { AppError } from '../errors.ts';
import { Forms } from './appearance.ts';
import type { Appearance } from './appearance.ts';
import type { SeenRect } from './geometry.ts';
import { IncrementDraft } from './increment-draft.ts';
import type { WrittenIncrement } from './increment-draft.ts';
import { isKind, pdfDict, pdfName, pdfText } from './object.ts';
import type { PdfDict } from './object.ts';
import { addPageMarks } from './page-marks.ts';
import type { PageMark } from './page-marks.ts';
import { formatPdfDate } from './pdf-date.ts';
import { overridesPermissions } from './permissions.ts';
import type { PdfFile } from './revision.ts';
import type { SignatureField } from './signature-fields.ts';
import { addSignatureField } from './signature-widget.ts';

export type { Appearance, Drawing, ImageSource, SampledImage } from './appearance.ts';
export type { PageMark, Strip } from './page-marks.ts';

export interface SignatureRequest {
  /** Name of an existing empty signature field, or `auto` for a new field. */
  readonly fieldName: string;
  /** Where a new field is seen; null: nowhere, or, for an existing field, where it is. */
  readonly place: SeenRect | null;
  readonly appearance: Appearance | null;
  readonly signerName: string;
  readonly reason?: string;
  readonly location?: string;
  readonly time: Date;
  /** Room for the CMS, in bytes. */
  readonly contentsBytes: number;
}

/** What to add: structured-clone-able data. */
export interface IncrementRequest {
  readonly marks: readonly PageMark[];
  readonly signature: SignatureRequest;
}

export interface PlannedIncrement extends WrittenIncrement {
  /** The field that was made or filled. */
  readonly fieldName: string;
  /** How many signatures the document had before. */
  readonly signedBefore: number;
  /** Whether the document's owner told readers not to let this be done (permissions.ts). */
  readonly overridesPermissions: boolean;
}

/** A CMS with chain, timestamp and margin takes some 70 KB. */
const MAX_CONTENTS_BYTES = 4 * 1024 * 1024;

/**
 * The increment for a request: marks in the pages' content, then a signature field with its dictionary. `random16` becomes the file's
 * new identifier. Throws PAGE_OUT_OF_RANGE, POSITION_OFF_PAGE, FIELD_NOT_FOUND, PDF_SIGNED_LOCKED, and what reading the document throws.
 */
export function planIncrement(pdf: PdfFile, request: IncrementRequest, random16: Uint8Array): PlannedIncrement {
  const { marks, signature } = visible(pdf, request);
  checkContentsBytes(signature.contentsBytes);
  const fields = pdf.signatureFields();
  checkUnlocked(pdf, fields, { marks, signature });

  const draft = new IncrementDraft(pdf);
  const forms = new Forms(draft);
  addMarks(draft, forms, marks);
  const ref = draft.reserve();
  const fieldName = addSignatureField(draft, forms, fields, ref, signature);
  const written = draft.finish(ref, signatureDictionary(signature), signature.contentsBytes, random16);
  return {
    ...written,
    fieldName,
    signedBefore: fields.filter(({ value }) => value !== null).length,
    overridesPermissions: overridesPermissions(pdf, {
      drawsOnPages: marks.length > 0,
      addsField: signature.fieldName === 'auto',
    }),
  };
}

export function checkContentsBytes(bytes: number): void {
  if (!(bytes > 0 && bytes <= MAX_CONTENTS_BYTES)) throw new AppError('INTERNAL', `${bytes} bytes for a signature`);
}

function addMarks(draft: IncrementDraft, forms: Forms, marks: readonly PageMark[]): void {
  const left = Map.groupBy(marks, ({ place }) => place.page);
  if (left.size === 0) return;
  let last = 0;
  for (const page of draft.pdf.walkPages()) {
    last = page.number;
    const ofPage = left.get(page.number);
    if (ofPage === undefined) continue;
    addPageMarks(draft, forms, page, ofPage);
    left.delete(page.number);
    if (left.size === 0) return;
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
  const { place, appearance } = signature;
  if (appearance === null || pdf.get(form, 'NeedAppearances') !== true) return request;
  if (place === null) {
    if (signature.fieldName === 'auto') return request;
    throw new AppError('PDF_SHAPE_UNSUPPORTED', 'a form with /NeedAppearances: its signature field would stay empty');
  }
  const empty = { contentFlate: deflateSync(''), images: {} };
  const nothing: Appearance = { ...appearance, ink: empty, opaque: empty };
  return {
    marks: [...marks, { place, appearance }],
    signature: { ...signature, appearance: nothing },
  };
}

/**
 * Marks come before the first signature, and a certification says by itself what may follow (ISO 32000-2, 12.8.2.2), as any other
 * signature can by its field's lock (12.7.5.5, Table 236); obeying one in part is not known here yet.
 */
function checkUnlocked(pdf: PdfFile, fields: readonly SignatureField[], { marks, signature }: IncrementRequest): void {
  const permissions = pdf.get(pdf.catalog, 'Perms');
  const certified = fields.find(({ value }) => value?.docMdp !== null && value?.docMdp !== undefined)?.value?.docMdp;
  if (certified !== undefined || (isKind(permissions, 'dict') && permissions.entries.has('DocMDP'))) {
    throw new AppError('PDF_SIGNED_LOCKED', `a certification signature, permission ${certified ?? 'unknown'}`);
  }
  const limited = fields.some(({ value, dict }) => {
    const lock = value === null ? null : pdf.get(dict, 'Lock');
    return isKind(lock, 'dict') && pdf.get(lock, 'P') !== null;
  });
  if (limited) throw new AppError('PDF_SIGNED_LOCKED', 'an earlier signature says what may change after it');
  if (marks.length > 0 && fields.some(({ value }) => value !== null)) {
    throw new AppError('PDF_SIGNED_LOCKED', 'the document is signed: its pages take no more marks');
  }
  if (signature.fieldName !== 'auto' && fields.some(({ value }) => value?.fieldMdp === true)) {
    throw new AppError('PDF_SIGNED_LOCKED', 'an earlier signature locks fields');
  }
}

/** 12.8.1, Table 255; ETSI EN 319 142-1, 5.3: PAdES takes the time from /M. */
function signatureDictionary({ signerName, reason, location, time }: SignatureRequest): PdfDict {
  return pdfDict({
    Type: pdfName('Sig'),
    Filter: pdfName('Adobe.PPKLite'),
    SubFilter: pdfName('ETSI.CAdES.detached'),
    Name: pdfText(signerName),
    ...(reason === undefined ? {} : { Reason: pdfText(reason) }),
    ...(location === undefined ? {} : { Location: pdfText(location) }),
    M: pdfText(formatPdfDate(time, -time.getTimezoneOffset())),
  });
}
