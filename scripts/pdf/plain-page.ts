/** What most fixtures are made of: a page with a line of text, and what goes around it. */
import { RawPdf } from './raw-pdf.ts';

export const CATALOG = '<< /Type /Catalog /Pages 2 0 R >>';
export const FONT = '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>';
export const ID = '/ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>]';

export function text(words: string, x = 72, y = 700): string {
  return `BT /F1 18 Tf ${x} ${y} Td (${words}) Tj ET`;
}

export function pagesOf(...kids: number[]): string {
  return `<< /Type /Pages /Kids [${kids.map((kid) => `${kid} 0 R`).join(' ')}] /Count ${kids.length} >>`;
}

export function page(rest: string, mediaBox = '/MediaBox [0 0 595 842]'): string {
  return `<< /Type /Page /Parent 2 0 R ${mediaBox} ${rest} >>`;
}

export const OWN_RESOURCES = '/Resources << /Font << /F1 5 0 R >> >>';

/** Catalog, page tree, one page with a line of text; `object` 6 and up are free. */
export function onePage(catalog = CATALOG, pageRest = '', pdf = new RawPdf()): RawPdf {
  return pdf
    .object(1, catalog)
    .object(2, pagesOf(3))
    .object(3, page(`/Contents 4 0 R ${OWN_RESOURCES} ${pageRest}`))
    .stream(4, text('One page'))
    .object(5, FONT);
}

export function classic(objects: RawPdf, size: number, more = ID): Uint8Array {
  return objects.table(`/Size ${size} /Root 1 0 R ${more}`).end().bytes();
}

/** A text field, so that forms have something to keep. */
export const TEXT_FIELD =
  '<< /Type /Annot /Subtype /Widget /FT /Tx /T (Case) /V (12) /Rect [300 300 400 320] /P 3 0 R >>';

/** An unsigned signature dictionary with room that holds nothing: for who looks at structure, not at cryptography. */
export function signatureDictionary(more = ''): string {
  return `<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /ByteRange [0 0 0 0] /Contents <${'0'.repeat(64)}> /M (D:20230615120000+08'00') ${more} >>`;
}

export function signedForm(signature: string, catalogMore = ''): RawPdf {
  return onePage(
    `<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] /SigFlags 3 >> ${catalogMore} >>`,
    '/Annots [6 0 R]',
  )
    .object(6, '<< /Type /Annot /Subtype /Widget /FT /Sig /T (First) /V 7 0 R /F 132 /P 3 0 R /Rect [50 50 150 100] >>')
    .object(7, signature);
}
