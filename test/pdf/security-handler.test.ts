import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encryption } from '../../scripts/pdf/encrypt-pdf.ts';
import type { EncryptOptions } from '../../scripts/pdf/encrypt-pdf.ts';
import { RawPdf } from '../../scripts/pdf/raw-pdf.ts';
import { fromHex, latin1Bytes } from '../../src/bytes.ts';
import { isAppError } from '../../src/errors.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { isKind, textOf } from '../../src/pdf/object.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import type { PdfFile } from '../../src/pdf/revision.ts';
import { codeOf } from '../support/app-error.ts';
import { mutations } from '../support/mutations.ts';
import { extendedBy, incrementOf, pdfFixture, pdfFixtures, signatureRequest } from '../support/pdf-files.ts';

const ID_HEX = '00112233445566778899aabbccddeeff';
const ALGORITHMS = ['rc4-40', 'rc4-128', 'aes-128', 'aes-256-r5', 'aes-256'] as const;

type Options = Partial<EncryptOptions> & Pick<EncryptOptions, 'algorithm'>;

/** A page under a catalog with a string in it, which says whether the key is right; `change` does something to the encryption dictionary. */
function encrypted(
  options: Options,
  change = (dictionary: string): string => dictionary,
  more = (pdf: RawPdf): RawPdf => pdf,
  trailer = `/ID [<${ID_HEX}> <${ID_HEX}>]`,
): PdfFile {
  const { dictionary, cipher } = encryption({ fileId: fromHex(ID_HEX), ...options });
  const pdf = new RawPdf(undefined, cipher)
    .object(1, '<< /Type /Catalog /Pages 2 0 R /Lang (zh-CN) >>')
    .object(2, '<< /Type /Pages /Kids [3 0 R] /Count 1 >>')
    .object(3, '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>')
    .clearObject(4, change(dictionary));
  const file = more(pdf).table(`/Size 20 /Root 1 0 R /Encrypt 4 0 R ${trailer}`).end().bytes();
  return openPdf(memorySource(file));
}

function languageOf(pdf: PdfFile): string | null {
  const lang = pdf.get(pdf.catalog, 'Lang');
  return isKind(lang, 'string') ? textOf(lang) : null;
}

describe.each(ALGORITHMS)('%s', (algorithm) => {
  it('opens where the password is empty', () => {
    expect(languageOf(encrypted({ algorithm }))).toBe('zh-CN');
  });

  it('does not open where it is another', () => {
    expect(codeOf(() => encrypted({ algorithm, userPassword: 'x' }))).toBe('PDF_ENCRYPTED');
  });

  it('opens with its dictionary in the trailer, and with its values as objects of their own', () => {
    const { dictionary, cipher } = encryption({ algorithm, fileId: fromHex(ID_HEX) });
    const pdf = new RawPdf(undefined, cipher)
      .object(1, '<< /Type /Catalog /Pages 2 0 R /Lang (zh-CN) >>')
      .object(2, '<< /Type /Pages /Kids [3 0 R] /Count 1 >>')
      .object(3, '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>');
    const user = /\/U (<\w+>)/.exec(dictionary)?.[1] ?? '';
    const outside = dictionary.replace(user, '5 0 R').replace('/Filter /Standard', '/Filter 6 0 R');
    pdf.clearObject(5, user).clearObject(6, '/Standard');
    const trailer = `/Size 7 /Root 1 0 R /ID [<${ID_HEX}> <${ID_HEX}>]`;
    const file = pdf.table(`${trailer} /Encrypt ${outside}`).end().bytes();
    expect(languageOf(openPdf(memorySource(file)))).toBe('zh-CN');
    const extended = openPdf(memorySource(extendedBy(file, incrementOf(file))));
    expect(languageOf(extended)).toBe('zh-CN');
    expect(extended.signatureFields()).toMatchObject([{ value: { name: '测试 TEST' } }]);
  });

  it.each(['O', 'U', 'P', 'R', 'Filter'])('is not guessed at without /%s', (key) => {
    const without = (dictionary: string): string => dictionary.replace(`/${key} `, `/No${key} `);
    expect(codeOf(() => encrypted({ algorithm }, without))).toBe('PDF_UNREADABLE');
  });

  it.each([
    ['/P', '/P (-4)'],
    ['/P', '/P 1.5'],
    ['/P', '/P 99999999999'],
    ['/U', '/U /Name'],
    ['/U', '/U <00>'],
    ['/O', '/O []'],
    ['/R', '/R (3)'],
    ['/Filter', '/Filter (Standard)'],
  ])('is unreadable with %s as %s', (key, other) => {
    const changed = (dictionary: string): string =>
      dictionary.replace(new RegExp(`${key} (?:<\\w+>|/?[\\w-]+)`), () => other);
    expect(codeOf(() => encrypted({ algorithm }, changed))).toBe('PDF_UNREADABLE');
  });

  it('is refused with a key given twice', () => {
    const twice = (dictionary: string): string => dictionary.replace('/P ', '/P 0 /P ');
    expect(codeOf(() => encrypted({ algorithm }, twice))).toBe('PDF_SHAPE_UNSUPPORTED');
  });
});

