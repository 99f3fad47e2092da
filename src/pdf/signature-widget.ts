/** The signature field of a new signature, its widget on a page, and the form that lists it (ISO 32000-2, 12.7.5.5 and 12.5.6.19). */
import { latin1Bytes } from '../bytes.ts';
import { AppError } from '../errors.ts';
import { addStream, libRef, matrixOperands, operand } from './appearance.ts';
import type { Appearance, DictLiteral, Forms } from './appearance.ts';
import { POINTS_PER_MM, checkOnPage, toUserSpace } from './geometry.ts';
import type { Box, Matrix, PageGeometry, SeenRect } from './geometry.ts';
import type { IncrementDraft } from './increment-draft.ts';
import { editable } from './increment-draft.ts';
import { isKind, pdfArray, pdfDict, pdfName, pdfText } from './object.ts';
import type { PdfObject, PdfRef } from './object.ts';
import type { PageNode } from './page-tree.ts';
import type { PdfFile } from './revision.ts';
import type { SignatureField } from './signature-fields.ts';
import { isLocked, lockDictionary } from './signature-lock.ts';
import type { FieldLock } from './signature-lock.ts';
import type { ReservedField } from './signing-terms.ts';

export interface SignatureWidget {
  /** What the field is to hold. */
  readonly signature: PdfRef;
  /** Where a new field is seen; null: nowhere. An existing field keeps its own rectangle, and this is null. */
  readonly place: SeenRect | null;
  readonly appearance: Appearance | null;
  /** What the field says that its signature locks; null: nothing, or what it says already. */
  readonly lock: FieldLock | null;
}

/** Print and Locked (Table 167). */
const WIDGET_FLAGS = 132;
/** SignaturesExist and AppendOnly (Table 225). */
const SIGNATURE_FLAGS = 3;

/** An appearance that shows nothing: PDF/A wants one of every field (ISO 19005-1, 6.9), also of one that is nowhere to be seen. */
const NOTHING = { Type: 'XObject', Subtype: 'Form', BBox: [0, 0, 0, 0] };

/** The empty signature field of that name. Throws FIELD_NOT_FOUND. */
export function findEmptyField(fields: readonly SignatureField[], fieldName: string): SignatureField {
  const field = fields.find(({ name, value }) => name === fieldName && value === null);
  if (field === undefined) throw new AppError('FIELD_NOT_FOUND');
  return field;
}

/**
 * Empty fields where signatures are expected, to be listed in the form; they look like nothing. Throws PAGE_OUT_OF_RANGE,
 * POSITION_OFF_PAGE.
 */
export function addReservedFields(
  draft: IncrementDraft,
  reserved: readonly (ReservedField & { readonly lock: FieldLock })[],
): PdfRef[] {
  return reserved.map(({ name, place, lock }) => {
    const { ref, entries, size, matrix } = newField(draft, name, place);
    entries.set('Lock', addLock(draft, lock));
    entries.set('AP', pdfDict({ N: turnedForm(draft, '', {}, size, matrix) }));
    draft.set(ref, pdfDict(entries));
    return ref;
  });
}

/** A new field that holds a signature, to be listed in the form. Throws PAGE_OUT_OF_RANGE, POSITION_OFF_PAGE. */
export function addSignatureField(
  draft: IncrementDraft,
  forms: Forms,
  name: string,
  { signature, place, appearance, lock }: SignatureWidget,
): PdfRef {
  const { ref, entries, size, matrix } = newField(draft, name, place);
  entries.set('V', signature);
  if (lock !== null) entries.set('Lock', addLock(draft, lock));
  if (place === null) entries.set('AP', pdfDict({ N: addStream(draft, new Uint8Array(0), NOTHING) }));
  else if (appearance !== null) entries.set('AP', pdfDict({ N: widgetForm(draft, forms, appearance, size, matrix) }));
  draft.set(ref, pdfDict(entries));
  return ref;
}

