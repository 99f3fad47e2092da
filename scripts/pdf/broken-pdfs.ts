/** PDFs by hand whose cross-reference is broken: what is put together anew, and what must not be. */
import { deflateSync } from 'node:zlib';
import {
  CATALOG,
  FONT,
  ID,
  OWN_RESOURCES,
  classic,
  onePage,
  page,
  pagesOf,
  signatureDictionary,
  signedForm,
  text,
} from './plain-page.ts';
import { RawPdf } from './raw-pdf.ts';

const TRAILER = `/Size 6 /Root 1 0 R ${ID}`;

function objectStreams(): RawPdf {
  return new RawPdf()
    .stream(4, deflateSync(Buffer.from(text('Objects in an object stream'))), '/Filter /FlateDecode')
    .objects(
      6,
      new Map([
        [1, CATALOG],
        [2, pagesOf(3)],
        [3, page(`/Contents 4 0 R ${OWN_RESOURCES}`)],
        [5, FONT],
      ]),
    );
}

function replaced(bytes: Uint8Array, from: string | RegExp, to: string): Uint8Array {
  return Buffer.from(Buffer.from(bytes).toString('latin1').replace(from, to), 'latin1');
}

function cutBefore(bytes: Uint8Array, text: string): Uint8Array {
  return bytes.subarray(0, Buffer.from(bytes).lastIndexOf(text));
}

/** Nothing is signed, every reader comes to the same, nothing is lost. */
export const repairedPdfs: Readonly<Record<string, () => Uint8Array>> = {
  'entries-of-19-bytes': () => onePage().table(TRAILER, { entryEnd: '\n' }).end().bytes(),
  'entries-of-22-bytes': () => onePage().table(TRAILER, { entryEnd: ' \r\n\r\n' }).end().bytes(),
  'wrong-offsets': () => onePage().table(TRAILER, { shift: 7 }).end().bytes(),
  'wrong-startxref': () => {
    const pdf = onePage().table(TRAILER);
    return pdf.end(pdf.startxref - 3).bytes();
  },
  'startxref-past-end': () => onePage().table(TRAILER).end(99_999).bytes(),
  'no-xref': () => onePage().raw(`trailer\n<< ${TRAILER} >>\n`).bytes(),
  'no-trailer': () => replaced(classic(onePage(), 6), /trailer[^]*startxref/, 'startxref'),
  'no-size': () => onePage().table(`/Root 1 0 R ${ID}`).end().bytes(),
  'trailer-key-twice': () => onePage().table(`${TRAILER} /Size 7`).end().bytes(),
  'previous-at-zero': () => onePage().table(`${TRAILER} /Prev 0`).end().bytes(),
  'table-from-one': () => replaced(classic(onePage(), 6), 'xref\n0 6\n', 'xref\n1 6\n'),
  'table-longer-than-file': () => replaced(classic(onePage(), 6), 'xref\n0 6\n', 'xref\n0 8000000\n'),
  'tables-in-a-circle': () => {
    const pdf = onePage();
    return pdf.table(`${TRAILER} /Prev ${pdf.length}`).end().bytes();
  },
  'negative-generation': () => replaced(classic(onePage(), 6), / 00000 n \n(?=trailer)/, ' -0001 n \n'),
  'cut-in-table': () => cutBefore(classic(onePage(), 6), ' 00000 n \ntrailer'),
  'cut-before-table': () => cutBefore(classic(onePage(), 6), 'xref\n0 6'),
  'line-ends-changed': () => {
    const bytes = replaced(objectStreams().stream(8, 'binary').bytes(), /obj\n/g, 'obj\r\n');
    return Buffer.concat([bytes, Buffer.from(`trailer\r\n<< /Root 1 0 R /Size 9 >>\r\nstartxref\r\n700\r\n%%EOF\r\n`)]);
  },
  'object-streams-without-xref': () => {
    const pdf = objectStreams().xrefStream(7, `/Size 8 /Root 1 0 R ${ID}`);
    return pdf.end(pdf.startxref + 9).bytes();
  },
  'stream-length-wrong': () => {
    const pdf = new RawPdf().object(1, CATALOG).object(2, pagesOf(3));
    pdf.object(3, page(`/Contents 4 0 R ${OWN_RESOURCES}`)).stream(4, text('A length of 999'), '', '999');
    return pdf.object(5, FONT).table(TRAILER, { shift: 3 }).end().bytes();
  },
  'update-with-wrong-offsets': () => {
    const pdf = onePage().table(TRAILER).end();
    pdf.stream(4, text('One page, corrected'));
    return pdf.table(`${TRAILER} /Prev ${pdf.startxref}`, { shift: -2 }).end().bytes();
  },
  'trailing-junk-of-pages': () =>
    onePage().table(TRAILER).end().raw('<p>Sent through a gateway.</p>\n'.repeat(100)).bytes(),
  'trailing-zeros': () => onePage().table(TRAILER).end().raw(new Uint8Array(4096)).bytes(),
  'endobj-missing': () => replaced(onePage().table(TRAILER, { shift: 1 }).end().bytes(), 'endobj\n3 0 obj', '3 0 obj'),
};