describe('an encryption dictionary', () => {
  const changed = (options: Options, from: string | RegExp, to: string) => (): unknown =>
    encrypted(options, (dictionary) => {
      expect(dictionary).toMatch(from);
      return dictionary.replace(from, to);
    });

  it.each([
    ['rc4-128', '/V 2', '/V 3'],
    ['rc4-128', '/V 2', '/V 0'],
    ['rc4-128', '/V 2', ''],
    ['rc4-128', '/R 3', '/R 7'],
    ['aes-256', '/V 5', '/V 6'],
    ['aes-256', '/V 5', '/V 4'],
    ['aes-128', '/CFM /AESV2', '/CFM /AESV3'],
    ['aes-128', '/CFM /AESV2', '/CFM /None'],
    ['aes-128', '/CFM /AESV2', ''],
    ['aes-128', '/StmF /StdCF', '/StmF /Other'],
    ['aes-128', '/StrF /StdCF', '/StrF (StdCF)'],
    ['aes-128', /\/CF <<.*>> >>/, '/CF []'],
    ['aes-128', '/Filter /Standard', '/Filter /Adobe.PubSec'],
    ['aes-128', '/Filter /Standard', '/Filter /FOPN_fLock'],
  ] as const)('of an algorithm that is not known is refused: %s with %s as %s', (algorithm, from, to) => {
    expect(codeOf(changed({ algorithm }, from, to))).toBe('PDF_ENCRYPTED');
  });

  it.each(['/Length 0', '/Length 129', '/Length 136', '/Length 4000000000', '/Length -8', '/Length (128)'])(
    'of a key of no possible length is unreadable: %s',
    (length) => {
      expect(codeOf(changed({ algorithm: 'rc4-128' }, '/Length 128', length))).toBe('PDF_UNREADABLE');
    },
  );

  it('of a length that is given in bytes is understood', () => {
    const bytes = (dictionary: string): string => dictionary.replace('/Length 128', '/Length 16');
    expect(languageOf(encrypted({ algorithm: 'rc4-128' }, bytes))).toBe('zh-CN');
  });

  it('of another key length than was used does not open', () => {
    expect(codeOf(changed({ algorithm: 'rc4-128' }, '/Length 128', '/Length 64'))).toBe('PDF_ENCRYPTED');
  });

  it.each(['UE', 'Perms'])('of AES-256 without /%s is unreadable', (key) => {
    expect(codeOf(changed({ algorithm: 'aes-256' }, `/${key} `, `/No${key} `))).toBe('PDF_UNREADABLE');
  });

  it('of strings that are filled up with zeros is understood', () => {
    const longer = (dictionary: string): string =>
      dictionary.replaceAll(/(\/[OU] <)(\w+)>/g, (_, key: string, hex: string) => `${key}${hex.padEnd(254, '0')}>`);
    expect(languageOf(encrypted({ algorithm: 'aes-256-r5' }, longer))).toBe('zh-CN');
  });

  it('that leads in a circle ends', () => {
    expect(codeOf(() => encrypted({ algorithm: 'aes-128' }, () => '4 0 R'))).toBe('PDF_UNREADABLE');
    const circle = (pdf: RawPdf): RawPdf => pdf.clearObject(5, '6 0 R').clearObject(6, '5 0 R');
    const toCircle = (dictionary: string): string => dictionary.replace(/\/U <\w+>/, '/U 5 0 R');
    expect(codeOf(() => encrypted({ algorithm: 'aes-128' }, toCircle, circle))).toBe('PDF_UNREADABLE');
  });

  it.each([
    ['/StrF /StdCF', '/StrF /Identity', { strings: 'identity', streams: 'aes128', embeddedFiles: 'aes128' }],
    ['/StrF /StdCF', '', { strings: 'identity', streams: 'aes128', embeddedFiles: 'aes128' }],
    [
      '/StmF /StdCF',
      '/StmF /Identity /EFF /StdCF',
      { strings: 'aes128', streams: 'identity', embeddedFiles: 'aes128' },
    ],
    ['/CF <<', '/CF << /Identity << /CFM /AESV2 >>', { strings: 'aes128', streams: 'aes128' }],
  ] as const)('gives strings, streams and files a filter each: %s as %s', (from, to, expected) => {
    const { encryption } = encrypted({ algorithm: 'aes-128' }, (dictionary) => dictionary.replace(from, to));
    expect(encryption).toMatchObject(expected);
    expect(encryption?.filters.get('Identity')).toBe('identity');
  });

  it('of more crypt filters than anyone defines is beyond the bounds', () => {
    const many = Array.from({ length: 65 }, (_, i) => `/F${i} << /CFM /AESV2 >>`).join(' ');
    expect(codeOf(changed({ algorithm: 'aes-128' }, '/CF <<', `/CF << ${many}`))).toBe('PDF_LIMIT');
  });

  it.each(['null', '[]', '(text)', '12', '<< >>'])('that is none is not passed over: %s', (body) => {
    expect(codeOf(() => encrypted({ algorithm: 'aes-128' }, () => body))).toBe('PDF_UNREADABLE');
  });

  it('that stands inside what it encrypts is refused', () => {
    const { dictionary, cipher } = encryption({ algorithm: 'aes-128', fileId: fromHex(ID_HEX) });
    const pdf = new RawPdf(undefined, cipher)
      .object(1, '<< /Type /Catalog /Pages 2 0 R >>')
      .object(2, '<< /Type /Pages /Kids [] /Count 0 >>')
      .objects(3, new Map([[4, dictionary]]))
      .xrefStream(5, `/Size 6 /Root 1 0 R /Encrypt 4 0 R /ID [<${ID_HEX}> <${ID_HEX}>]`);
    expect(codeOf(() => openPdf(memorySource(pdf.end().bytes())))).toBe('PDF_UNREADABLE');
  });

  it.each([
    ['itself', 4],
    ['a value in it', 5],
  ])('of which an update overrides %s is refused', (_, number) => {
    const { dictionary, cipher } = encryption({ algorithm: 'aes-128', fileId: fromHex(ID_HEX) });
    const trailer = `/Size 6 /Root 1 0 R /Encrypt 4 0 R /ID [<${ID_HEX}> <${ID_HEX}>]`;
    const pdf = new RawPdf(undefined, cipher)
      .object(1, '<< /Type /Catalog /Pages 2 0 R >>')
      .object(2, '<< /Type /Pages /Kids [] /Count 0 >>')
      .clearObject(4, dictionary.replace('/AESV2', '5 0 R'))
      .clearObject(5, '/AESV2')
      .table(trailer)
      .end();
    expect(openPdf(memorySource(pdf.bytes())).encryption?.streams).toBe('aes128');
    const previous = pdf.startxref;
    const other = number === 4 ? dictionary.replaceAll('/StdCF', '/Identity') : '/V2';
    pdf.clearObject(number, other).table(`${trailer} /Prev ${previous}`).end();
    expect(codeOf(() => openPdf(memorySource(pdf.bytes())))).toBe('PDF_ENCRYPTED');
  });

  it('that a linearized file’s second section does not name is understood', () => {
    const { dictionary, cipher } = encryption({ algorithm: 'rc4-128', fileId: fromHex(ID_HEX) });
    const rest = new RawPdf(undefined, cipher)
      .object(2, '<< /Type /Pages /Kids [] /Count 0 >>')
      .object(1, '<< /Type /Catalog /Pages 2 0 R /Lang (zh-CN) >>')
      .clearObject(3, dictionary);
    const text = Buffer.from(rest.bytes()).toString('latin1');
    const entryOf = (number: number, shift: number): string =>
      `${String(text.indexOf(`\n${number} 0 obj`) + 1 + shift).padStart(10, '0')} 00000 n \n`;
    const headerEnd = text.indexOf('2 0 obj');
    const first = (shift: number, previous: number): string =>
      `xref\n1 1\n${entryOf(1, shift)}3 1\n${entryOf(3, shift)}trailer\n<< /Size 4 /Root 1 0 R /Encrypt 3 0 R ` +
      `/ID [<${ID_HEX}> <${ID_HEX}>] /Prev ${String(previous).padStart(10, '0')} >>\nstartxref\n0\n%%EOF\n`;
    const shift = first(0, 0).length;
    const second = `xref\n0 1\n0000000000 65535 f \n2 1\n${entryOf(2, shift)}trailer\n<< /Size 3 >>\n`;
    const file =
      text.slice(0, headerEnd) +
      first(shift, text.length + shift) +
      text.slice(headerEnd) +
      `${second}startxref\n${headerEnd}\n%%EOF\n`;
    expect(languageOf(openPdf(memorySource(latin1Bytes(file))))).toBe('zh-CN');
  });

  it('that an update lists again where it stands is understood', () => {
    const { dictionary, cipher } = encryption({ algorithm: 'rc4-128', fileId: fromHex(ID_HEX) });
    const trailer = `/Size 5 /Root 1 0 R /Encrypt 4 0 R /ID [<${ID_HEX}> <${ID_HEX}>]`;
    const pdf = new RawPdf(undefined, cipher)
      .object(1, '<< /Type /Catalog /Pages 2 0 R /Lang (zh-CN) >>')
      .object(2, '<< /Type /Pages /Kids [] /Count 0 >>');
    const place = pdf.length;
    pdf.clearObject(4, dictionary).table(trailer).end();
    const [previous, at] = [pdf.startxref, pdf.length];
    const entry = `${String(place).padStart(10, '0')} 00000 n \n`;
    pdf.raw(`xref\n4 1\n${entry}trailer\n<< ${trailer} /Prev ${previous} >>\n`).end(at);
    expect(languageOf(openPdf(memorySource(pdf.bytes())))).toBe('zh-CN');
  });

  it('that another revision gives otherwise is refused', () => {
    const { dictionary, cipher } = encryption({ algorithm: 'rc4-128', fileId: fromHex(ID_HEX) });
    const trailer = `/Size 6 /Root 1 0 R /ID [<${ID_HEX}> <${ID_HEX}>]`;
    const pdf = new RawPdf(undefined, cipher)
      .object(1, '<< /Type /Catalog /Pages 2 0 R >>')
      .object(2, '<< /Type /Pages /Kids [] /Count 0 >>')
      .clearObject(4, dictionary)
      .table(`${trailer} /Encrypt 4 0 R`)
      .end();
    const previous = pdf.startxref;
    pdf.clearObject(5, dictionary).table(`${trailer} /Encrypt 5 0 R /Prev ${previous}`).end();
    expect(codeOf(() => openPdf(memorySource(pdf.bytes())))).toBe('PDF_ENCRYPTED');
  });
});

