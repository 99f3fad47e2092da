/** The committee's seal as shapes: a ring, a star, the name along the ring. Pure. */
import {
  appendBezierCurve,
  clip,
  closePath,
  concatTransformationMatrix,
  endPath,
  fill,
  lineTo,
  moveTo,
  popGraphicsState,
  pushGraphicsState,
  setLineWidth,
  stroke,
} from 'pdf-lib';
import type { PDFOperator } from 'pdf-lib';
import { POINTS_PER_MM } from '../pdf/geometry.ts';
import { fillColor, glyph, round, strokeColor, textLine } from './drawing.ts';
import type { GlyphOutlines } from './glyph-outlines.ts';

/** Vermilion of stamping ink. */
const INK = [0.83, 0.07, 0.1] as const;

/** Measures of a seal of 42 mm, in millimetres; others are scaled. */
const NOMINAL = 42;
const RIM_WIDTH = 1.2;
const RIM_TO_TEXT = 1.1;
const STAR_RADIUS = 7;
const TEXT_HEIGHT = 6.4;
/** The narrowest that a character may be, of its height, before it is made smaller as a whole. */
const NARROWEST = 0.55;
const WIDEST = 0.82;
/** Part of the arc between two characters' middles that the character itself takes. */
const FILLED = 0.93;
const TEST_TEXT = '测试 TEST';
const TEST_HEIGHT = 2.5;
const TEST_MIDDLE = -8.6;
/** On a picture of any kind: of its shorter side, of its height from below, of the characters' height. */
const TEST_MARK_HEIGHT = 0.08;
const TEST_MARK_MIDDLE = 0.2;
const TEST_MARK_HALO = 0.28;
const BLACK = [0.1, 0.1, 0.1] as const;
const WHITE = [1, 1, 1] as const;

/** A quarter circle as a Bézier curve: the distance of its control points from its ends, of the radius. */
const KAPPA = 0.5522847498;

/** Of the lines that fill the star where ink would hide the date below: their width, and from one to the next. */
const HATCH_WIDTH = 0.28;
const HATCH_PITCH = 0.62;

export interface SealText {
  /** The committee's name; white space does not count. */
  readonly name: string;
  readonly diameterMm: number;
  /** Writes 测试 TEST under the star. */
  readonly test: boolean;
}

/** Every character that a seal shows. */
export function sealCharacters({ name, test }: Pick<SealText, 'name' | 'test'>): string {
  return (test ? `${name}${TEST_TEXT}` : name).replaceAll(/\s/gu, '');
}

/**
 * Operators that draw the seal into a square of `diameterMm`, its lower left corner at the origin, in points. `opaque`: of its star only
 * lines, because it lies on the date and nothing is seen through.
 * @throws AppError SEAL_GLYPH_MISSING where `outlines` lacks a character of it.
 */
export function drawSeal(text: SealText, outlines: GlyphOutlines, opaque: boolean): PDFOperator[] {
  const scale = (text.diameterMm / NOMINAL) * POINTS_PER_MM;
  const centre = (NOMINAL / 2) * scale;
  return [
    pushGraphicsState(),
    ...fillColor(INK),
    ...strokeColor(INK),
    // From here on in millimetres of a 42 mm seal, from its middle.
    concatTransformationMatrix(round(scale), 0, 0, round(scale), round(centre), round(centre)),
    ...rim(),
    ...(opaque ? hatchedStar() : [...starPath(), fill()]),
    ...ringText(Array.from(text.name.replaceAll(/\s/gu, '')), outlines),
    ...(text.test ? textLine(TEST_TEXT, outlines, { x: 0, y: TEST_MIDDLE, height: TEST_HEIGHT }) : []),
    popGraphicsState(),
  ];
}

