/** A document of two pages with a form, signed when it was made: what later updates may and may not change, all in one. */
import { RawPdf } from '../../scripts/pdf/raw-pdf.ts';
import { formatPdfDate } from '../../src/pdf/pdf-date.ts';
import type { CmsMaker } from './openssl-signer.ts';

/** Numbers of the objects. */
export const AT = {
  catalog: 1,
  pages: 2,
  page1: 3,
  content1: 4,
  page2: 5,
  content2: 6,
  font: 7,
  form: 8,
  textField: 9,
  textLook: 10,
  checkBox: 11,
  checkLook: 12,
  firstField: 13,
  firstLook: 14,
  firstValue: 15,
  secondField: 16,
  comment: 17,
  names: 18,
  outlines: 19,
  layer: 20,
  metadata: 21,
  information: 22,
  resources: 23,
  group: 24,
  groupedField: 25,
  annotations2: 26,
  commentLook: 27,
  elements: 28,
} as const;

export const XMP = (title: string, date: string): string =>
  `<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF ` +
  `xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" ` +
  `xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">` +
  `<xmp:ModifyDate>${date}</xmp:ModifyDate><dc:title>${title}</dc:title>` +
  `</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`;

/** Bodies of the objects that tests write anew, each with changes to its entries: a value, or nothing to leave one out. */
const BODIES = {
  [AT.catalog]: {
    Type: '/Catalog',
    Pages: '2 0 R',
    AcroForm: '8 0 R',
    Names: '18 0 R',
    Outlines: '19 0 R',
    OCProperties: '<< /OCGs [20 0 R] /D << /ON [20 0 R] >> >>',
    Metadata: '21 0 R',
    StructTreeRoot: '28 0 R',
  },
  [AT.pages]: { Type: '/Pages', Count: '2', Kids: '[3 0 R 5 0 R]', MediaBox: '[0 0 300 400]', Resources: '23 0 R' },
  [AT.page1]: { Type: '/Page', Parent: '2 0 R', Contents: '4 0 R', Annots: '[9 0 R 11 0 R 13 0 R 25 0 R]' },
  [AT.page2]: {
    Type: '/Page',
    Parent: '2 0 R',
    Contents: '[6 0 R]',
    Annots: '26 0 R',
    CropBox: '[0 0 299.1234567891 399.5]',
  },
  [AT.form]: {
    Fields: '[9 0 R 11 0 R 13 0 R 16 0 R 24 0 R]',
    SigFlags: '3',
    DR: '<< /Font << /Helv 7 0 R >> >>',
    DA: '(/Helv 12 Tf 0 g)',
  },
  [AT.textField]: {
    Type: '/Annot',
    Subtype: '/Widget',
    FT: '/Tx',
    T: '(name)',
    V: '(Zhang)',
    F: '4',
    P: '3 0 R',
    Rect: '[20 300 120 320]',
    AP: '<< /N 10 0 R >>',
  },
  [AT.checkBox]: {
    Type: '/Annot',
    Subtype: '/Widget',
    FT: '/Btn',
    T: '(agree)',
    V: '/Off',
    AS: '/Off',
    F: '4',
    P: '3 0 R',
    Rect: '[20 270 30 280]',
    AP: '<< /N << /Yes 12 0 R >> >>',
  },
  [AT.firstField]: {
    Type: '/Annot',
    Subtype: '/Widget',
    FT: '/Sig',
    T: '(First)',
    V: '15 0 R',
    F: '132',
    P: '3 0 R',
    Rect: '[150 100 250 200]',
    AP: '<< /N 14 0 R >>',
  },
  [AT.secondField]: {
    Type: '/Annot',
    Subtype: '/Widget',
    FT: '/Sig',
    T: '(Second)',
    F: '4',
    P: '5 0 R',
    Rect: '[150 100 250 200]',
  },
  [AT.comment]: {
    Type: '/Annot',
    Subtype: '/Square',
    Rect: '[20 20 40 40]',
    Contents: '(look)',
    P: '5 0 R',
    AP: '<< /N 27 0 R >>',
  },
  [AT.groupedField]: {
    Type: '/Annot',
    Subtype: '/Widget',
    FT: '/Tx',
    T: '(place)',
    Parent: '24 0 R',
    F: '4',
    P: '3 0 R',
    Rect: '[20 240 120 260]',
  },
} as const;

type Written = keyof typeof BODIES;

/** The body of an object as the document has it, with `changes`; null leaves an entry out. */
export function body(number: Written, changes: Readonly<Record<string, string | null>> = {}): string {
  const entries = Object.entries({ ...BODIES[number], ...changes } as Record<string, string | null>);
  return `<< ${entries.flatMap(([key, value]) => (value === null ? [] : `/${key} ${value}`)).join(' ')} >>`;
}

