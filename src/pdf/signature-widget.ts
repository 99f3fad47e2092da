/** The signature field of a new signature, its widget on a page, and the form that lists it (ISO 32000-2, 12.7.5.5 and 12.5.6.19). */
import { latin1Bytes } from '../bytes.ts';
import { AppError } from '../errors.ts';
import { addStream, libRef, matrixOperands, operand } from './appearance.ts';
import type { Appearance, Forms } from './appearance.ts';
import { POINTS_PER_MM, checkOnPage, toUserSpace } from './geometry.ts';
import type { Box, Matrix, PageGeometry, SeenRect } from './geometry.ts';
import type { IncrementDraft } from './increment-draft.ts';
import { editable } from './increment-draft.ts';
import { isKind, pdfArray, pdfDict, pdfName, pdfText } from './object.ts';
import type { PdfObject, PdfRef } from './object.ts';
import type { PageNode } from './page-tree.ts';
import type { SignatureField } from './signature-fields.ts';

export interface SignatureFieldRequest {
  /** Name of an existing empty signature field, or `auto` for a new field. */
  readonly fieldName: string;
  /** Where a new field is seen; null: nowhere. An existing field keeps its own rectangle, and this is null. */
  readonly place: SeenRect | null;
  readonly appearance: Appearance | null;
  /** What a new field's name begins with; a number follows. Default: Signature. */
  readonly prefix?: string;
}

/** Print and Locked (Table 167). */
const WIDGET_FLAGS = 132;
/** SignaturesExist and AppendOnly (Table 225). */
const SIGNATURE_FLAGS = 3;

/** An appearance that shows nothing. */
const NOTHING = { Type: 'XObject', Subtype: 'Form', BBox: [0, 0, 0, 0] };

/** Puts the field with value `signature` into the document and returns its name. Throws FIELD_NOT_FOUND, PAGE_OUT_OF_RANGE, POSITION_OFF_PAGE. */
export function addSignatureField(
  draft: IncrementDraft,
  forms: Forms,
  fields: readonly SignatureField[],
  signature: PdfRef,
  request: SignatureFieldRequest,
): string {
  const name =
    request.fieldName === 'auto'
      ? newField(draft, forms, signature, request)
      : fillField(draft, forms, fields, signature, request);
  if (request.fieldName !== 'auto') flagForm(draft, []);
  return name;
}

function newField(draft: IncrementDraft, forms: Forms, signature: PdfRef, request: SignatureFieldRequest): string {
  const { place, appearance, prefix = 'Signature' } = request;
  const { pdf } = draft;
  const page = pdf.page(place?.page ?? 1);
  const names = pdf.fieldNames();
  let n = 1;
  while (names.has(`${prefix}${n}`)) n++;
  const name = `${prefix}${n}`;
  const field = draft.reserve();
  const entries = new Map<string, PdfObject>([
    ['Type', pdfName('Annot')],
    ['Subtype', pdfName('Widget')],
    ['FT', pdfName('Sig')],
    ['T', pdfText(name)],
    ['V', signature],
    ['F', WIDGET_FLAGS],
    ['P', page.ref],
    ['Rect', pdfArray([0, 0, 0, 0])],
  ]);
  if (place !== null) {
    const geometry = pdf.geometry(page);
    checkOnPage(geometry, place);
    const { rect, matrix } = toUserSpace(geometry, place);
    entries.set('Rect', pdfArray(rect.map((value) => Number(value.toFixed(5)))));
    const size = { width: place.widthMm * POINTS_PER_MM, height: place.heightMm * POINTS_PER_MM };
    if (appearance !== null) entries.set('AP', pdfDict({ N: widgetForm(draft, forms, appearance, size, matrix) }));
  }
  // PDF/A wants an appearance of every field (ISO 19005-1, 6.9), also of one that is nowhere to be seen.
  if (place === null) entries.set('AP', pdfDict({ N: addStream(draft, new Uint8Array(0), NOTHING) }));
  draft.set(field, pdfDict(entries));

  const annotations = pdf.get(page.dict, 'Annots');
  if (annotations !== null && !isKind(annotations, 'array')) {
    throw new AppError('PDF_SHAPE_UNSUPPORTED', `/Annots of page ${page.number} is no array`);
  }
  // The list goes into the page itself even where it was an object of its own: another page might share that one.
  draft.edit(page.ref).set('Annots', pdfArray([...(annotations?.items ?? []), field]));
  flagForm(draft, [field]);
  return name;
}

