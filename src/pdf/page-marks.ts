/**
 * Marks that become part of a page's content: drawn by a content stream of their own after the page's, in the graphics state that the
 * page began with, and told apart from the page's text as artifacts (ISO 32000-2, 14.8.2.2).
 */
import { latin1Bytes } from '../bytes.ts';
import { AppError, isAppError } from '../errors.ts';
import { addStream, matrixOperands, operand } from './appearance.ts';
import type { Appearance, Forms } from './appearance.ts';
import { ContentScanner } from './content-balance.ts';
import type { ContentBalance } from './content-balance.ts';
import { coveringRects, overlap } from './covering-annotations.ts';
import { POINTS_PER_MM, checkOnPage, toUserSpace } from './geometry.ts';
import type { Matrix, SeenRect } from './geometry.ts';
import { editable } from './increment-draft.ts';
import type { IncrementDraft } from './increment-draft.ts';
import { isKind, pdfArray, pdfDict, pdfName } from './object.ts';
import type { PdfDict, PdfObject, PdfRef } from './object.ts';
import type { PageNode } from './page-tree.ts';
import type { PdfFile } from './revision.ts';

export interface PageMark {
  /** The appearance, or the part of it that is shown, is stretched to its size. */
  readonly place: SeenRect;
  readonly appearance: Appearance;
  /** An upright strip of the appearance, over its whole height: all that is shown. Points from its left. */
  readonly strip?: Strip;
}

export interface Strip {
  readonly fromPt: number;
  readonly toPt: number;
}

/** One content stream, inflated: a page of a hundred thousand map lines has a tenth of it. */
const MAX_STREAM_BYTES = 128 * 1024 * 1024;
/** States, marked content and restores too many that a page may leave; each is closed by a line of the content that is added. */
const MAX_OPEN = 10_000;

/**
 * Draws `marks`, all of them of this page, and gives those that an annotation may hide. Throws POSITION_OFF_PAGE, PDF_SHAPE_UNSUPPORTED.
 */
export function addPageMarks(
  draft: IncrementDraft,
  forms: Forms,
  page: PageNode,
  marks: readonly PageMark[],
): PageMark[] {
  const { pdf } = draft;
  const geometry = pdf.geometry(page);
  const entries = draft.edit(page.ref);
  const content = contentOf(pdf, page);
  const { unrestored, surplus, drawsAfterSurplus, inText, marked, unfinished } = balanceOf(pdf, page, content);
  if (unfinished) {
    throw new AppError('PDF_SHAPE_UNSUPPORTED', `the content of page ${page.number} ends inside a string or picture`);
  }
  if (drawsAfterSurplus) {
    throw new AppError(
      'PDF_SHAPE_UNSUPPORTED',
      `page ${page.number} draws after it restored more states than it saved`,
    );
  }
  if (Math.max(unrestored, surplus, marked) > MAX_OPEN) {
    throw new AppError('PDF_LIMIT', `page ${page.number} leaves more than ${MAX_OPEN} states open`);
  }

  const resources = editable(pdf.resolve(page.attributes.Resources) ?? pdfDict({}), 'the page’s resources');
  const names = category(pdf, resources, 'XObject');
  const states = category(pdf, resources, 'ExtGState');
  const blend = forms.blend === null ? '' : `/${addNamed(states, 'ZyBlend', blendState(forms.blend))} gs `;
  const operators = marks.map(({ place, appearance, strip }) => {
    checkOnPage(geometry, place);
    const name = addNamed(names, 'ZyMark', forms.add(appearance));
    const { fromPt, toPt } = strip ?? { fromPt: 0, toPt: appearance.widthPt };
    const size = { widthPt: toPt - fromPt, heightPt: appearance.heightPt };
    const matrix = matrixOperands(stretched(toUserSpace(geometry, place).matrix, place, size));
    const shown = strip === undefined ? '' : `${clip(size)} ${matrixOperands([1, 0, 0, 1, -fromPt, 0])} cm `;
    return `/Artifact BMC\nq ${matrix} cm ${blend}${shown}/${name} Do Q\nEMC\n`;
  });
  if (names.size > 0) resources.set('XObject', pdfDict(names));
  if (states.size > 0) resources.set('ExtGState', pdfDict(states));

  const before = 'q\n'.repeat(1 + surplus);
  const closing = `${inText ? 'ET\n' : ''}${'EMC\n'.repeat(marked)}${'Q\n'.repeat(1 + unrestored)}`;
  const after = `\n${closing}${operators.join('')}`;
  entries.set('Resources', pdfDict(resources));
  entries.set(
    'Contents',
    pdfArray([addStream(draft, latin1Bytes(before), {}), ...content, addStream(draft, latin1Bytes(after), {})]),
  );
  const above = coveringRects(pdf, page);
  return marks.filter(({ place }) => above.some((rect) => overlap(rect, toUserSpace(geometry, place).rect)));
}

