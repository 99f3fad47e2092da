/**
 * One line of text, written in the ways that programs write Chinese: by hand, without a PDF library, the same bytes at every run.
 * The line begins 50 mm from the left and 100 mm from the top of the page as seen, unless the fixture says otherwise.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { openFont } from './agreement/font-subset.ts';
import { RawPdf } from './pdf/raw-pdf.ts';

const LINE = '当事人甲（签名）：2023年6月15日';
const SIZE = 14;
const MM = 72 / 25.4;
const [WIDTH, HEIGHT] = [210 * MM, 297 * MM];
const [X, Y] = [50 * MM, HEIGHT - 100 * MM];

interface Font {
  /** Of object 5 and those after it. */
  readonly objects: (pdf: RawPdf) => void;
  /** The text's codes, hexadecimal, one element a character. */
  readonly codes: readonly string[];
}

function hex(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** GBK, from the decoder that the platform has. */
function gbk(text: string): string[] {
  const codes = new Map<string, string>();
  const decoder = new TextDecoder('gbk', { fatal: true });
  for (let lead = 0x81; lead <= 0xfe; lead++) {
    for (let trail = 0x40; trail <= 0xfe; trail++) {
      try {
        codes.set(decoder.decode(Uint8Array.of(lead, trail)), hex([lead, trail]));
      } catch {
        // No character has that code.
      }
    }
  }
  return Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x80 ? hex([code]) : (codes.get(character) as string);
  });
}

function utf16(text: string): string[] {
  return Array.from(text, (character) => (character.codePointAt(0) ?? 0).toString(16).padStart(4, '0'));
}

/** A font of the reader's, by a character collection that PDF knows (ISO 32000-2, 9.7.5.2). */
function collection(encoding: string, codes: readonly string[]): Font {
  return {
    codes,
    objects: (pdf) =>
      pdf
        .object(
          5,
          `<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light-${encoding} /Encoding /${encoding} /DescendantFonts [6 0 R] >>`,
        )
        .object(
          6,
          '<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 4 >> /FontDescriptor 7 0 R /DW 1000 >>',
        )
        .object(
          7,
          '<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] /ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>',
        ),
  };
}

/** Numbers of glyphs of an embedded font; `toUnicode` is its way back to text, if it has one. */
function embedded(pieces: readonly string[], withMap: boolean): Font {
  const font = openFont(400);
  const subset = font.createSubset();
  const codes = pieces.map((piece) => {
    const glyph = font.glyphForCodePoint(piece.codePointAt(0) ?? 0);
    return subset.includeGlyph(glyph).toString(16).padStart(4, '0');
  });
  const entries = pieces.map((piece, i) => `<${codes[i]}> <${utf16(piece).join('')}>`);
  const map = [
    '/CIDInit /ProcSet findresource begin 12 dict begin begincmap',
    '/CMapName /Adobe-Identity-UCS def /CMapType 2 def',
    '1 begincodespacerange <0000> <ffff> endcodespacerange',
    `${entries.length} beginbfchar`,
    ...entries,
    'endbfchar endcmap CMapName currentdict /CMap defineresource pop end end',
  ].join('\n');
  return {
    codes,
    objects: (pdf) => {
      pdf.object(
        5,
        `<< /Type /Font /Subtype /Type0 /BaseFont /ZHIYIN+Serif /Encoding /Identity-H /DescendantFonts [6 0 R] ${withMap ? '/ToUnicode 9 0 R' : ''} >>`,
      );
      pdf.object(
        6,
        '<< /Type /Font /Subtype /CIDFontType2 /BaseFont /ZHIYIN+Serif /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /FontDescriptor 7 0 R /DW 1000 /CIDToGIDMap /Identity >>',
      );
      pdf.object(
        7,
        '<< /Type /FontDescriptor /FontName /ZHIYIN+Serif /Flags 4 /FontBBox [-25 -254 1000 880] /ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 /FontFile2 8 0 R >>',
      );
      pdf.stream(8, deflateSync(subset.encode()), '/Filter /FlateDecode');
      if (withMap) pdf.stream(9, map);
    },
  };
}

