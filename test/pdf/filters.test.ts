import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { CATALOG, pagesOf } from '../../scripts/pdf/plain-page.ts';
import { RawPdf } from '../../scripts/pdf/raw-pdf.ts';
import { fromHex, latin1Bytes, latin1Text } from '../../src/bytes.ts';
import { isAppError } from '../../src/errors.ts';
import { decodeAscii85, decodeAsciiHex, decodeLzw, decodeRunLength } from '../../src/pdf/filters.ts';
import { pdfArray, pdfDict, pdfName } from '../../src/pdf/object.ts';
import { decodeStream } from '../../src/pdf/stream-data.ts';
import { mutations } from '../support/mutations.ts';
import { describeTool, runTool } from '../support/tools.ts';

const folder = mkdtempSync(join(tmpdir(), 'zhiyin-filters-'));
afterAll(() => rmSync(folder, { recursive: true }));

const MANY = 1_000_000;

/** LZW with one code a byte of a growing table: enough to make a decoder go through all widths. */
function encodeLzw(data: Uint8Array, early: boolean): Uint8Array {
  const out: number[] = [];
  let [buffer, held, bits] = [0, 0, 9];
  const put = (code: number): void => {
    buffer = (buffer << bits) | code;
    for (held += bits; held >= 8; held -= 8) out.push((buffer >> (held - 8)) & 0xff);
    buffer &= (1 << held) - 1;
  };
  let table = new Map<string, number>();
  let sequence = '';
  const codeOf = (text: string): number => (text.length === 1 ? text.charCodeAt(0) : (table.get(text) ?? -1));
  put(256);
  for (const byte of data) {
    const longer = sequence + String.fromCharCode(byte);
    if (longer.length === 1 || table.has(longer)) {
      sequence = longer;
      continue;
    }
    put(codeOf(sequence));
    table.set(longer, 258 + table.size);
    const width = 258 + table.size + (early ? 0 : -1);
    bits = width > 2047 ? 12 : width > 1023 ? 11 : width > 511 ? 10 : 9;
    if (table.size > 3800) {
      put(256);
      [table, bits] = [new Map(), 9];
    }
    sequence = String.fromCharCode(byte);
  }
  if (sequence !== '') put(codeOf(sequence));
  put(257);
  if (held > 0) out.push((buffer << (8 - held)) & 0xff);
  return Uint8Array.from(out);
}

describe('filters', () => {
  it('LZW as the standard’s example (7.4.4.2)', () => {
    const decoded = decodeLzw(fromHex('800B6050220C0C8501'), true, MANY);
    expect([...decoded]).toEqual([45, 45, 45, 45, 45, 65, 45, 45, 45, 66]);
  });

  it('LZW of any data, with codes that become longer one early or not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20_000, size: 'max', max: 3 }), fc.boolean(), (data, early) => {
        expect(decodeLzw(encodeLzw(data, early), early, MANY)).toEqual(data);
      }),
      { numRuns: 30 },
    );
  });

  it('ASCII85, a group cut short and a group of zeros (7.4.3)', () => {
    expect(latin1Text(decodeAscii85(latin1Bytes('9jqo^BlbD-BleB1DJ+*+F(f,q~>'), MANY))).toBe('Man is distinguished');
    expect([...decodeAscii85(latin1Bytes('z 9jq\no^'), MANY)]).toEqual([0, 0, 0, 0, ...latin1Bytes('Man ')]);
    expect([...decodeAscii85(latin1Bytes('9jqo'), MANY)]).toEqual([...latin1Bytes('Man')]);
  });

  it('ASCIIHex, an odd digit at the end (7.4.2)', () => {
    expect([...decodeAsciiHex(latin1Bytes('901f A>zz'), MANY)]).toEqual([0x90, 0x1f, 0xa0]);
  });

  it('run lengths (7.4.5)', () => {
    expect(latin1Text(decodeRunLength(Uint8Array.of(2, 97, 98, 99, 254, 100, 128, 1), MANY))).toBe('abcddd');
  });

  it('one after the other, as the stream lists them', () => {
    const text = latin1Bytes('BT (chained) Tj ET');
    const hex = latin1Bytes(`${deflateSync(text).toString('hex')}>`);
    const dict = pdfDict({ Filter: pdfArray([pdfName('ASCIIHexDecode'), pdfName('FlateDecode')]) });
    expect(decodeStream(dict, hex, { maxBytes: MANY })).toEqual(Buffer.from(text));
  });

  it('take data that end early, or whose checksum is wrong, where readers take them', () => {
    const dict = pdfDict({ Filter: pdfName('FlateDecode') });
    const whole = deflateSync(Buffer.from('q 1 0 0 1 0 0 cm Q '.repeat(200)), { level: 0 });
    const [cut, wrong] = [whole.subarray(0, 2000), Uint8Array.from(whole)];
    wrong[whole.length - 1] = (wrong.at(-1) ?? 0) ^ 1;
    for (const data of [cut, wrong]) {
      const strict = (): unknown => decodeStream(dict, data, { maxBytes: MANY });
      expect(strict).toThrow(expect.objectContaining({ code: 'PDF_UNREADABLE' }) as Error);
      const lenient = decodeStream(dict, data, { maxBytes: MANY, lenient: true });
      expect(latin1Text(lenient)).toMatch(/^q 1 0 0 1 0 0 cm Q /);
    }
  });

  it.each(['ASCII85Decode', 'ASCIIHexDecode', 'LZWDecode', 'RunLengthDecode', 'FlateDecode'])(
    '%s of any data ends within its bound, or by an error with a code',
    (name) => {
      const dict = pdfDict({ Filter: pdfName(name) });
      const valid = fc.constantFrom(
        latin1Bytes('9jqo^BlbD-BleB1DJ+*+~>'),
        latin1Bytes('90 1f A0>'),
        encodeLzw(latin1Bytes('abcabcabcabcabc'.repeat(30)), true),
        Uint8Array.of(2, 97, 98, 99, 129, 100, 128),
        deflateSync('abc'.repeat(100)),
      );
      fc.assert(
        fc.property(mutations(valid), fc.boolean(), (data, lenient) => {
          try {
            expect(decodeStream(dict, data, { maxBytes: 300, lenient }).length).toBeLessThanOrEqual(300);
          } catch (error) {
            if (!isAppError(error, 'PDF_UNREADABLE', 'PDF_LIMIT')) throw error;
          }
        }),
        { numRuns: 300 },
      );
    },
  );
});

describeTool('qpdf', 'qpdf', () => {
  it.each([true, false])('decodes the LZW of these tests to the same, early change %s', (early) => {
    const data = Uint8Array.from({ length: 30_000 }, (_, i) => (i * i) % 7);
    const pdf = new RawPdf().object(1, CATALOG).object(2, pagesOf());
    pdf.stream(3, encodeLzw(data, early), `/Filter /LZWDecode /DecodeParms << /EarlyChange ${early ? 1 : 0} >>`);
    const path = join(folder, 'lzw.pdf');
    writeFileSync(path, pdf.table('/Size 4 /Root 1 0 R').end().bytes());
    const { stdout } = runTool('qpdf', ['--show-object=3', '--filtered-stream-data', path]);
    expect(stdout).toBe(latin1Text(data));
  });
});