/** A document within a stream, as an attachment that is not compressed. */
function withAttachedPdf(): RawPdf {
  return onePage().stream(6, classic(onePage(), 6), '/Type /EmbeddedFile');
}

export const brokenPdfs: Readonly<Record<string, () => Uint8Array>> = {
  'no-root': () => onePage().table('/Size 6').end().bytes(),
  'signed-wrong-offsets': () =>
    signedForm(signatureDictionary()).table(`/Size 8 /Root 1 0 R ${ID}`, { shift: 7 }).end().bytes(),
  'signed-in-object-stream': () => {
    const pdf = onePage().objects(6, new Map([[7, signatureDictionary()]]));
    return pdf.xrefStream(8, `/Size 9 /Root 1 0 R ${ID}`).end(99_999).bytes();
  },
  'cut-in-object': () => cutBefore(onePage().bytes(), 'endstream'),
  'cut-in-revision': () => {
    const pdf = onePage().table(TRAILER).end();
    return pdf.raw('4 0 obj\n<< /Length 900 >>\nstream\nBT /F1 18 Tf 72 700').bytes();
  },
  'cut-between-objects': () => {
    const pdf = onePage().table(TRAILER).end();
    return pdf.stream(4, text('One page, corrected')).bytes();
  },
  'cut-before-last-object': () => cutBefore(onePage().bytes(), '5 0 obj'),
  'leading-junk': () => Buffer.concat([Buffer.from('junk\n'), classic(onePage(), 6)]),
  'leading-junk-counted': () => {
    const pdf = onePage(CATALOG, '', new RawPdf('junk\n%PDF-1.7\n%\xe2\xe3\xcf\xd3\n'));
    return pdf.table(TRAILER).end().bytes();
  },
  'two-documents': () => Buffer.concat([classic(onePage(), 6), classic(onePage(CATALOG, '/Rotate 90'), 6)]),
  'attached-document': () => withAttachedPdf().table(`/Size 7 /Root 1 0 R ${ID}`, { shift: 7 }).end().bytes(),
  'generations-in-disorder': () => {
    const pdf = onePage().object(3, page(''), 2).object(3, page('/Rotate 90'), 1);
    return pdf.table(TRAILER, { shift: 7 }).end().bytes();
  },
  'object-in-stream-and-plain': () => {
    const pdf = objectStreams().object(3, page('/Rotate 90'));
    return pdf.xrefStream(7, `/Size 8 /Root 1 0 R ${ID}`).end(99_999).bytes();
  },
  'object-stream-of-a-generation': () => {
    const pdf = objectStreams().xrefStream(7, `/Size 8 /Root 1 0 R ${ID}`);
    return replaced(pdf.end(99_999).bytes(), /6 0 obj/g, '6 1 obj');
  },
  'two-catalogs': () => {
    const pdf = onePage().table(TRAILER).end();
    pdf.object(6, CATALOG);
    return pdf.table(`/Size 7 /Root 6 0 R ${ID} /Prev ${pdf.startxref}`).end(99_999).bytes();
  },
  'catalog-named-twice': () => onePage().table('/Size 6 /Root 1 0 R /Root 2 0 R').end().bytes(),
  'hybrid-contradiction': () => {
    const pdf = onePage().table(TRAILER).end();
    const before = pdf.startxref;
    pdf.objects(6, new Map([[3, page('/Rotate 90')]]));
    const at = pdf.length;
    pdf.xrefStream(7, `/Size 8 /Root 1 0 R ${ID}`, [3, 6]);
    return pdf.table(`/Size 8 /Root 1 0 R ${ID} /Prev ${before} /XRefStm ${at}`).end().bytes();
  },
  'hybrid-freed-beside': () => {
    const pdf = onePage().table(TRAILER).end();
    const before = pdf.startxref;
    pdf.objects(6, new Map([[7, '<< /Type /StructTreeRoot >>']]));
    const at = pdf.length;
    pdf.xrefStream(8, `/Size 9 /Root 1 0 R ${ID}`, [6, 7]);
    return pdf
      .table(`/Size 9 /Root 1 0 R ${ID} /Prev ${before} /XRefStm ${at}`, { free: [7] })
      .end()
      .bytes();
  },
  'hybrid-of-one-section': () => {
    const pdf = onePage().objects(6, new Map([[7, '<< /Type /StructTreeRoot >>']]));
    const at = pdf.length;
    pdf.xrefStream(8, `/Size 9 /Root 1 0 R ${ID}`, [6, 7]);
    return pdf.table(`/Size 9 /Root 1 0 R ${ID} /XRefStm ${at}`).end().bytes();
  },
};