interface Fixture {
  readonly font: Font;
  /** Operators between BT and ET; absent: all codes in one string. */
  readonly show?: (codes: readonly string[]) => string;
  /** Where the line is written: the text matrix; absent: upright at (X, Y). */
  readonly matrix?: string;
  readonly rotate?: 0 | 90 | 180 | 270;
}

function one(codes: readonly string[]): string {
  return `<${codes.join('')}> Tj`;
}

/** Each character a text object of its own, the last one first, as some printer drivers write. */
function scattered(codes: readonly string[]): string {
  return codes
    .map((code, i) => `1 0 0 1 ${(X + i * SIZE).toFixed(3)} ${Y.toFixed(3)} Tm <${code}> Tj`)
    .toReversed()
    .join('\n');
}

/** With white space between all characters, as justified text is set. */
function spread(codes: readonly string[]): string {
  return `[${codes.map((code) => `<${code}> -180`).join(' ')}] TJ`;
}

/** The same place as seen on a page that is turned for display. */
const TURNED = {
  90: `0 1 -1 0 ${(HEIGHT - Y).toFixed(3)} ${X.toFixed(3)}`,
  180: `-1 0 0 -1 ${(WIDTH - X).toFixed(3)} ${(HEIGHT - Y).toFixed(3)}`,
  270: `0 -1 1 0 ${Y.toFixed(3)} ${(WIDTH - X).toFixed(3)}`,
} as const;

function fixtures(): Readonly<Record<string, Fixture>> {
  const characters = Array.from(LINE);
  const whole = embedded(characters, true);
  // One code for two characters: what a ligature is to its font.
  const joined = ['当事', '人', '甲', '（', '签名', '）', '：', ...Array.from('2023年6月15日')];
  return {
    'gbk-euc': { font: collection('GBK-EUC-H', gbk(LINE)) },
    'unigb-ucs2': { font: collection('UniGB-UCS2-H', utf16(LINE)) },
    'unigb-utf16': { font: collection('UniGB-UTF16-H', utf16(LINE)) },
    'gbk-vertical': { font: collection('GBK-EUC-V', gbk(LINE)) },
    identity: { font: whole },
    ligatures: { font: embedded(joined, true) },
    'no-way-back': { font: embedded(characters, false) },
    scattered: { font: whole, show: scattered },
    spread: { font: whole, show: spread },
    unseen: { font: whole, show: (codes) => `3 Tr ${one(codes)}` },
    'turned-90': { font: whole, rotate: 90, matrix: TURNED[90] },
    'turned-180': { font: whole, rotate: 180, matrix: TURNED[180] },
    'turned-270': { font: whole, rotate: 270, matrix: TURNED[270] },
    slanted: { font: whole, matrix: `0.866 0.5 -0.5 0.866 ${X.toFixed(3)} ${Y.toFixed(3)}` },
  };
}

function document({ font, show = one, matrix, rotate = 0 }: Fixture): Uint8Array {
  const [width, height] = rotate % 180 === 0 ? [WIDTH, HEIGHT] : [HEIGHT, WIDTH];
  const at = matrix ?? `1 0 0 1 ${X.toFixed(3)} ${Y.toFixed(3)}`;
  const pdf = new RawPdf()
    .object(1, '<< /Type /Catalog /Pages 2 0 R >>')
    .object(2, '<< /Type /Pages /Kids [3 0 R] /Count 1 >>')
    .object(
      3,
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${width.toFixed(3)} ${height.toFixed(3)}] /Rotate ${rotate} /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>`,
    )
    .stream(4, `BT /F ${SIZE} Tf ${at} Tm\n${show(font.codes)}\nET`);
  font.objects(pdf);
  return pdf.table('/Size 10 /Root 1 0 R').end().bytes();
}

/** Writes every fixture into `folder` and gives the names of the files. */
export function makeTextPdfs(folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  return Object.entries(fixtures()).map(([name, fixture]) => {
    writeFileSync(join(folder, `${name}.pdf`), document(fixture));
    return `${name}.pdf`;
  });
}
