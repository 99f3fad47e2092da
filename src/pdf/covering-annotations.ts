/** Annotations that are drawn over a page's content (ISO 32000-2, 12.5.3), and so over a mark that is part of it. */
import { isAppError } from '../errors.ts';
import type { Box } from './geometry.ts';
import { isKind } from './object.ts';
import type { PdfDict, PdfObject } from './object.ts';
import type { PageNode } from './page-tree.ts';
import type { PdfFile } from './revision.ts';
import { numbersOf } from './signature-fields.ts';

/** What leaves what is below to be seen: links have at most a border, markup of text is laid on it as a marker pen is. */
const SEE_THROUGH = new Set(['Link', 'Popup', 'Highlight', 'Underline', 'Squiggly', 'StrikeOut']);
/** Hidden and NoView (Table 167). */
const UNSEEN = 2 | 32;
/** More are not looked through: whoever puts so many on a page has covered it. */
const MAX_ANNOTATIONS = 2000;

/** Rectangles in user space of what may hide something. */
export function coveringRects(pdf: PdfFile, page: PageNode): Box[] {
  const list = pdf.get(page.dict, 'Annots');
  if (!isKind(list, 'array')) return [];
  return list.items.slice(0, MAX_ANNOTATIONS).flatMap((item) => {
    try {
      return drawnRect(pdf, pdf.resolve(item)) ?? [];
    } catch (error) {
      if (!isAppError(error)) throw error;
      return []; // what cannot be read is not drawn by anyone
    }
  });
}

function drawnRect(pdf: PdfFile, annotation: PdfObject): Box[] | null {
  if (!isKind(annotation, 'dict') || !isDrawn(pdf, annotation)) return null;
  const rect = numbersOf(pdf, pdf.get(annotation, 'Rect'));
  if (rect?.length !== 4) return null;
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = rect;
  return [[Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)]];
}

/** Whether two rectangles share more than an edge: at least a tenth of the smaller one in each direction. */
export function overlap(a: Box, b: Box): boolean {
  return [0, 1].every((axis) => {
    const [a0 = 0, a1 = 0] = [a[axis], a[axis + 2]];
    const [b0 = 0, b1 = 0] = [b[axis], b[axis + 2]];
    return Math.min(a1, b1) - Math.max(a0, b0) > Math.min(a1 - a0, b1 - b0) / 10;
  });
}

function isDrawn(pdf: PdfFile, annotation: PdfDict): boolean {
  const subtype = pdf.get(annotation, 'Subtype');
  if (!isKind(subtype, 'name') || SEE_THROUGH.has(subtype.value)) return false;
  const flags = pdf.get(annotation, 'F');
  if (typeof flags === 'number' && (flags & UNSEEN) !== 0) return false;
  const appearance = pdf.get(annotation, 'AP');
  if (isKind(appearance, 'dict')) return showsSomething(pdf, pdf.get(appearance, 'N'));
  // Readers make up the look of those that bring none, but an empty field's only where the form tells them to.
  const form = pdf.form();
  return subtype.value !== 'Widget' || (form !== null && pdf.get(form, 'NeedAppearances') === true);
}

/** Or one of the states that it may be in. */
function showsSomething(pdf: PdfFile, normal: PdfObject): boolean {
  if (isKind(normal, 'stream')) return pdf.get(normal.dict, 'Length') !== 0;
  return isKind(normal, 'dict') && [...normal.entries.values()].some((state) => isKind(pdf.resolve(state), 'stream'));
}
