/**
 * Small PDFs by hand: one for each shape that is extended, and one for each that is refused. `node scripts/make-pdfs.ts [folder]`
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { lockedPdfs, openPdfs } from './pdf/encrypted-pdfs.ts';
import { RawPdf } from './pdf/raw-pdf.ts';
import { signedExtended, signedRefused } from './pdf/signed-pdfs.ts';

const CATALOG = '<< /Type /Catalog /Pages 2 0 R >>';
const FONT = '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>';
const ID = '/ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>]';

function text(words: string, x = 72, y = 700): string {
  return `BT /F1 18 Tf ${x} ${y} Td (${words}) Tj ET`;
}

function pagesOf(...kids: number[]): string {
  return `<< /Type /Pages /Kids [${kids.map((kid) => `${kid} 0 R`).join(' ')}] /Count ${kids.length} >>`;
}

function page(rest: string, mediaBox = '/MediaBox [0 0 595 842]'): string {
  return `<< /Type /Page /Parent 2 0 R ${mediaBox} ${rest} >>`;
}

const OWN_RESOURCES = '/Resources << /Font << /F1 5 0 R >> >>';

/** Catalog, page tree, one page with a line of text; `object` 6 and up are free. */
function onePage(catalog = CATALOG, pageRest = '', pdf = new RawPdf()): RawPdf {
  return pdf
    .object(1, catalog)
    .object(2, pagesOf(3))
    .object(3, page(`/Contents 4 0 R ${OWN_RESOURCES} ${pageRest}`))
    .stream(4, text('One page'))
    .object(5, FONT);
}

function classic(objects: RawPdf, size: number, more = ID): Uint8Array {
  return objects.table(`/Size ${size} /Root 1 0 R ${more}`).end().bytes();
}

/** A text field, so that forms have something to keep. */
const TEXT_FIELD = '<< /Type /Annot /Subtype /Widget /FT /Tx /T (Case) /V (12) /Rect [300 300 400 320] /P 3 0 R >>';

/** An unsigned signature dictionary with room that holds nothing: for who looks at structure, not at cryptography. */
function signatureDictionary(more = ''): string {
  return `<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /ByteRange [0 0 0 0] /Contents <${'0'.repeat(64)}> /M (D:20230615120000+08'00') ${more} >>`;
}

function signedForm(signature: string, catalogMore = ''): RawPdf {
  return onePage(
    `<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] /SigFlags 3 >> ${catalogMore} >>`,
    '/Annots [6 0 R]',
  )
    .object(6, '<< /Type /Annot /Subtype /Widget /FT /Sig /T (First) /V 7 0 R /F 132 /P 3 0 R /Rect [50 50 150 100] >>')
    .object(7, signature);
}

const extended: Readonly<Record<string, () => Uint8Array>> = {
  'classic-table': () => classic(onePage(), 6),
  'no-file-id': () => classic(onePage(), 6, ''),
  'no-final-line-end': () => Buffer.from(classic(onePage(), 6)).subarray(0, -1),
  'entries-of-19-bytes': () => onePage().table('/Size 6 /Root 1 0 R', { entryEnd: '\n' }).end().bytes(),
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
  'leading-junk': () => Buffer.concat([Buffer.from('junk\n'), classic(onePage(), 6)]),
  truncated: () => classic(onePage(), 6).subarray(0, 500),
  'truncated-revision': () => {
    const pdf = onePage().table(`/Size 6 /Root 1 0 R ${ID}`).end();
    return pdf.raw('4 0 obj\n<< /Length 900 >>\nstream\nBT /F1 18 Tf 72 700').bytes();
  },
  hybrid: () => {
    const pdf = onePage();
    return pdf.table(`/Size 6 /Root 1 0 R /XRefStm ${pdf.length}`).end().bytes();
  },
  'broken-table': () => onePage().table('/Size 6 /Root 1 0 R', { entryEnd: ' \r\n\r\n' }).end().bytes(),
  'wrong-offsets': () => onePage().table('/Size 6 /Root 1 0 R', { shift: 7 }).end().bytes(),
  'startxref-past-end': () => onePage().table('/Size 6 /Root 1 0 R').end(99_999).bytes(),
  'no-root': () => onePage().table('/Size 6').end().bytes(),
  'trailer-key-twice': () => onePage().table('/Size 6 /Root 1 0 R /Root 2 0 R').end().bytes(),
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
  'xref-loop': () => {
    const pdf = onePage();
    return pdf.table(`/Size 6 /Root 1 0 R /Prev ${pdf.length}`).end().bytes();
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
  'subsection-longer-than-file': () => {
    const pdf = onePage();
    const at = pdf.length;
    return pdf.raw('xref\n0 8000000\n0000000000 65535 f \ntrailer\n<< /Size 6 /Root 1 0 R >>\n').end(at).bytes();
  },
};

/** Writes all fixtures into `folder`: `extended` and `refused`, one file a shape. */
export function makePdfs(folder: string): void {
  const kinds = {
    extended: { ...extended, ...openPdfs, ...signedExtended },
    refused: { ...refused, ...lockedPdfs, ...signedRefused },
  };
  for (const [kind, shapes] of Object.entries(kinds)) {
    mkdirSync(join(folder, kind), { recursive: true });
    for (const [name, make] of Object.entries(shapes)) writeFileSync(join(folder, kind, `${name}.pdf`), make());
  }
}
