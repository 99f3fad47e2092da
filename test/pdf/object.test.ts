import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latin1Bytes } from '../../src/bytes.ts';
import { isAppError } from '../../src/errors.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { Lexer } from '../../src/pdf/lexer.ts';
import { pdfArray, pdfDict, pdfName, pdfRef, pdfText, serialize, textOf } from '../../src/pdf/object.ts';
import type { PdfObject, PdfString } from '../../src/pdf/object.ts';

function parse(text: string | Uint8Array): PdfObject {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
  return new Lexer(memorySource(bytes), 0, false).object();
}

function codeOf(text: string): string | null {
  try {
    parse(text);
    return null;
  } catch (error) {
    if (isAppError(error)) return error.code;
    throw error;
  }
}

function stringOf(text: string): string {
  return Buffer.from((parse(text) as PdfString).bytes).toString('latin1');
}

describe('objects as ISO 32000-2, 7.3 writes them', () => {
  it('numbers (7.3.3)', () => {
    const examples = ['123', '43445', '+17', '-98', '0', '34.5', '-3.62', '+123.6', '4.', '-.002', '0.0', '009.87'];
    expect(examples.map(parse)).toEqual([123, 43445, 17, -98, 0, 34.5, -3.62, 123.6, 4, -0.002, 0, 9.87]);
  });

  it('literal strings (7.3.4.2)', () => {
    expect(stringOf('(Strings can contain balanced parentheses () and special characters (*!&}^%).)')).toBe(
      'Strings can contain balanced parentheses () and special characters (*!&}^%).',
    );
    expect(stringOf('()')).toBe('');
    expect(stringOf('(These \\\ntwo strings \\\r\nare the same.)')).toBe('These two strings are the same.');
    expect(stringOf('(line\r\nends\rare\nLF)')).toBe('line\nends\nare\nLF');
    expect(stringOf('(\\n\\r\\t\\b\\f\\(\\)\\\\\\x)')).toBe('\n\r\t\b\f()\\x');
    expect(stringOf('(This string contains \\245two octal characters\\307.)')).toBe(
      'This string contains \xa5two octal characters\xc7.',
    );
    expect(stringOf('(\\0053\\53\\5)')).toBe('\x053+\x05');
  });

  it('hexadecimal strings (7.3.4.3)', () => {
    expect(stringOf('<4E6F762073686D6F7A206B6120706F702E>')).toBe('Nov shmoz ka pop.');
    expect(stringOf('<90 1fA3\n>')).toBe('\x90\x1f\xa3');
    expect(stringOf('<901FA>')).toBe('\x90\x1f\xa0');
  });

  it('names (7.3.5)', () => {
    const examples = [
      '/Name1',
      '/ASomewhatLongerName',
      '/A;Name_With-Various***Characters?',
      '/1.2',
      '/$$',
      '/@pattern',
    ];
    expect(examples.map(parse)).toEqual(examples.map((text) => pdfName(text.slice(1))));
    expect(parse('/Lime#20Green')).toEqual(pdfName('Lime Green'));
    expect(parse('/paired#28#29parentheses')).toEqual(pdfName('paired()parentheses'));
    expect(parse('/The_Key_of_F#23_Minor')).toEqual(pdfName('The_Key_of_F#_Minor'));
    expect(parse('/A#42')).toEqual(pdfName('AB'));
    expect(parse('/ ')).toEqual(pdfName(''));
  });

  it('arrays, dictionaries, references, comments (7.3.6, 7.3.7, 7.3.10, 7.2.4)', () => {
    expect(parse('[549 3.14 false (Ralph) /SomeName 12 0 R null]')).toEqual(
      pdfArray([
        549,
        3.14,
        false,
        { kind: 'string', bytes: latin1Bytes('Ralph'), hex: false },
        pdfName('SomeName'),
        pdfRef(12),
        null,
      ]),
    );
    expect(parse('[1 2 3 R 4 R1 5]'.replace(' R1', ''))).toEqual(pdfArray([1, pdfRef(2, 3), 4, 5]));
    expect(parse('<</A<</B 1>>/C%comment >>\n[2]>>')).toEqual(pdfDict({ A: pdfDict({ B: 1 }), C: pdfArray([2]) }));
  });

  it('notes keys that are written twice, and keeps the last', () => {
    const dict = parse('<< /A 1 /B 2 /A 3 >>');
    expect(dict).toMatchObject({
      duplicates: ['A'],
      entries: new Map([
        ['A', 3],
        ['B', 2],
      ]),
    });
  });

  it('remembers where strings of a file stood', () => {
    const lexer = new Lexer(memorySource(latin1Bytes('<< /Contents <0a0B> /T (x(y)) >>')), 0);
    const dict = lexer.object() as ReturnType<typeof pdfDict>;
    expect(dict.entries.get('Contents')).toMatchObject({ span: { start: 13, end: 19 } });
    expect(dict.entries.get('T')).toMatchObject({ span: { start: 23, end: 29 } });
  });

  it.each([
    '--5',
    '1-2',
    '.',
    '1.2.3',
    '1e5',
    '12abc',
    'nil',
    '<12G4>',
    '<< 1 2 >>',
    ']',
    '>>',
    '[1 endobj]',
    '<</A 1>',
  ])('refuses %s', (text) => expect(codeOf(`${text} `)).toBe('PDF_UNREADABLE'));

  it.each(['', '[1 2', '<< /A', '(no end', '(no end\\', '<41', '<< /A 1 >'])('says that %j is cut off', (text) => {
    expect(codeOf(text)).toBe('PDF_TRUNCATED');
  });

  it('bounds depth, number of values, and length', () => {
    expect(codeOf('['.repeat(102) + ']'.repeat(102))).toBe('PDF_LIMIT');
    expect(codeOf('['.repeat(101) + ']'.repeat(101))).toBeNull();
    expect(codeOf('['.repeat(10_000_000))).toBe('PDF_LIMIT');
    expect(codeOf(`[${'0 '.repeat(1_000_001)}]`)).toBe('PDF_LIMIT');
    expect(codeOf(`(${'x'.repeat(9_000_000)})`)).toBe('PDF_LIMIT');
    expect(codeOf(`${'%\n'.repeat(5_000_000)}1`)).toBe('PDF_LIMIT');
    expect(codeOf('9'.repeat(401))).toBe('PDF_LIMIT');
    expect(codeOf('9'.repeat(400))).toBe('PDF_LIMIT');
  });
});

