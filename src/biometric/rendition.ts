/** How a print looks as a mark on paper. Pure. */
import { cropRaster, enlargeRaster, reduceRaster } from './raster.ts';
import type { Box, Raster } from './raster.ts';
import { flood, mapRidges } from './ridge-map.ts';
import type { RidgeMap } from './ridge-map.ts';

/**
 * `display`, a mark for the eye: the print as if inked, ridges dark, all that is not ridge skin pure white, cropped to the print, at most
 * 200 dpi; the flow of its ridges is seen, and where they end or fork, which is what prints are compared by, is not told reliably any more.
 * `forensic`, for comparing: every pixel as it was captured.
 */
export type Rendition = 'display' | 'forensic';

/** The print as a mark, its proportions and its size on paper kept. A picture in which no skin is found is inked whole. */
export function renderFingerprint(raster: Raster, rendition: Rendition): Raster {
  if (rendition === 'forensic') return raster;
  const map = mapRidges(raster);
  const print = map.print.includes(1) ? map.print : map.print.map(() => 1);
  const { inked, skin } = ink(raster, { ...map, print });
  const coarse = reduceRaster(cropRaster(inked, boundsOf(skin, raster)), coarseDpi(raster.dpi, skin));
  return asInk(enlargeRaster(coarse, FINEST_DPI));
}

/** Of the ink that is left between ridges and in them when so few pixels are: what becomes none, and what becomes full. */
const [PALEST, FULLEST] = [0.2, 0.72];

/** Ink is there or is not: between the two it is drawn apart, so that ridges are seen at the size of a finger. */
function asInk(raster: Raster): Raster {
  const curve = Uint8Array.from({ length: 256 }, (_, grey) => {
    const ink = Math.min(1, Math.max(0, (1 - grey / 255 - PALEST) / (FULLEST - PALEST)));
    return Math.round(255 * (1 - ink * ink * (3 - 2 * ink)));
  });
  return { ...raster, pixels: raster.pixels.map((grey) => curve[grey] ?? 255) };
}

const FINEST_DPI = 200;
/**
 * Pixels from ridge to ridge that are left. Fewer than two cannot show each ridge and valley (H. Nyquist, 1928): the flow is still seen,
 * since neighbours agree on it, but single ends and forks are not told from chance. What a matcher makes of it is tested.
 */
const PIXELS_A_RIDGE = 1.8;
/** Ridges are 0.4 to 0.6 mm apart: of a print where that cannot be told, no more is shown than of others. */
const COARSE_DPI = { least: 80, most: 120 } as const;

function coarseDpi(dpi: number, { print, period }: RidgeMap): number {
  const periods = period.filter((_, i) => print[i] === 1).toSorted();
  const wanted = (dpi * PIXELS_A_RIDGE) / (periods[periods.length >> 1] ?? 1);
  return Math.round(Math.min(COARSE_DPI.most, Math.max(COARSE_DPI.least, wanted)));
}

/** Ink where a pixel is as grey as its surroundings: less than half, so that the paper between the dots of a dry finger stays white. */
const MIDDLE_INK = 0.32;
/** How far from the middle of ridge and valley, in local deviations, ink is full or there is none. */
const SOFTNESS = 0.7;
/** How much of the print's mean grey is in the local threshold: it keeps flooded spots dark, where there is nothing to tell apart. */
const OVERALL_SHARE = 0.45;

function ink(raster: Raster, map: RidgeMap): { readonly inked: Raster; readonly skin: RidgeMap } {
  const { width, height } = raster;
  const { mean, deviation } = localLevels(raster, 2 * map.cell);
  const overall = overallLevels(raster, map);
  const dark = new Float64Array(width * height);
  for (const [i, grey] of raster.pixels.entries()) {
    const middle = (1 - OVERALL_SHARE) * (mean[i] ?? 0) + OVERALL_SHARE * overall.mean;
    const reach = SOFTNESS * Math.max(deviation[i] ?? 0, overall.deviation / 2, 1);
    dark[i] = Math.min(1, Math.max(0, MIDDLE_INK + (middle - grey) / (2 * reach)));
  }
  const surround = darkSurround(dark, raster, map);
  const skin = withoutSurround(map, surround, raster);
  const pixels = new Uint8Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      pixels[i] = Math.round(255 * (1 - (dark[i] ?? 0) * coverAt(skin, x, y) * (1 - (surround[i] ?? 0))));
    }
  }
  return { inked: { width, height, dpi: raster.dpi, pixels }, skin };
}

