/** Encrypted PDFs by hand: what opens without a password, and what does not. */
import { fromHex } from '../../src/bytes.ts';
import { encryption } from './encrypt-pdf.ts';
import type { EncryptOptions } from './encrypt-pdf.ts';
import { RawPdf } from './raw-pdf.ts';

const FILE_ID = '00112233445566778899aabbccddeeff';
const ID = `/ID [<${FILE_ID}> <${FILE_ID}>]`;
const METADATA = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF/></x:xmpmeta>';

interface Shape extends Omit<EncryptOptions, 'fileId'> {
  /** Entries of the catalog and the trailer beside what all have. */
  readonly catalog?: string;
  readonly trailer?: string;
  readonly fileId?: Uint8Array;
  /** Instead of the one content stream. */
  readonly contents?: string;
  /** Instead of the text field. */
  readonly field?: string;
  /** Objects from number 9 on. */
  readonly more?: (pdf: RawPdf) => RawPdf;
}

const TEXT_FIELD = '/FT /Tx /T (Case) /TU <FEFF684853F7> /DA (/F1 12 Tf 0 g) /Rect [300 300 400 320]';

/** A page with a line of text and a text field, strings in what an increment overrides and in what it leaves. */
function objects(shape: Shape, words: string): { pdf: RawPdf; trailer: string } {
  const { catalog = '', contents = '4 0 R', field = TEXT_FIELD, trailer = ID } = shape;
  const { fileId = fromHex(FILE_ID), more = (pdf) => pdf } = shape;
  const { dictionary, cipher } = encryption({ ...shape, fileId });
  const form = '/AcroForm << /Fields [6 0 R] /DA (/F1 12 Tf 0 g) /DR << /Font << /F1 5 0 R >> >> >>';
  const pdf = new RawPdf(undefined, cipher)
    .object(1, `<< /Type /Catalog /Pages 2 0 R /Lang (zh-CN) ${form} ${catalog} >>`)
    .object(2, '<< /Type /Pages /Kids [3 0 R] /Count 1 >>')
    .object(
      3,
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents ${contents} /Resources << /Font << /F1 5 0 R >> >> ` +
        `/Annots [6 0 R] /LastModified (D:20230615120000+08'00') >>`,
    )
    .stream(4, `BT /F1 18 Tf 72 700 Td (${words}) Tj ET`)
    .object(5, '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>')
    .object(6, `<< /Type /Annot /Subtype /Widget /F 4 /P 3 0 R ${field} >>`)
    .object(7, '<< /Title (Fixture) /Producer () >>')
    .clearObject(8, dictionary);
  return { pdf: more(pdf), trailer: `/Root 1 0 R /Info 7 0 R /Encrypt 8 0 R ${trailer}` };
}

function classic(shape: Shape, words: string, size = 9): Uint8Array {
  const { pdf, trailer } = objects(shape, words);
  return pdf.table(`/Size ${size} ${trailer}`).end().bytes();
}

/** No owner lets pages change or fields be made here: all bits of Table 22 are clear but those to print. */
const PRINT_ONLY = -1852;

/** What is extended. */
export const openPdfs: Readonly<Record<string, () => Uint8Array>> = {
  'encrypted-rc4-40': () => classic({ algorithm: 'rc4-40' }, 'RC4, 40 bits'),
  'encrypted-rc4-128': () => classic({ algorithm: 'rc4-128' }, 'RC4, 128 bits'),
  'encrypted-aes-128': () => classic({ algorithm: 'aes-128' }, 'AES, 128 bits'),
  'encrypted-aes-256-r5': () => classic({ algorithm: 'aes-256-r5' }, 'AES, 256 bits, revision 5'),
  'encrypted-aes-256': () => classic({ algorithm: 'aes-256' }, 'AES, 256 bits, revision 6'),
  'encrypted-no-file-id': () =>
    classic({ algorithm: 'rc4-128', trailer: '', fileId: new Uint8Array(0) }, 'No file identifier'),
  'encrypted-print-only': () => classic({ algorithm: 'aes-128', permissions: PRINT_ONLY }, 'May be printed'),

  'encrypted-object-stream': () => {
    const { cipher, dictionary } = encryption({ algorithm: 'aes-256', fileId: fromHex(FILE_ID) });
    return new RawPdf(undefined, cipher)
      .stream(4, 'BT /F1 18 Tf 72 700 Td (Encrypted as a whole) Tj ET')
      .objects(
        6,
        new Map([
          [1, '<< /Type /Catalog /Pages 2 0 R /Lang (zh-CN) >>'],
          [2, '<< /Type /Pages /Kids [3 0 R] /Count 1 >>'],
          [
            3,
            `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> ` +
              `/LastModified (D:20230615120000+08'00') >>`,
          ],
          [5, '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>'],
        ]),
      )
      .clearObject(7, dictionary)
      .xrefStream(8, `/Size 9 /Root 1 0 R /Encrypt 7 0 R ${ID}`)
      .end()
      .bytes();
  },

  'encrypted-but-metadata': () =>
    classic(
      {
        algorithm: 'aes-128',
        encryptMetadata: false,
        catalog: '/Metadata 9 0 R',
        more: (pdf) => pdf.clearStream(9, METADATA, `<< /Type /Metadata /Subtype /XML /Length ${METADATA.length} >>`),
      },
      'Metadata in the clear',
      10,
    ),

  'encrypted-but-page': () => {
    const words = 'BT /F1 18 Tf 72 650 Td (Not encrypted) Tj ET';
    const filter = '/Filter [/Crypt] /DecodeParms [<< /Type /CryptFilterDecodeParms /Name /Identity >>]';
    return classic(
      {
        algorithm: 'aes-256',
        contents: '10 0 R',
        more: (pdf) => pdf.clearStream(9, words, `<< /Length ${words.length} ${filter} >>`).object(10, '[4 0 R 9 0 R]'),
      },
      'Encrypted',
      11,
    );
  },

  'encrypted-signed-before': () => {
    const signature =
      `<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /ByteRange [0 0 0 0] /Contents <${'0'.repeat(64)}> ` +
      `/Name (TEST) /Reason <FEFF6D4B8BD5> /M (D:20230615120000+08'00') >>`;
    return classic(
      {
        algorithm: 'aes-128',
        field: '/FT /Sig /T (First) /V 9 0 R /Rect [50 50 150 100]',
        more: (pdf) => pdf.object(9, signature),
      },
      'Signed before',
      10,
    );
  },
};

/** What is refused. */
export const lockedPdfs: Readonly<Record<string, () => Uint8Array>> = {
  'encrypted-rc4-locked': () => classic({ algorithm: 'rc4-128', userPassword: 'secret' }, 'Locked'),
  'encrypted-aes-locked': () => classic({ algorithm: 'aes-256', userPassword: 'secret' }, 'Locked'),
  'encrypted-for-recipients': () => {
    const { pdf } = objects({ algorithm: 'aes-128' }, 'For recipients');
    const handler = '<< /Filter /Adobe.PubSec /SubFilter /adbe.pkcs7.s4 /V 2 /Length 128 /Recipients [<00>] >>';
    return pdf.clearObject(8, handler).table(`/Size 9 /Root 1 0 R /Encrypt 8 0 R ${ID}`).end().bytes();
  },
  'encryption-begun': () => {
    const pdf = new RawPdf()
      .object(1, '<< /Type /Catalog /Pages 2 0 R >>')
      .object(2, '<< /Type /Pages /Kids [3 0 R] /Count 1 >>')
      .object(3, '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>')
      .table(`/Size 4 /Root 1 0 R ${ID}`)
      .end();
    const { dictionary } = encryption({ algorithm: 'rc4-128', fileId: fromHex(FILE_ID) });
    const trailer = `/Size 5 /Root 1 0 R /Encrypt 4 0 R ${ID} /Prev ${pdf.startxref}`;
    return pdf.object(4, dictionary).table(trailer).end().bytes();
  },
  'encryption-ended': () => {
    const { pdf, trailer } = objects({ algorithm: 'rc4-128' }, 'Encrypted once');
    pdf.table(`/Size 9 ${trailer}`).end();
    return pdf.clearObject(9, 'null').table(`/Size 10 /Root 1 0 R ${ID} /Prev ${pdf.startxref}`).end().bytes();
  },
};
