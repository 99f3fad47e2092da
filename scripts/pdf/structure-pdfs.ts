/** PDFs by hand whose cross-reference takes one of the less usual forms of the standard; every reader takes them. */
import { linearizedPdf } from './linearized-pdf.ts';
import { CATALOG, FONT, ID, OWN_RESOURCES, classic, onePage, page, pagesOf, text } from './plain-page.ts';
import { RawPdf } from './raw-pdf.ts';

const TAGGED = '<< /Type /Catalog /Pages 2 0 R /MarkInfo << /Marked true >> /StructTreeRoot 7 0 R >>';

/** As word processors write it: what needs object streams is free in the table, and an empty table after it names the stream. */
function hybrid(): RawPdf {
  const pdf = onePage(TAGGED).objects(
    6,
    new Map([
      [7, '<< /Type /StructTreeRoot /K 8 0 R >>'],
      [8, '<< /Type /StructElem /S /Document /P 7 0 R >>'],
    ]),
  );
  const at = pdf.length;
  pdf.xrefStream(9, `/Size 10 /Root 1 0 R ${ID}`, [6, 7, 8]);
  const trailer = `/Size 10 /Root 1 0 R ${ID}`;
  pdf.table(trailer, { free: [6, 7, 8, 9] }).end();
  return pdf.table(`${trailer} /Prev ${pdf.startxref} /XRefStm ${at}`).end();
}

export const structurePdfs: Readonly<Record<string, () => Uint8Array>> = {
  hybrid: () => hybrid().bytes(),

  'hybrid-updated': () => {
    const pdf = hybrid();
    const before = pdf.startxref;
    pdf.stream(4, text('One page, corrected'));
    // The update hides what it adds, and overrides nothing in hiding.
    pdf.objects(10, new Map([[11, '<< /Type /StructElem /S /P /P 8 0 R >>']]));
    const at = pdf.length;
    pdf.xrefStream(12, `/Size 13 /Root 1 0 R ${ID}`, [10, 11]);
    return pdf.table(`/Size 13 /Root 1 0 R ${ID} /Prev ${before} /XRefStm ${at}`).end().bytes();
  },

  linearized: () => linearizedPdf(),

  'pdf-2': () => classic(onePage(CATALOG, '', new RawPdf('%PDF-2.0\n%\xe2\xe3\xcf\xd3\n')), 6),

  'object-streams': () =>
    // Two object streams, the second an extension of the first (7.5.7), and an update with one of its own.
    new RawPdf()
      .stream(4, text('Two object streams'))
      .objects(
        6,
        new Map([
          [1, CATALOG],
          [5, FONT],
        ]),
      )
      .objects(
        7,
        new Map([
          [2, pagesOf(3)],
          [3, page(`/Contents 4 0 R ${OWN_RESOURCES}`)],
        ]),
      )
      .xrefStream(8, `/Size 9 /Root 1 0 R ${ID}`)
      .end()
      .bytes(),
};