function rim(): PDFOperator[] {
  const r = NOMINAL / 2 - RIM_WIDTH / 2;
  const k = round(r * KAPPA);
  return [
    setLineWidth(RIM_WIDTH),
    moveTo(r, 0),
    appendBezierCurve(r, k, k, r, 0, r),
    appendBezierCurve(-k, r, -r, k, -r, 0),
    appendBezierCurve(-r, -k, -k, -r, 0, -r),
    appendBezierCurve(k, -r, r, -k, r, 0),
    closePath(),
    stroke(),
  ];
}

/** Five points, one upwards; the inner corners where the lines between every second point cross. */
function starPath(): PDFOperator[] {
  const inner = (STAR_RADIUS * Math.cos((2 * Math.PI) / 5)) / Math.cos(Math.PI / 5);
  const corners = Array.from({ length: 10 }, (_, i) => {
    const angle = (i * Math.PI) / 5;
    const radius = i % 2 === 0 ? STAR_RADIUS : inner;
    return [round(radius * Math.sin(angle)), round(radius * Math.cos(angle))] as const;
  });
  return [...corners.map(([x, y], i) => (i === 0 ? moveTo(x, y) : lineTo(x, y))), closePath()];
}

function hatchedStar(): PDFOperator[] {
  const reach = Math.floor((Math.SQRT2 * STAR_RADIUS) / HATCH_PITCH);
  const lines = Array.from({ length: 2 * reach + 1 }, (_, i) => {
    const at = round((i - reach) * HATCH_PITCH * Math.SQRT2);
    return [moveTo(round(at - STAR_RADIUS), -STAR_RADIUS), lineTo(round(at + STAR_RADIUS), STAR_RADIUS)];
  });
  return [
    pushGraphicsState(),
    ...starPath(),
    clip(),
    endPath(),
    setLineWidth(HATCH_WIDTH),
    ...lines.flat(),
    stroke(),
    popGraphicsState(),
    setLineWidth(HATCH_WIDTH),
    ...starPath(),
    stroke(),
  ];
}

/** Characters from left to right over the star, feet towards the middle; the more there are, the closer and narrower. */
function ringText(characters: readonly string[], outlines: GlyphOutlines): PDFOperator[] {
  const outer = NOMINAL / 2 - RIM_WIDTH - RIM_TO_TEXT;
  const step = angleBetween(characters.length);
  let height = TEXT_HEIGHT;
  let width = height * WIDEST;
  // Room is measured at the feet, where it is least; a smaller height moves the feet outwards, so a few rounds settle it.
  for (let i = 0; i < 8; i++) {
    width = Math.min(height * WIDEST, step * (outer - height * 0.75) * FILLED);
    height = Math.min(height, width / NARROWEST);
  }
  return characters.flatMap((character, i) => {
    const angle = (i - (characters.length - 1) / 2) * step;
    return glyph(character, outlines, { width, height, angle, bottom: outer - height });
  });
}

/** Radians between neighbours. A name closes the ring as far as it may: short ones keep together, long ones leave a gap below. */
function angleBetween(count: number): number {
  const gaps = Math.max(1, count - 1);
  const widest = (29 * Math.PI) / 180;
  const whole = ((count > 24 ? 312 : count > 16 ? 296 : 282) * Math.PI) / 180;
  return Math.min(widest, whole / gaps);
}

/** What a seal of somebody's own picture says where its certificate is one for tests: black on white, across it, whatever it shows. */
export function testMark(
  outlines: GlyphOutlines,
  { widthPt, heightPt }: { readonly widthPt: number; readonly heightPt: number },
): PDFOperator[] {
  const height = TEST_MARK_HEIGHT * Math.min(widthPt, heightPt);
  const at = { x: widthPt / 2, y: TEST_MARK_MIDDLE * heightPt, height };
  return [
    pushGraphicsState(),
    ...fillColor(BLACK),
    ...strokeColor(WHITE),
    // Of the characters' own units.
    setLineWidth(round(TEST_MARK_HALO * outlines.unitsPerEm)),
    ...textLine(TEST_TEXT, outlines, at, stroke()),
    ...textLine(TEST_TEXT, outlines, at),
    popGraphicsState(),
  ];
}