/** A field's dictionary, its widget's as well, that a page lists already. */
function newField(
  draft: IncrementDraft,
  name: string,
  place: SeenRect | null,
): { ref: PdfRef; entries: Map<string, PdfObject>; size: Size; matrix: Matrix } {
  const { pdf } = draft;
  const page = pdf.page(place?.page ?? 1);
  const ref = draft.reserve();
  const geometry = pdf.geometry(page);
  if (place !== null) checkOnPage(geometry, place);
  const { widthMm, heightMm } = place ?? { widthMm: 0, heightMm: 0 };
  const { rect, matrix } = toUserSpace(geometry, place ?? { page: 1, xMm: 0, yMm: 0, widthMm, heightMm });
  const entries = new Map<string, PdfObject>([
    ['Type', pdfName('Annot')],
    ['Subtype', pdfName('Widget')],
    ['FT', pdfName('Sig')],
    ['T', pdfText(name)],
    ['F', WIDGET_FLAGS],
    ['P', page.ref],
    ['Rect', pdfArray(place === null ? [0, 0, 0, 0] : rect.map((value) => Number(value.toFixed(5))))],
  ]);
  addAnnotation(draft, page, ref);
  return { ref, entries, size: { width: widthMm * POINTS_PER_MM, height: heightMm * POINTS_PER_MM }, matrix };
}

function addAnnotation(draft: IncrementDraft, page: PageNode, annotation: PdfRef): void {
  const entries = draft.edit(page.ref);
  const annotations = draft.pdf.resolve(entries.get('Annots'));
  if (annotations !== null && !isKind(annotations, 'array')) {
    throw new AppError('PDF_SHAPE_UNSUPPORTED', `/Annots of page ${page.number} is no array`);
  }
  // The list goes into the page itself even where it was an object of its own: another page might share that one.
  entries.set('Annots', pdfArray([...(annotations?.items ?? []), annotation]));
}

/** Table 235: a lock is an object of its own. */
function addLock(draft: IncrementDraft, lock: FieldLock): PdfRef {
  const ref = draft.reserve();
  draft.set(ref, lockDictionary(lock));
  return ref;
}

/**
 * Puts a signature into an empty field that has one widget. Under earlier signatures only value and appearance change: what else a
 * signer may write into the field is a change that strict readers do not take for signing.
 * Throws PDF_SHAPE_UNSUPPORTED.
 */