describe('a string that a careless update left in the clear', () => {
  const { dictionary, cipher } = encryption({ algorithm: 'aes-256', fileId: fromHex(ID_HEX) });
  const file = new RawPdf(undefined, cipher)
    .clearObject(1, '<< /Type /Catalog /Pages 2 0 R /Lang (zh-CN) >>')
    .object(2, '<< /Type /Pages /Kids [3 0 R] /Count 1 >>')
    .object(3, '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>')
    .clearObject(4, dictionary)
    .table(`/Size 5 /Root 1 0 R /Encrypt 4 0 R /ID [<${ID_HEX}> <${ID_HEX}>]`)
    .end()
    .bytes();

  it('stays what it is in the file when its object is overridden', () => {
    const before = openPdf(memorySource(file));
    const after = openPdf(memorySource(extendedBy(file, incrementOf(file))));
    expect(after.catalog.entries.has('AcroForm')).toBe(true);
    expect(before.get(before.catalog, 'Lang')).toMatchObject({ irregular: { bytes: latin1Bytes('zh-CN') } });
    expect(after.get(after.catalog, 'Lang')).toMatchObject({ irregular: { bytes: latin1Bytes('zh-CN') } });
  });
});

describe('what the owner grants', () => {
  const PRINT_ONLY = -1852;
  const granted = (permissions: number, algorithm: Options['algorithm'] = 'rc4-128'): unknown =>
    encrypted({ algorithm, permissions }).encryption?.permissions;
  const ALL = { changePages: true, addFields: true, fillFields: true };
  const NONE = { changePages: false, addFields: false, fillFields: false };

  it.each([
    ['all', -4, ALL],
    ['all but changes of pages', -12, { ...ALL, changePages: false, addFields: false }],
    ['all but annotations', -36, { changePages: true, addFields: false, fillFields: true }],
    ['forms to fill', PRINT_ONLY + 256, { ...NONE, fillFields: true }],
    ['printing only', PRINT_ONLY, NONE],
  ])('is told by its bits: %s', (_, permissions, expected) => {
    for (const algorithm of ['rc4-128', 'aes-128', 'aes-256'] as const) {
      expect(granted(permissions, algorithm)).toEqual(expected);
    }
  });

  it('has no bit 9 in revision 2', () => {
    expect(granted(-36, 'rc4-40')).toMatchObject({ fillFields: false });
  });

  it('may be given without its sign', () => {
    const unsigned = (dictionary: string): string => dictionary.replace('/P -1852', `/P ${2 ** 32 - 1852}`);
    const { encryption } = encrypted({ algorithm: 'rc4-128', permissions: PRINT_ONLY }, unsigned);
    expect(encryption?.permissions).toEqual(NONE);
  });

  it('is not believed where it is not what was encrypted with the key', () => {
    const changed =
      (from: string | RegExp, to: string) =>
      (dictionary: string): string =>
        dictionary.replace(from, to);
    const more = changed('/P -1852', '/P -4');
    expect(codeOf(() => encrypted({ algorithm: 'aes-256', permissions: PRINT_ONLY }, more))).toBe('PDF_UNREADABLE');
    const forged = changed(/\/Perms <\w+>/, `/Perms <${'00'.repeat(16)}>`);
    expect(codeOf(() => encrypted({ algorithm: 'aes-256' }, forged))).toBe('PDF_UNREADABLE');
  });

  it('is overridden only by what needs it', () => {
    const plan = (name: string, marks?: []): boolean =>
      incrementOf(pdfFixture('extended', name), marks === undefined ? {} : { marks }).overridesPermissions;
    expect(plan('encrypted-print-only')).toBe(true);
    expect(plan('encrypted-print-only', [])).toBe(true);
    expect(plan('encrypted-aes-128')).toBe(false);
    expect(plan('classic-table')).toBe(false);
  });
});

describe('damage to an encrypted document', () => {
  const names = pdfFixtures('extended').filter((name) => name.startsWith('encrypted-'));
  const files = fc.constantFrom(...names).map((name) => Uint8Array.from(pdfFixture('extended', name)));

  const survives = (bytes: Uint8Array): void => {
    try {
      openPdf(memorySource(bytes)).pages();
      incrementOf(bytes, { signature: signatureRequest() });
    } catch (error) {
      if (!isAppError(error) || error.code === 'INTERNAL') throw error;
    }
  };

  it('ends in an increment or an AppError', () => {
    fc.assert(fc.property(mutations(files), survives), { numRuns: 300 });
  });

  it('of its encryption dictionary too', () => {
    const damaged = fc.tuple(files, fc.nat(), fc.nat(255)).map(([bytes, at, value]) => {
      const start = Buffer.from(bytes).indexOf('/Filter /Standard');
      const length = bytes.indexOf(0x0a, start) - start;
      bytes[start + (at % length)] = value;
      return bytes;
    });
    fc.assert(fc.property(damaged, survives), { numRuns: 400 });
  });
});
