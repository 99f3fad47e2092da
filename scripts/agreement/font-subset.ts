/**
 * The glyphs of one font that one document uses, embedded as a composite font (ISO 32000-2, 9.7). pdf-lib's own embedding gives the
 * same result and takes four seconds to look through a Chinese font.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { create } from 'fontkit';
import type { Font, Subset } from 'fontkit';
import { PDFHexString, PDFName } from 'pdf-lib';
import type { PDFContext, PDFRef } from 'pdf-lib';

const packageFolder = dirname(createRequire(import.meta.url).resolve('@fontsource/noto-serif-sc/package.json'));
const EM = 1000;

export type Weight = 400 | 700;

export function openFont(weight: Weight): Font {
  const file = readFileSync(join(packageFolder, `files/noto-serif-sc-chinese-simplified-${weight}-normal.woff`));
  return create(sfntOf(file));
}

/**
 * The font inside a WOFF file (W3C WOFF 1.0, clauses 4 and 5). fontkit takes WOFF too, but inflates the tables anew for each
 * glyph.
 */
function sfntOf(woff: Buffer): Uint8Array {
  const count = woff.readUInt16BE(12);
  const tables = Array.from({ length: count }, (_, i) => {
    const entry = 44 + 20 * i;
    const [offset, packed, length] = [4, 8, 12].map((at) => woff.readUInt32BE(entry + at)) as [number, number, number];
    const stored = woff.subarray(offset, offset + packed);
    return {
      tag: woff.subarray(entry, entry + 4),
      checksum: woff.subarray(entry + 16, entry + 20),
      data: packed < length ? inflateSync(stored, { maxOutputLength: length }) : stored,
    };
  });
  const header = Buffer.alloc(12 + 16 * count);
  woff.copy(header, 0, 4, 8);
  header.writeUInt16BE(count, 4);
  let at = header.length;
  const parts: Uint8Array[] = [header];
  for (const [i, { tag, checksum, data }] of tables.entries()) {
    const entry = 12 + 16 * i;
    tag.copy(header, entry);
    checksum.copy(header, entry + 4);
    header.writeUInt32BE(at, entry + 8);
    header.writeUInt32BE(data.length, entry + 12);
    const padding = -data.length & 3;
    parts.push(data, new Uint8Array(padding));
    at += data.length + padding;
  }
  return Buffer.concat(parts);
}

interface Used {
  readonly id: number;
  readonly character: string;
  readonly width: number;
}

export class FontSubset {
  readonly #font: Font;
  readonly #subset: Subset;
  readonly #name: string;
  readonly #used = new Map<string, Used>();

  /** `name` is the PostScript name without the subset's tag. */
  constructor(font: Font, name: string) {
    this.#font = font;
    this.#subset = font.createSubset();
    this.#name = `ZHIYIN+${name}`;
  }

  /** The text's glyph numbers, two bytes each, as `Tj` takes them. */
  encode(text: string): PDFHexString {
    const digits = Array.from(text, (character) => this.#use(character).id.toString(16).padStart(4, '0'));
    return PDFHexString.of(digits.join(''));
  }

  /** Width in units of the font size. */
  width(text: string): number {
    return Array.from(text).reduce((sum, character) => sum + this.#use(character).width, 0) / EM;
  }

  /** Writes the font's objects; nothing can be encoded afterwards. */
  embed(context: PDFContext, ref: PDFRef): void {
    const { ascent, descent, capHeight, bbox } = this.#font;
    const glyphs = [...this.#used.values()].toSorted((a, b) => a.id - b.id);
    const descriptor = context.obj({
      Type: 'FontDescriptor',
      FontName: this.#name,
      Flags: 4, // symbolic: the glyphs have no standard names
      FontBBox: [bbox.minX, bbox.minY, bbox.maxX, bbox.maxY],
      ItalicAngle: 0,
      Ascent: ascent,
      Descent: descent,
      CapHeight: capHeight,
      StemV: 80,
      FontFile2: context.register(context.flateStream(this.#subset.encode())),
    });
    const cidFont = context.obj({
      Type: 'Font',
      Subtype: 'CIDFontType2',
      BaseFont: this.#name,
      CIDSystemInfo: {
        Registry: PDFHexString.fromText('Adobe'),
        Ordering: PDFHexString.fromText('Identity'),
        Supplement: 0,
      },
      FontDescriptor: context.register(descriptor),
      DW: EM,
      W: glyphs.flatMap(({ id, width }) => [id, [width]]),
      CIDToGIDMap: 'Identity',
    });
    context.assign(
      ref,
      context.obj({
        Type: 'Font',
        Subtype: 'Type0',
        BaseFont: this.#name,
        Encoding: 'Identity-H',
        DescendantFonts: [context.register(cidFont)],
        ToUnicode: context.register(context.flateStream(toUnicode(glyphs))),
      }),
    );
  }

  #use(character: string): Used {
    let used = this.#used.get(character);
    if (used === undefined) {
      const codePoint = character.codePointAt(0) ?? 0;
      if (!this.#font.hasGlyphForCodePoint(codePoint)) throw new RangeError(`the font has no ${character}`);
      const glyph = this.#font.glyphForCodePoint(codePoint);
      used = { id: this.#subset.includeGlyph(glyph), character, width: glyph.advanceWidth };
      this.#used.set(character, used);
    }
    return used;
  }
}

export function fontName(weight: Weight): PDFName {
  return PDFName.of(weight === 700 ? 'Bold' : 'Serif');
}

/** The way back from glyph numbers to text (ISO 32000-2, 9.10.3), at most 100 a section. */
function toUnicode(glyphs: readonly Used[]): string {
  const entries = glyphs.map(({ id, character }) => {
    const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
    return `<${hex(id)}> <${units.map(hex).join('')}>`;
  });
  const sections: string[] = [];
  for (let at = 0; at < entries.length; at += 100) {
    const part = entries.slice(at, at + 100);
    sections.push(`${part.length} beginbfchar`, ...part, 'endbfchar');
  }
  return [
    '/CIDInit /ProcSet findresource begin',
    '12 dict begin',
    'begincmap',
    '/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def',
    '/CMapName /Adobe-Identity-UCS def',
    '/CMapType 2 def',
    '1 begincodespacerange',
    '<0000> <ffff>',
    'endcodespacerange',
    ...sections,
    'endcmap',
    'CMapName currentdict /CMap defineresource pop',
    'end',
    'end',
  ].join('\n');
}

function hex(value: number): string {
  return value.toString(16).padStart(4, '0');
}