/** The map without cells that are surround for the most part. */
function withoutSurround(map: RidgeMap, surround: Float64Array, { width }: Raster): RidgeMap {
  const sums = new Float64Array(map.print.length);
  for (const [i, share] of surround.entries()) {
    const cell = Math.floor(Math.floor(i / width) / map.cell) * map.columns + Math.floor((i % width) / map.cell);
    sums[cell] = (sums[cell] ?? 0) + share;
  }
  const print = map.print.map((value, i) => ((sums[i] ?? 0) > MOSTLY * map.cell * map.cell ? 0 : value));
  return print.includes(1) ? { ...map, print } : map;
}

/** The share of a cell that makes it surround. */
const MOSTLY = 0.35;
/** Below this much ink a pixel is a valley. */
const VALLEY = 0.15;
/** Ridges are 0.2 to 0.5 mm wide: what is farther than this from every valley is no ridge. Millimetres. */
const HALF_RIDGE_MM = 0.32;

/**
 * Where a sensor's own dark is, or its grey, rather than skin: 1 there, sliding to 0 over half a ridge. It is wide, as no ridge is, and
 * reaches the print from outside, as no flooded spot within does.
 */
function darkSurround(dark: Float64Array, { width, height, dpi }: Raster, map: RidgeMap): Float64Array {
  const reach = (HALF_RIDGE_MM * dpi) / 25.4;
  const fromValley = distances(
    maskOf(dark, (ink) => ink < VALLEY),
    width,
    height,
  );
  const wide = maskOf(fromValley, (far) => far > reach);
  const outside: number[] = [];
  for (let i = 0; i < wide.length; i++) {
    if (wide[i] === 1 && !isPrint(map, i % width, Math.floor(i / width))) outside.push(i);
  }
  if (outside.length === 0) return new Float64Array(width * height); // paper, as under most sensors
  return distances(flood(wide, width, height, outside), width, height).map((far) =>
    Math.min(1, Math.max(0, 1.5 - (2 * far) / reach)),
  );
}

function maskOf(values: Float64Array, holds: (value: number) => boolean): Uint8Array {
  const mask = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) if (holds(values[i] ?? 0)) mask[i] = 1;
  return mask;
}

function isPrint({ cell, columns, print }: RidgeMap, x: number, y: number): boolean {
  return print[Math.floor(y / cell) * columns + Math.floor(x / cell)] === 1;
}

/** From each pixel to the nearest one of value 1, in pixels: two passes with steps of 1 to the sides and 1.4 across the corners. */
function distances(cells: Uint8Array, width: number, height: number): Float64Array {
  // A border, so that no pixel has to ask whether it has neighbours.
  const stride = width + 2;
  const out = new Float64Array(stride * (height + 2)).fill(Infinity);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) if (cells[i] === 1) out[(y + 1) * stride + x + 1] = 0;
  }
  const sweep = (i: number, back: number): void => {
    const side = (out[i - back] ?? 0) + 1;
    const above = (out[i - back * stride] ?? 0) + 1;
    const corner = Math.min(out[i - back * (stride + 1)] ?? 0, out[i - back * (stride - 1)] ?? 0) + Math.SQRT2;
    out[i] = Math.min(out[i] ?? 0, side, above, corner);
  };
  for (let y = 1; y <= height; y++) for (let i = y * stride + 1; i <= y * stride + width; i++) sweep(i, 1);
  for (let y = height; y >= 1; y--) for (let i = y * stride + width; i > y * stride; i--) sweep(i, -1);
  const inner = new Float64Array(width * height);
  for (let y = 0; y < height; y++) {
    inner.set(out.subarray((y + 1) * stride + 1, (y + 1) * stride + 1 + width), y * width);
  }
  return inner;
}

