/** What drawings of seals and marks share: colours, and paths of characters. Pure. */
import {
  PDFName,
  PDFNumber,
  PDFOperator,
  PDFOperatorNames,
  appendBezierCurve,
  closePath,
  concatTransformationMatrix,
  fill,
  lineTo,
  moveTo,
  popGraphicsState,
  pushGraphicsState,
} from 'pdf-lib';
import { AppError } from '../errors.ts';
import { RGB_SPACE } from '../pdf/appearance.ts';
import type { GlyphOutlines, PathStep } from './glyph-outlines.ts';

/** 0-1 each. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** The box of a Han character reaches this far below its baseline and above it, of the em. */
const BELOW = 0.12;
const ABOVE = 0.88;

export function fillColor(rgb: Rgb): PDFOperator[] {
  return colored(PDFOperatorNames.NonStrokingColorspace, PDFOperatorNames.NonStrokingColor, rgb);
}

export function strokeColor(rgb: Rgb): PDFOperator[] {
  return colored(PDFOperatorNames.StrokingColorspace, PDFOperatorNames.StrokingColor, rgb);
}

function colored(space: PDFOperatorNames, color: PDFOperatorNames, rgb: Rgb): PDFOperator[] {
  return [
    PDFOperator.of(space, [PDFName.of(RGB_SPACE)]),
    PDFOperator.of(
      color,
      rgb.map((value) => PDFNumber.of(Math.round(value * 1000) / 1000)),
    ),
  ];
}

export function pathOperators(steps: readonly PathStep[]): PDFOperator[] {
  return steps.map((step) => {
    switch (step[0]) {
      case 'm':
        return moveTo(step[1], step[2]);
      case 'l':
        return lineTo(step[1], step[2]);
      case 'c':
        return appendBezierCurve(step[1], step[2], step[3], step[4], step[5], step[6]);
      case 'h':
        return closePath();
    }
  });
}

export interface GlyphSpot {
  /** What an em is made to be, across and upwards. */
  readonly width: number;
  readonly height: number;
  /** Clockwise from the top, about the origin. */
  readonly angle: number;
  /** From the origin to the character's feet, before it is turned. */
  readonly bottom: number;
  /** Its middle across, before it is turned. */
  readonly middle?: number;
}

/** One character. @throws AppError SEAL_GLYPH_MISSING where `outlines` lacks it. */
export function glyph(
  character: string,
  outlines: GlyphOutlines,
  spot: GlyphSpot,
  paint: PDFOperator = fill(),
): PDFOperator[] {
  const { advance, steps } = outlineOf(character, outlines);
  const sx = spot.width / outlines.unitsPerEm;
  const sy = spot.height / outlines.unitsPerEm;
  const [cos, sin] = [Math.cos(spot.angle), Math.sin(spot.angle)];
  const x = (spot.middle ?? 0) - (advance / 2) * sx;
  const y = spot.bottom + BELOW * spot.height;
  return [
    pushGraphicsState(),
    concatTransformationMatrix(
      round(sx * cos),
      round(-sx * sin),
      round(sy * sin),
      round(sy * cos),
      round(x * cos + y * sin),
      round(-x * sin + y * cos),
    ),
    ...pathOperators(steps),
    paint,
    popGraphicsState(),
  ];
}

/** Words on a straight line about (`x`, `y`), `height` from foot to head. @throws AppError SEAL_GLYPH_MISSING. */
export function textLine(
  text: string,
  outlines: GlyphOutlines,
  at: { readonly x: number; readonly y: number; readonly height: number },
  paint: PDFOperator = fill(),
): PDFOperator[] {
  const em = at.height / (ABOVE + BELOW);
  const advances = Array.from(text, (character) =>
    character === ' ' ? 0.35 * em : (outlineOf(character, outlines).advance / outlines.unitsPerEm) * em,
  );
  let left = at.x - advances.reduce((sum, advance) => sum + advance, 0) / 2;
  return Array.from(text).flatMap((character, i) => {
    const advance = advances[i] ?? 0;
    const middle = left + advance / 2;
    left += advance;
    if (character === ' ') return [];
    const spot = { width: em, height: at.height, angle: 0, bottom: at.y - at.height / 2, middle };
    return glyph(character, outlines, spot, paint);
  });
}

function outlineOf(character: string, outlines: GlyphOutlines): GlyphOutlines['glyphs'][string] {
  const outline = outlines.glyphs[character];
  if (outline === undefined) throw new AppError('SEAL_GLYPH_MISSING', character);
  return outline;
}

/** Seven places: font units are scaled by some 0.006. */
export function round(value: number): number {
  return Math.round(value * 1e7) / 1e7;
}
