/**
 * What ties a fingerprint's mark to its agreement: bands across the print with the agreement's number in tiny characters, over and over.
 * In the bands nothing, or little, is left of the print itself, so that who cuts the mark out has them for holes. Pure.
 */
import {
  concatTransformationMatrix,
  lineTo,
  moveTo,
  popGraphicsState,
  pushGraphicsState,
  setLineWidth,
  stroke,
} from 'pdf-lib';
import type { PDFOperator } from 'pdf-lib';
import type { Raster } from '../biometric/raster.ts';
import { POINTS_PER_MM } from '../pdf/geometry.ts';
import { fillColor, glyph, round, strokeColor } from './drawing.ts';
import type { Rgb } from './drawing.ts';
import type { GlyphOutlines } from './glyph-outlines.ts';

/** Millimetres from band to band; none goes through the middle of the print, where its pattern is told. */
const PITCH = 3.4;
const BAND = 1;
/** Rising from left to right. */
const ANGLE = Math.PI / 6;
const TEXT_HEIGHT = 0.8;
const RULE_WIDTH = 0.05;
/** Between two numbers, in characters. */
const GAP = 1;
/** How far around a character there must be ink for it to stand on the print. */
const NEAR_MM = 0.9;
const LEAST_INK = 0.06;

export interface Inscription {
  readonly text: string;
  /** Of those characters of the text that have one; others leave a gap. */
  readonly outlines: GlyphOutlines;
}

/** Distances of the bands' middles from the print's, upwards across them; enough for a mark of `reachMm` from its middle. */
function bands(reachMm: number): number[] {
  const count = Math.ceil(reachMm / PITCH);
  return Array.from({ length: 2 * count }, (_, i) => (i - count + 0.5) * PITCH);
}

/**
 * The print with `left` of its ink, 0 to 1, inside the bands.
 * @param mmPerPixel as the mark is printed.
 */
export function withBands(raster: Raster, mmPerPixel: number, left: number): Raster {
  const { width, height } = raster;
  const [sin, cos] = [Math.sin(ANGLE), Math.cos(ANGLE)];
  const pixels = raster.pixels.map((grey, i) => {
    const x = ((i % width) + 0.5 - width / 2) * mmPerPixel;
    const y = (height / 2 - Math.floor(i / width) - 0.5) * mmPerPixel;
    const across = y * cos - x * sin;
    const fromBand = Math.abs((((across % PITCH) + PITCH) % PITCH) - PITCH / 2);
    return fromBand < BAND / 2 ? Math.round(255 - (255 - grey) * left) : grey;
  });
  return { ...raster, pixels };
}

/**
 * Operators that write the inscription into the bands, where the print is, about the middle of a box of `widthPt` x `heightPt`.
 * @param print without bands, filling `print.width * mmPerPixel` millimetres in the middle of the box.
 */
export function drawHatch(
  print: Raster,
  mmPerPixel: number,
  { text, outlines }: Inscription,
  box: { readonly widthPt: number; readonly heightPt: number },
  ink: Rgb,
): PDFOperator[] {
  const reach = (Math.hypot(print.width, print.height) / 2) * mmPerPixel;
  const inked = inkAround(print, Math.round(NEAR_MM / mmPerPixel));
  const isPrint = (along: number, across: number): boolean => {
    const x = Math.floor((along * Math.cos(ANGLE) - across * Math.sin(ANGLE)) / mmPerPixel + print.width / 2);
    const y = Math.floor(print.height / 2 - (along * Math.sin(ANGLE) + across * Math.cos(ANGLE)) / mmPerPixel);
    return x >= 0 && y >= 0 && x < print.width && y < print.height && inked(x, y) > LEAST_INK;
  };
  return [
    pushGraphicsState(),
    ...fillColor(ink),
    ...strokeColor(ink),
    concatTransformationMatrix(
      round(POINTS_PER_MM),
      0,
      0,
      round(POINTS_PER_MM),
      round(box.widthPt / 2),
      round(box.heightPt / 2),
    ),
    setLineWidth(RULE_WIDTH),
    ...bands(reach).flatMap((across, row) => band(across, row, reach, isPrint, text, outlines)),
    popGraphicsState(),
  ];
}

function band(
  across: number,
  row: number,
  reach: number,
  isPrint: (along: number, across: number) => boolean,
  text: string,
  outlines: GlyphOutlines,
): PDFOperator[] {
  const characters = Array.from(text.replaceAll(/\s/gu, ''));
  const advances = characters.map((character) => {
    const outline = outlines.glyphs[character];
    return TEXT_HEIGHT * (outline === undefined ? 0.5 : outline.advance / outlines.unitsPerEm);
  });
  const operators: PDFOperator[] = [];
  let [from, to] = [Infinity, -Infinity];
  // Rows begin at different characters, so that the same ones do not stand below each other.
  let next = (row * 5) % Math.max(1, characters.length);
  for (let along = -reach; along < reach;) {
    const character = characters[next];
    const advance = advances[next];
    if (character === undefined || advance === undefined) break;
    const middle = along + advance / 2;
    if (isPrint(middle, across)) {
      [from, to] = [Math.min(from, along), Math.max(to, along + advance)];
      if (outlines.glyphs[character] !== undefined) {
        const spot = {
          width: TEXT_HEIGHT,
          height: TEXT_HEIGHT,
          angle: -ANGLE,
          bottom: across - TEXT_HEIGHT / 2,
          middle,
        };
        operators.push(...glyph(character, outlines, spot));
      }
    }
    along += advance;
    next = (next + 1) % characters.length;
    if (next === 0) along += GAP * TEXT_HEIGHT;
  }
  return from > to ? [] : [...[BAND / 2, -BAND / 2].flatMap((side) => rule(from, to, across + side)), ...operators];
}

function rule(from: number, to: number, across: number): PDFOperator[] {
  const at = (along: number): [number, number] => [
    round(along * Math.cos(ANGLE) - across * Math.sin(ANGLE)),
    round(along * Math.sin(ANGLE) + across * Math.cos(ANGLE)),
  ];
  return [moveTo(...at(from)), lineTo(...at(to)), stroke()];
}

/** The mean ink, 0 to 1, of the square of `radius` about a pixel, by running sums. */
function inkAround({ width, height, pixels }: Raster, radius: number): (x: number, y: number) => number {
  const stride = width + 1;
  const sums = new Float64Array(stride * (height + 1));
  for (let y = 0; y < height; y++) {
    let sum = 0;
    for (let x = 0; x < width; x++) {
      sum += 1 - (pixels[y * width + x] ?? 0) / 255;
      sums[(y + 1) * stride + x + 1] = (sums[y * stride + x + 1] ?? 0) + sum;
    }
  }
  return (x, y) => {
    const [left, right] = [Math.max(0, x - radius), Math.min(width, x + radius + 1)];
    const [top, bottom] = [Math.max(0, y - radius) * stride, Math.min(height, y + radius + 1) * stride];
    const total =
      (sums[bottom + right] ?? 0) - (sums[bottom + left] ?? 0) - (sums[top + right] ?? 0) + (sums[top + left] ?? 0);
    return total / ((2 * radius + 1) * (2 * radius + 1));
  };
}