/** 1 well inside the print, 0 outside, sliding over about a cell. */
function coverAt({ cell, columns, rows, print }: RidgeMap, x: number, y: number): number {
  const column = (x + 0.5) / cell - 0.5;
  const row = (y + 0.5) / cell - 0.5;
  const left = Math.floor(column);
  const top = Math.floor(row);
  const at = (c: number, r: number): number =>
    print[Math.min(Math.max(r, 0), rows - 1) * columns + Math.min(Math.max(c, 0), columns - 1)] ?? 0;
  const fx = column - left;
  const fy = row - top;
  const above = at(left, top) * (1 - fx) + at(left + 1, top) * fx;
  const below = at(left, top + 1) * (1 - fx) + at(left + 1, top + 1) * fx;
  const inside = above * (1 - fy) + below * fy;
  return inside * inside * (3 - 2 * inside);
}

/** Mean and deviation of the square of `radius` about each pixel, by running sums. */
function localLevels(
  { width, height, pixels }: Raster,
  radius: number,
): { mean: Float64Array; deviation: Float64Array } {
  const stride = width + 1;
  const sums = new Float64Array(stride * (height + 1));
  const squares = new Float64Array(stride * (height + 1));
  for (let y = 0, i = 0; y < height; y++) {
    let sum = 0;
    let square = 0;
    for (let x = 0; x < width; x++, i++) {
      const grey = pixels[i] ?? 0;
      sum += grey;
      square += grey * grey;
      const at = (y + 1) * stride + x + 1;
      sums[at] = (sums[at - stride] ?? 0) + sum;
      squares[at] = (squares[at - stride] ?? 0) + square;
    }
  }
  const mean = new Float64Array(width * height);
  const deviation = new Float64Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    const top = Math.max(0, y - radius) * stride;
    const bottom = Math.min(height, y + radius + 1) * stride;
    for (let x = 0; x < width; x++, i++) {
      const left = Math.max(0, x - radius);
      const right = Math.min(width, x + radius + 1);
      const count = ((bottom - top) / stride) * (right - left);
      const within = (table: Float64Array): number =>
        ((table[bottom + right] ?? 0) -
          (table[bottom + left] ?? 0) -
          (table[top + right] ?? 0) +
          (table[top + left] ?? 0)) /
        count;
      const level = within(sums);
      mean[i] = level;
      deviation[i] = Math.sqrt(Math.max(0, within(squares) - level * level));
    }
  }
  return { mean, deviation };
}

function overallLevels(raster: Raster, map: RidgeMap): { mean: number; deviation: number } {
  let count = 0;
  let sum = 0;
  let square = 0;
  for (const [i, grey] of raster.pixels.entries()) {
    const column = Math.floor((i % raster.width) / map.cell);
    const row = Math.floor(i / raster.width / map.cell);
    if (map.print[row * map.columns + column] !== 1) continue;
    count++;
    sum += grey;
    square += grey * grey;
  }
  const mean = sum / Math.max(1, count);
  return { mean, deviation: Math.sqrt(Math.max(0, square / Math.max(1, count) - mean * mean)) };
}

/** Of the print, with half a cell about it for the ink to fade out. */
function boundsOf(map: RidgeMap, raster: Raster): Box {
  let [left, top, right, bottom] = [map.columns, map.rows, 0, 0];
  for (const [i, value] of map.print.entries()) {
    if (value !== 1) continue;
    const column = i % map.columns;
    const row = Math.floor(i / map.columns);
    left = Math.min(left, column);
    right = Math.max(right, column + 1);
    top = Math.min(top, row);
    bottom = Math.max(bottom, row + 1);
  }
  const margin = Math.ceil(map.cell / 2);
  const x = Math.max(0, left * map.cell - margin);
  const y = Math.max(0, top * map.cell - margin);
  return {
    x,
    y,
    width: Math.min(raster.width, right * map.cell + margin) - x,
    height: Math.min(raster.height, bottom * map.cell + margin) - y,
  };
}