export const FORM = '/Type /XObject /Subtype /Form /BBox [0 0 100 100]';

export interface SignedFormOptions {
  /** More entries of the signature dictionary, such as /Reference. */
  readonly signature?: string;
  /** More entries of the signed field, such as /Lock. */
  readonly field?: Readonly<Record<string, string>>;
  /** Objects that are written otherwise, by number, and further ones. */
  readonly objects?: Readonly<Record<number, string>>;
  /** Compressed objects and a cross-reference stream, where it may be; or a table of entries one byte short. */
  readonly style?: 'table' | 'stream' | 'short-table';
  /** What the trailer claims. */
  readonly size?: number;
  /** Bytes before the cross-reference, of which that says nothing. */
  readonly stray?: string;
}

/** The document, signed. */
export function signedForm(sign: CmsMaker, options: SignedFormOptions = {}): Uint8Array {
  const { signature = '', field = {}, objects = {}, style = 'table', stray = '', size = 60 } = options;
  const pdf = new RawPdf();
  const bodies = new Map<number, string>();
  for (const number of Object.keys(BODIES)) bodies.set(Number(number), body(Number(number) as Written));
  bodies.set(AT.firstField, body(AT.firstField, field));
  bodies.set(AT.font, '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>');
  bodies.set(AT.names, '<< /Dests << /Names [(a) [3 0 R /Fit]] >> >>');
  bodies.set(AT.outlines, '<< /Type /Outlines >>');
  bodies.set(AT.layer, '<< /Type /OCG /Name (layer) >>');
  bodies.set(AT.information, '<< /Title (Agreement) /ModDate (D:20230615120000Z) >>');
  bodies.set(AT.resources, '<< /Font << /Helv 7 0 R >> /Properties << /Layer 20 0 R >> >>');
  bodies.set(AT.group, '<< /T (party) /Kids [25 0 R] >>');
  bodies.set(AT.annotations2, '[16 0 R 17 0 R]');
  bodies.set(AT.elements, '<< /Type /StructTreeRoot /K [] >>');
  bodies.set(30, '<< /B 1 >>');
  for (const [number, text] of Object.entries(objects)) bodies.set(Number(number), text);
  pdf.stream(AT.content1, 'BT /Helv 20 Tf 20 350 Td (pay 5000) Tj ET');
  pdf.stream(AT.content2, '/OC /Layer BDC BT /Helv 20 Tf 20 350 Td (second page) Tj ET EMC');
  pdf.stream(AT.textLook, '/Tx BMC BT /Helv 12 Tf 2 5 Td (Zhang) Tj ET EMC', `${FORM} /Resources 23 0 R`);
  pdf.stream(AT.checkLook, '0 0 10 10 re f', FORM);
  pdf.stream(AT.firstLook, '1 0 0 RG 2 2 96 96 re S', FORM);
  pdf.stream(AT.commentLook, '0 0 20 20 re S', FORM);
  pdf.stream(AT.metadata, XMP('Agreement', '2023-06-15'), '/Type /Metadata /Subtype /XML');
  pdf.object(AT.firstValue, signatureValue(signature));
  const trailer = `/Size ${size} /Root 1 0 R /Info 22 0 R`;
  if (style === 'stream') pdf.objects(50, bodies).xrefStream(51, trailer);
  else {
    for (const [number, text] of bodies) pdf.object(number, text);
    pdf.raw(stray).table(trailer, { entryEnd: style === 'table' ? ' \n' : '\n' });
  }
  return fillSignature(pdf.end().bytes(), sign);
}

const CONTENTS = 8192;
/** The entries of a signature dictionary that are filled in once all else is written. */
export const SLOT = `/ByteRange [0 0000000000 0000000000 0000000000] /Contents <${'0'.repeat(2 * CONTENTS)}>`;

/** A signature dictionary to be filled in, of the moment. */
export function signatureValue(more = ''): string {
  const written = `/M (${formatPdfDate(new Date(), 0)})`;
  return `<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached ${written} ${more} ${SLOT} >>`;
}

/** Fills the last signature slot, over all of the file. */
export function fillSignature(unsigned: Uint8Array, sign: CmsMaker): Uint8Array {
  const file = Buffer.from(unsigned);
  const at = file.lastIndexOf(SLOT, undefined, 'latin1');
  const open = at + SLOT.indexOf('<');
  const close = open + 2 * CONTENTS + 2;
  const range = [open, close, file.length - close].map((number) => String(number).padStart(10, '0'));
  file.write(`/ByteRange [0 ${range.join(' ')}]`, at, 'latin1');
  const cms = sign(Buffer.concat([file.subarray(0, open), file.subarray(close)]));
  file.write(Buffer.from(cms).toString('hex'), open + 1, 'latin1');
  return file;
}