/** A rectangle from the origin, to draw inside of. */
function clip({ widthPt, heightPt }: SizePt): string {
  return `0 0 ${operand(widthPt)} ${operand(heightPt)} re W n`;
}

type SizePt = Pick<Appearance, 'widthPt' | 'heightPt'>;

/** Maps a drawing's own size onto the place's. */
function stretched(matrix: Matrix, place: SeenRect, { widthPt, heightPt }: SizePt): Matrix {
  const [a, b, c, d, e, f] = matrix;
  const x = (place.widthMm * POINTS_PER_MM) / widthPt;
  const y = (place.heightMm * POINTS_PER_MM) / heightPt;
  return [a * x, b * x, c * y, d * y, e, f];
}

function blendState(mode: string): PdfDict {
  return pdfDict({ Type: pdfName('ExtGState'), BM: pdfName(mode) });
}

/** References to the page's content streams. One that leads to no stream is mended by some readers, and passed over by others. */
function contentOf(pdf: PdfFile, page: PageNode): PdfRef[] {
  const written = page.dict.entries.get('Contents');
  if (written === undefined || written === null) return [];
  const content = pdf.resolve(written);
  const items = isKind(content, 'array') ? content.items : [written];
  return items.filter((item): item is PdfRef => {
    if (item === null) return false;
    if (isKind(item, 'ref') && isKind(pdf.getObject(item), 'stream')) return true;
    throw new AppError('PDF_SHAPE_UNSUPPORTED', `the content of page ${page.number} is no list of streams`);
  });
}

/** What the page's content leaves open. Throws PDF_SHAPE_UNSUPPORTED where it cannot be looked through, PDF_LIMIT where there is too much. */
function balanceOf(pdf: PdfFile, page: PageNode, content: readonly PdfRef[]): ContentBalance {
  const scanner = new ContentScanner();
  for (const ref of content) {
    const stream = pdf.getObject(ref);
    if (!isKind(stream, 'stream')) continue;
    try {
      scanner.stream(pdf.contentData(stream, MAX_STREAM_BYTES));
    } catch (error) {
      if (!isAppError(error, 'PDF_UNREADABLE', 'PDF_TRUNCATED', 'PDF_SHAPE_UNSUPPORTED')) throw error;
      const detail = `the content of page ${page.number} cannot be looked through: ${error.detail}`;
      throw new AppError('PDF_SHAPE_UNSUPPORTED', detail, { cause: error });
    }
  }
  return scanner.balance;
}

/** A copy of one category of the resources, with room for more. */
function category(pdf: PdfFile, resources: ReadonlyMap<string, PdfObject>, key: string): Map<string, PdfObject> {
  return editable(pdf.resolve(resources.get(key)) ?? pdfDict({}), `/${key} of the page’s resources`);
}

/** Adds under a name that the resources do not have yet. */
function addNamed(resources: Map<string, PdfObject>, prefix: string, object: PdfObject): string {
  let n = 1;
  while (resources.has(`${prefix}${n}`)) n++;
  const name = `${prefix}${n}`;
  resources.set(name, object);
  return name;
}