const bytes = fc.uint8Array({ maxLength: 40 });
const names = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)) });
const objects = fc.letrec<{ object: PdfObject }>((tie) => ({
  object: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<PdfObject>(null, true, false),
    fc.integer(),
    fc
      .double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 })
      .map((value) => Number(value.toFixed(6)) + 0),
    names.map(pdfName),
    fc.tuple(bytes, fc.boolean()).map(([bytes, hex]): PdfObject => ({ kind: 'string', bytes, hex })),
    fc.tuple(fc.nat(8_388_607), fc.nat(65_535)).map(([number, generation]) => pdfRef(number, generation)),
    fc.array(tie('object'), { maxLength: 5 }).map(pdfArray),
    fc.dictionary(names, tie('object'), { maxKeys: 5 }).map((entries) => pdfDict(new Map(Object.entries(entries)))),
  ),
})).object;

describe('written and read again', () => {
  it('any object is the same', () => {
    fc.assert(
      fc.property(objects, fc.constantFrom('', ' ', '%x\n'), (object, after) => {
        expect(parse(serialize(object) + after)).toEqual(object);
      }),
      { numRuns: 300 },
    );
  });

  it('an object is the same wherever windows onto the file begin', () => {
    fc.assert(
      fc.property(objects, fc.integer({ min: 4000, max: 4100 }), (object, padding) => {
        const text = `${' '.repeat(padding)}${serialize(object)}`;
        expect(parse(text)).toEqual(object);
      }),
      { numRuns: 100 },
    );
  });

  it('any bytes end in an object or an AppError', () => {
    const words = fc.constantFrom(
      '<<',
      '>>',
      '[',
      ']',
      '(',
      ')',
      '<',
      '/A',
      '1',
      '0 R',
      'stream',
      '%',
      '\\',
      '#4',
      '.',
      '-',
      '\n',
    );
    const texts = fc.oneof(
      fc.array(words, { maxLength: 60 }).map((parts) => latin1Bytes(parts.join(' '))),
      bytes,
    );
    fc.assert(
      fc.property(texts, (text) => {
        codeOf(Buffer.from(text).toString('latin1'));
      }),
      { numRuns: 500 },
    );
  });

  it('text strings are the same, plain or not (7.9.2.2)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(textOf(pdfText(text))).toBe(text);
      }),
    );
    expect(pdfText('plain')).toMatchObject({ hex: false });
  });
});

describe('text of strings', () => {
  it('decodes UTF-16BE, UTF-8 and PDFDocEncoding', () => {
    expect(textOf(parse('<FEFF6D4B8BD5>') as PdfString)).toBe('测试');
    expect(textOf(parse('<EFBBBFE6B58B>') as PdfString)).toBe('测');
    expect(textOf(parse('<8085929EA041>') as PdfString)).toBe('•–™ž€A');
  });
});