function fillField(
  draft: IncrementDraft,
  forms: Forms,
  fields: readonly SignatureField[],
  signature: PdfRef,
  { fieldName, place, appearance }: SignatureFieldRequest,
): string {
  const { pdf } = draft;
  const field = fields.find(({ name, value }) => name === fieldName && value === null);
  if (field === undefined) throw new AppError('FIELD_NOT_FOUND');
  if (place !== null) throw new AppError('BAD_REQUEST', 'an existing field has its own place');
  const { ref, widget, rect } = field;
  if (ref === null || widget === null || widget.ref === null || rect?.length !== 4) {
    throw new AppError('PDF_SHAPE_UNSUPPORTED', 'the signature field has no single widget of its own');
  }
  for (const key of ['Lock', 'SV']) {
    if (field.dict.entries.has(key)) throw new AppError('PDF_SHAPE_UNSUPPORTED', `the signature field has a /${key}`);
  }
  draft.edit(ref).set('V', signature);
  const entries = draft.edit(widget.ref);
  // A widget apart from its field inherits the value (12.7.4.1), but poppler and MuPDF look for it in the widget alone.
  entries.set('V', signature);
  entries.set('F', WIDGET_FLAGS);
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = rect;
  const box: Box = [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
  if (appearance !== null && box[2] > box[0] && box[3] > box[1]) {
    const page = pageOf(draft, field, widget.ref);
    const { size, matrix } = upright(pdf.geometry(page), box);
    entries.set('AP', pdfDict({ N: widgetForm(draft, forms, appearance, size, matrix) }));
    entries.delete('AS');
    entries.set('P', page.ref);
  }
  return fieldName;
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
function widgetForm(
  draft: IncrementDraft,
  forms: Forms,
  appearance: Appearance,
  size: Size,
  [a, b, c, d]: Matrix,
): PdfRef {
  const { widthPt, heightPt } = appearance;
  const { blend } = forms;
  const scale = Math.min(size.width / widthPt, size.height / heightPt);
  const x = (size.width - widthPt * scale) / 2;
  const y = (size.height - heightPt * scale) / 2;
  const operators = `q ${matrixOperands([scale, 0, 0, scale, x, y])} cm${blend === null ? '' : ' /Gs gs'} /Fm Do Q`;
  return addStream(draft, latin1Bytes(operators), {
    Type: 'XObject',
    Subtype: 'Form',
    BBox: [0, 0, Number(operand(size.width)), Number(operand(size.height))],
    Matrix: [a, b, c, d, 0, 0].map((value) => Number(value.toFixed(8))),
    Resources: {
      XObject: { Fm: libRef(forms.add(appearance)) },
      ...(blend === null ? {} : { ExtGState: { Gs: { Type: 'ExtGState', BM: blend } } }),
    },
  });
}

/** Lists new fields in the form, making one where there is none, and says that it holds signatures. */
function flagForm(draft: IncrementDraft, added: readonly PdfRef[]): void {
  const { pdf } = draft;
  const written = pdf.catalog.entries.get('AcroForm');
  const form = pdf.form();
  const entries =
    isKind(written, 'ref') && form !== null ? draft.edit(written) : editable(form ?? pdfDict({}), 'the form');
  const fields = pdf.resolve(entries.get('Fields'));
  const flags = pdf.resolve(entries.get('SigFlags'));
  entries.set('Fields', pdfArray([...(isKind(fields, 'array') ? fields.items : []), ...added]));
  entries.set('SigFlags', (typeof flags === 'number' && Number.isInteger(flags) ? flags : 0) | SIGNATURE_FLAGS);
  if (form === null) {
    const ref = draft.reserve();
    draft.set(ref, pdfDict(entries));
    draft.edit(pdf.catalogRef).set('AcroForm', ref);
  } else if (!isKind(written, 'ref')) {
    draft.edit(pdf.catalogRef).set('AcroForm', pdfDict(entries));
  }
}
