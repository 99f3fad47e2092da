/** The little of fontkit that is used here; the package brings no types of its own. */
declare module 'fontkit' {
  export interface GlyphPathCommand {
    readonly command: 'moveTo' | 'lineTo' | 'quadraticCurveTo' | 'bezierCurveTo' | 'closePath';
    readonly args: readonly number[];
  }

  export interface Glyph {
    readonly id: number;
    readonly advanceWidth: number;
    readonly path: { readonly commands: readonly GlyphPathCommand[] };
  }

  export interface Subset {
    /** Adds a glyph of the font and gives its number in the subset. */
    includeGlyph(glyph: Glyph): number;
    encode(): Uint8Array;
  }

  export interface Font {
    readonly unitsPerEm: number;
    readonly ascent: number;
    readonly descent: number;
    readonly capHeight: number;
    readonly bbox: { readonly minX: number; readonly minY: number; readonly maxX: number; readonly maxY: number };
    hasGlyphForCodePoint(codePoint: number): boolean;
    glyphForCodePoint(codePoint: number): Glyph;
    createSubset(): Subset;
  }

  export function create(file: Uint8Array): Font;
}