export function fillSignatureField(
  draft: IncrementDraft,
  forms: Forms,
  field: SignatureField,
  { signature, place, appearance, lock }: SignatureWidget,
  signedBefore: boolean,
): void {
  if (place !== null) throw new AppError('BAD_REQUEST', 'an existing field has its own place');
  const { ref, widget, rect } = field;
  if (ref === null || widget === null || widget.ref === null || rect?.length !== 4) {
    throw new AppError('PDF_SHAPE_UNSUPPORTED', 'the signature field has no single widget of its own');
  }
  const own = draft.edit(ref);
  own.set('V', signature);
  if (lock !== null) own.set('Lock', addLock(draft, lock));
  const entries = draft.edit(widget.ref);
  // A widget apart from its field inherits the value (12.7.4.1), but poppler and MuPDF look for it in the widget alone.
  entries.set('V', signature);
  entries.set('F', WIDGET_FLAGS);
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = rect;
  const box: Box = [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
  if (appearance === null || box[2] <= box[0] || box[3] <= box[1]) return;
  const page = pageOf(draft, field, widget.ref);
  const { size, matrix } = upright(draft.pdf.geometry(page), box);
  entries.set('AP', pdfDict({ N: widgetForm(draft, forms, appearance, size, matrix) }));
  entries.delete('AS');
  if (!signedBefore) entries.set('P', page.ref);
}

/** The page that a widget is on: the one that lists it, whatever its /P says. */
function pageOf(draft: IncrementDraft, { pageRef }: SignatureField, widget: PdfRef): PageNode {
  const { pdf } = draft;
  for (const page of pdf.walkPages()) {
    if (pageRef !== null && page.ref.number !== pageRef.number) continue;
    const annotations = pdf.get(page.dict, 'Annots');
    if (!isKind(annotations, 'array')) continue;
    if (annotations.items.some((item) => isKind(item, 'ref') && item.number === widget.number)) return page;
  }
  throw new AppError('PDF_SHAPE_UNSUPPORTED', 'the signature field is on no page');
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** A box of user space as it is seen on a turned page: its size in points, and the turn that keeps an appearance upright. */
function upright(geometry: PageGeometry, box: Box): { size: Size; matrix: Matrix } {
  const { matrix } = toUserSpace(geometry, { page: 1, xMm: 0, yMm: 0, widthMm: 0, heightMm: 0 });
  const width = (box[2] - box[0]) * geometry.userUnit;
  const height = (box[3] - box[1]) * geometry.userUnit;
  return { size: geometry.rotation % 180 === 0 ? { width, height } : { width: height, height: width }, matrix };
}

/**
 * The widget's normal appearance: a form that turns with the page and shows the drawing as large as fits, centred. Readers move a
 * form's box, after its matrix, onto the widget's rectangle (12.5.5, algorithm 8), so the matrix says the turn only.
 */
function widgetForm(draft: IncrementDraft, forms: Forms, appearance: Appearance, size: Size, matrix: Matrix): PdfRef {
  const { widthPt, heightPt } = appearance;
  const { blend } = forms;
  const scale = Math.min(size.width / widthPt, size.height / heightPt);
  const x = (size.width - widthPt * scale) / 2;
  const y = (size.height - heightPt * scale) / 2;
  const operators = `q ${matrixOperands([scale, 0, 0, scale, x, y])} cm${blend === null ? '' : ' /Gs gs'} /Fm Do Q`;
  const resources = {
    XObject: { Fm: libRef(forms.add(appearance)) },
    ...(blend === null ? {} : { ExtGState: { Gs: { Type: 'ExtGState', BM: blend } } }),
  };
  return turnedForm(draft, operators, resources, size, matrix);
}

function turnedForm(
  draft: IncrementDraft,
  operators: string,
  resources: DictLiteral,
  { width, height }: Size,
  [a, b, c, d]: Matrix,
): PdfRef {
  return addStream(draft, latin1Bytes(operators), {
    Type: 'XObject',
    Subtype: 'Form',
    BBox: [0, 0, Number(operand(width)), Number(operand(height))],
    Matrix: [a, b, c, d, 0, 0].map((value) => Number(value.toFixed(8))),
    Resources: resources,
  });
}

/**
 * Lists new fields in the form, making one where there is none, and says that it holds signatures; under earlier signatures, of which
 * it says so, nothing but the list changes.
 */
export function listFields(draft: IncrementDraft, added: readonly PdfRef[], signedBefore: boolean): void {
  if (signedBefore && added.length === 0) return;
  const { pdf } = draft;
  const written = pdf.catalog.entries.get('AcroForm');
  const form = pdf.form();
  const entries =
    isKind(written, 'ref') && form !== null ? draft.edit(written) : editable(form ?? pdfDict({}), 'the form');
  const fields = pdf.resolve(entries.get('Fields'));
  const flags = pdf.resolve(entries.get('SigFlags'));
  entries.set('Fields', pdfArray([...(isKind(fields, 'array') ? fields.items : []), ...added]));
  if (!signedBefore) {
    entries.set('SigFlags', (typeof flags === 'number' && Number.isInteger(flags) ? flags : 0) | SIGNATURE_FLAGS);
  }
  if (form === null) {
    const ref = draft.reserve();
    draft.set(ref, pdfDict(entries));
    draft.edit(pdf.catalogRef).set('AcroForm', ref);
  } else if (!isKind(written, 'ref')) {
    draft.edit(pdf.catalogRef).set('AcroForm', pdfDict(entries));
  }
}

/** A name that no field has or will have, and no earlier signature locks: `prefix` and a number. */
export function newFieldName(
  pdf: PdfFile,
  prefix: string,
  locks: readonly FieldLock[] = [],
  reserved: readonly ReservedField[] = [],
): string {
  const names = new Set([...pdf.fieldNames(), ...reserved.map(({ name }) => name)]);
  for (let n = 1; ; n++) {
    const name = `${prefix}${n}`;
    if (!names.has(name) && !locks.some((lock) => isLocked(lock, name))) return name;
  }
}
