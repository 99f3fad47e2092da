/** Where a signature field is seen. */
import { openFileSource } from '../../src/pdf/byte-source.ts';
import { POINTS_PER_MM, toUserSpace } from '../../src/pdf/geometry.ts';
import type { SeenRect } from '../../src/pdf/geometry.ts';
import { isKind } from '../../src/pdf/object.ts';
import { openPdf } from '../../src/pdf/revision.ts';

/** Null where it is on no page. Throws what reading the document throws. */
export function fieldPlace(path: string, name: string): SeenRect | null {
  using source = openFileSource(path);
  const pdf = openPdf(source);
  const field = pdf.signatureFields().find((each) => each.name === name);
  const widget = field?.widget?.ref?.number;
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = field?.rect ?? [];
  if (widget === undefined || x0 === x1 || y0 === y1) return null;
  for (const page of pdf.walkPages()) {
    const annotations = pdf.get(page.dict, 'Annots');
    const items = isKind(annotations, 'array') ? annotations.items : [];
    if (!items.some((item) => isKind(item, 'ref') && item.number === widget)) continue;
    // Of a rectangle without a size in the page's corner, the matrix says where that is and which way is right and up.
    const geometry = pdf.geometry(page);
    const corner = { page: page.number, xMm: 0, yMm: 0, widthMm: 0, heightMm: 0 };
    const [a, b, c, d, left, top] = toUserSpace(geometry, corner).matrix;
    const mm = geometry.userUnit ** 2 / POINTS_PER_MM;
    const [right, up] = [
      (x: number, y: number): number => ((x - left) * a + (y - top) * b) * mm,
      (x: number, y: number): number => ((x - left) * c + (y - top) * d) * mm,
    ];
    return {
      page: page.number,
      xMm: (right(x0, y0) + right(x1, y1)) / 2,
      yMm: -(up(x0, y0) + up(x1, y1)) / 2,
      widthMm: Math.abs(right(x1, y1) - right(x0, y0)),
      heightMm: Math.abs(up(x1, y1) - up(x0, y0)),
    };
  }
  return null;
}
