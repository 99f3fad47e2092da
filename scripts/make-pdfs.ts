/**
 * Small PDFs by hand: one for each shape that is extended, and one for each that is refused. `node scripts/make-pdfs.ts [folder]`
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { brokenPdfs, repairedPdfs } from './pdf/broken-pdfs.ts';
import { lockedPdfs, openPdfs } from './pdf/encrypted-pdfs.ts';
import {
  CATALOG,
  FONT,
  ID,
  OWN_RESOURCES,
  TEXT_FIELD,
  classic,
  onePage,
  page,
  pagesOf,
  signatureDictionary,
  signedForm,
  text,
} from './pdf/plain-page.ts';
import { RawPdf } from './pdf/raw-pdf.ts';
import { signedExtended, signedRefused } from './pdf/signed-pdfs.ts';
import { structurePdfs } from './pdf/structure-pdfs.ts';

const extended: Readonly<Record<string, () => Uint8Array>> = {
  'classic-table': () => classic(onePage(), 6),
  'no-file-id': () => classic(onePage(), 6, ''),
  'no-final-line-end': () => Buffer.from(classic(onePage(), 6)).subarray(0, -1),
  'trailing-junk': () => onePage().table('/Size 6 /Root 1 0 R').end().raw('<html>junk</html>\n').bytes(),

  'xref-stream': () =>
    new RawPdf()
      .stream(4, deflateSync(Buffer.from(text('Objects in an object stream'))), '/Filter /FlateDecode')
      .objects(
        6,
        new Map([
          [1, CATALOG],
          [2, pagesOf(3)],
          [3, page(`/Contents 4 0 R ${OWN_RESOURCES}`)],
          [5, FONT],
        ]),
      )
      .xrefStream(7, `/Size 8 /Root 1 0 R ${ID}`)
      .end()
      .bytes(),

  'three-revisions': () => {
    const pdf = onePage().table(`/Size 6 /Root 1 0 R ${ID}`).end();
    pdf.stream(4, text('One page, corrected')).table(`/Size 6 /Root 1 0 R ${ID} /Prev ${pdf.startxref}`).end();
    pdf
      .object(2, pagesOf(3, 6))
      .object(6, page(`/Contents 7 0 R ${OWN_RESOURCES}`))
      .stream(7, text('A page added'));
    return pdf.table(`/Size 8 /Root 1 0 R ${ID} /Prev ${pdf.startxref}`).end().bytes();
  },

  'stream-over-table': () => {
    const pdf = onePage().table(`/Size 6 /Root 1 0 R ${ID}`).end();
    pdf.stream(4, text('Updated with a stream'));
    return pdf.xrefStream(6, `/Size 7 /Root 1 0 R ${ID} /Prev ${pdf.startxref}`).end().bytes();
  },

  'generation-numbers': () => {
    const pdf = new RawPdf().object(1, CATALOG).object(2, '<< /Type /Pages /Kids [3 2 R] /Count 1 >>');
    pdf
      .object(3, page(`/Contents 4 0 R ${OWN_RESOURCES}`), 2)
      .stream(4, text('Generation two'))
      .object(5, FONT);
    return classic(pdf, 6);
  },

  'rotated-cropped': () => {
    const pdf = new RawPdf().object(1, CATALOG);
    pdf.object(2, `<< /Type /Pages /Kids [6 0 R 7 0 R] /Count 5 /MediaBox [0 0 400 600] /Resources 8 0 R >>`);
    // Rotate is inherited by two pages and overridden by one.
    pdf.object(6, '<< /Type /Pages /Parent 2 0 R /Kids [9 0 R 10 0 R 11 0 R] /Count 3 /Rotate 90 >>');
    pdf.object(7, '<< /Type /Pages /Parent 2 0 R /Kids [12 0 R 13 0 R] /Count 2 >>');
    pdf.object(9, '<< /Type /Page /Parent 6 0 R /Contents 4 0 R >>');
    pdf.object(10, '<< /Type /Page /Parent 6 0 R /Contents 4 0 R /CropBox [50 100 350 500] >>');
    pdf.object(11, '<< /Type /Page /Parent 6 0 R /Contents 4 0 R /Rotate -180 >>');
    pdf.object(12, '<< /Type /Page /Parent 7 0 R /Contents 4 0 R /Rotate 270 /CropBox [350 500 50 -100] >>');
    pdf.object(13, '<< /Type /Page /Parent 7 0 R /Contents 4 0 R /UserUnit 2 /MediaBox [-100 -100 200 300] >>');
    pdf
      .stream(4, text('Turned', 100, 200))
      .object(5, FONT)
      .object(8, '<< /Font << /F1 5 0 R >> >>');
    return classic(pdf, 14);
  },

  'shared-resources': () => {
    const pdf = new RawPdf().object(1, CATALOG).object(2, pagesOf(3, 6));
    pdf.object(3, page('/Contents [4 0 R] /Resources 7 0 R')).object(6, page('/Contents 9 0 R /Resources 7 0 R'));
    pdf.stream(4, `${text('Two pages share resources')} q 50 0 0 50 72 600 cm /ZyMark1 Do Q`).object(5, FONT);
    pdf.object(7, '<< /Font << /F1 5 0 R >> /XObject 8 0 R >>').object(8, '<< /ZyMark1 10 0 R >>');
    pdf.object(9, '[4 0 R 4 0 R]');
    pdf.stream(10, '0 0 1 rg 0 0 1 1 re f', '/Type /XObject /Subtype /Form /BBox [0 0 1 1]');
    return classic(pdf, 11);
  },

  'no-resources-no-content': () =>
    classic(new RawPdf().object(1, CATALOG).object(2, pagesOf(3)).object(3, page('')), 4),

  'unrestored-states': () => {
    const pdf = new RawPdf().object(1, CATALOG).object(2, pagesOf(3));
    const open = '/Span BMC q 0.5 0 0 0.5 0 0 cm q 1 0 0 rg';
    const words = text('Never restored: \\(q Q').replace(' ET', '');
    return classic(
      pdf
        .object(3, page(`/Contents 4 0 R ${OWN_RESOURCES}`))
        .stream(4, `${open} ${words}`)
        .object(5, FONT),
      6,
    );
  },

  'surplus-restores': () => {
    const pdf = new RawPdf()
      .object(1, CATALOG)
      .object(2, pagesOf(3))
      .object(3, page(`/Contents 4 0 R ${OWN_RESOURCES}`));
    return classic(pdf.stream(4, `q ${text('Restored too often')} Q Q Q`).object(5, FONT), 6);
  },

  'form-indirect': () => {
    const catalog = '<< /Type /Catalog /Pages 2 0 R /AcroForm 6 0 R >>';
    const pdf = onePage(catalog, '/Annots 9 0 R').object(6, '<< /Fields 7 0 R /NeedAppearances false >>');
    return classic(pdf.object(7, '[8 0 R]').object(8, TEXT_FIELD).object(9, '[8 0 R]'), 10);
  },

  'form-direct': () => {
    const catalog = '<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] >> >>';
    return classic(onePage(catalog, '/Annots [6 0 R]').object(6, TEXT_FIELD.replace('(Case)', '(Signature1)')), 7);
  },

  'empty-field': () => {
    const catalog = '<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] >> >>';
    const pdf = onePage(catalog, '/Annots [7 0 R 9 0 R] /Rotate 90');
    pdf.object(6, '<< /T (Committee) /Kids [7 0 R 8 0 R] >>');
    pdf.object(7, '<< /Type /Annot /Subtype /Widget /FT /Sig /Parent 6 0 R /T (Seal) /F 4 /Rect [100 100 300 200] >>');
    pdf.object(8, '<< /FT /Sig /Parent 6 0 R /T (Second) /Kids [9 0 R] >>');
    pdf.object(9, '<< /Type /Annot /Subtype /Widget /Parent 8 0 R /P 3 0 R /Rect [400 100 480 180] >>');
    return classic(pdf, 10);
  },

  'signed-before': () => classic(signedForm(signatureDictionary('/Name (TEST) /Reason <FEFF6D4B8BD5>')), 8),
};

const refused: Readonly<Record<string, () => Uint8Array>> = {
  'not-a-pdf': () => Buffer.from('PK\x03\x04 this is something else\n'),
  'page-key-twice': () => classic(onePage(CATALOG, '/Contents 5 0 R'), 6),
  'draws-after-surplus-restore': () => {
    const pdf = new RawPdf()
      .object(1, CATALOG)
      .object(2, pagesOf(3))
      .object(3, page(`/Contents 4 0 R ${OWN_RESOURCES}`));
    return classic(pdf.stream(4, `2 0 0 2 0 0 cm Q ${text('Which scale?', 72, 300)}`).object(5, FONT), 6);
  },
  'content-without-end': () => {
    const pdf = new RawPdf().object(1, CATALOG).object(2, pagesOf(3));
    pdf
      .object(3, page(`/Contents 4 0 R ${OWN_RESOURCES}`))
      .stream(4, 'BT /F1 18 Tf 72 700 Td (no end')
      .object(5, FONT);
    return classic(pdf, 6);
  },
  'content-not-a-stream': () =>
    classic(
      new RawPdf()
        .object(1, CATALOG)
        .object(2, pagesOf(3))
        .object(3, page(`/Contents [4 0 R 7 0 R] ${OWN_RESOURCES}`))
        .stream(4, text('And what else?'))
        .object(5, FONT),
      6,
    ),
  'content-does-not-inflate': () => {
    // A block that is stored as it is, and one of the type that is none (RFC 1951, 3.2.3).
    const words = Buffer.from(text('This far, or how far?'));
    const damaged = Buffer.concat([
      Buffer.of(0x78, 0x01, 0, words.length, 0, ~words.length & 0xff, 0xff),
      words,
      Buffer.of(7),
    ]);
    const pdf = new RawPdf().object(1, CATALOG).object(2, pagesOf(3));
    pdf
      .object(3, page(`/Contents 4 0 R ${OWN_RESOURCES}`))
      .stream(4, damaged, '/Filter /FlateDecode')
      .object(5, FONT);
    return classic(pdf, 6);
  },
  'page-tree-loop': () =>
    classic(
      new RawPdf()
        .object(1, CATALOG)
        .object(2, pagesOf(3))
        .object(3, '<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 1 >>'),
      4,
    ),
  'page-tree-too-deep': () => {
    const pdf = new RawPdf().object(1, CATALOG);
    for (let n = 2; n < 100; n++) pdf.object(n, pagesOf(n + 1));
    return classic(pdf.object(100, page('')), 101);
  },
  'field-loop': () => {
    const pdf = onePage('<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] >> >>');
    return classic(pdf.object(6, '<< /T (A) /Kids [6 0 R] >>'), 7);
  },
  'reference-circle': () =>
    classic(onePage('<< /Type /Catalog /Pages 2 0 R /AcroForm 6 0 R >>').object(6, '7 0 R').object(7, '6 0 R'), 8),
  'object-stream-needs-itself': () => {
    const data = deflateSync(Buffer.from('1 0 8 34\n<< /Type /Catalog /Pages 2 0 R >>\n 99'));
    const pdf = new RawPdf().objects(
      6,
      new Map([
        [1, CATALOG],
        [8, '99'],
      ]),
    );
    pdf.object(2, pagesOf(3)).object(3, page(''));
    pdf.stream(6, data, '/Type /ObjStm /N 2 /First 9 /Filter /FlateDecode', '8 0 R');
    return pdf.xrefStream(7, '/Size 9 /Root 1 0 R').end().bytes();
  },
  'object-stream-bomb': () => {
    const pdf = new RawPdf()
      .objects(6, new Map([[1, CATALOG]]))
      .object(2, pagesOf(3))
      .object(3, page(''));
    pdf.stream(
      6,
      deflateSync(Buffer.alloc(20_000_000, ' '), { level: 9 }),
      '/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode',
    );
    return pdf.xrefStream(7, '/Size 8 /Root 1 0 R').end().bytes();
  },
  'xref-stream-bomb': () => {
    const pdf = onePage();
    const at = pdf.length;
    const bomb = deflateSync(Buffer.alloc(70_000_000), { level: 9 });
    pdf.stream(6, bomb, '/Type /XRef /W [1 3 1] /Filter /FlateDecode /Size 7 /Root 1 0 R');
    return pdf.end(at).bytes();
  },
  'nested-too-deep': () =>
    classic(onePage(`<< /Type /Catalog /Pages 2 0 R /X ${'['.repeat(5000)}${']'.repeat(5000)} >>`), 6),
  'size-too-large': () => classic(onePage(), 2_000_000_000),
};

/** Writes all fixtures into `folder`: `extended`, `repaired` and `refused`, one file a shape. */
export function makePdfs(folder: string): void {
  const kinds = {
    extended: { ...extended, ...structurePdfs, ...openPdfs, ...signedExtended },
    repaired: repairedPdfs,
    refused: { ...refused, ...brokenPdfs, ...lockedPdfs, ...signedRefused },
  };
  for (const [kind, shapes] of Object.entries(kinds)) {
    mkdirSync(join(folder, kind), { recursive: true });
    for (const [name, make] of Object.entries(shapes)) writeFileSync(join(folder, kind, `${name}.pdf`), make());
  }
}
