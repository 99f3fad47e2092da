/** How a print looks as a mark on paper. Pure. */
import { cropRaster, reduceRaster } from './raster.ts';
import type { Box, Raster } from './raster.ts';
import { mapRidges } from './ridge-map.ts';
import type { RidgeMap } from './ridge-map.ts';

export interface RenditionOptions {
  /** The most that is shown: a mark is for the eye, not for comparing. */
  readonly maxDpi?: number;
}

/**
 * The print as if inked: ridges dark, all that is not ridge skin pure white, cropped to the print with its proportions and size kept, at
 * no more than `maxDpi` (200). A picture in which no skin is found is inked whole.
 */
export function renderFingerprint(raster: Raster, { maxDpi = 200 }: RenditionOptions = {}): Raster {
  const map = mapRidges(raster);
  const print = map.print.includes(1) ? map.print : map.print.map(() => 1);
  const inked = ink(raster, { ...map, print });
  return reduceRaster(cropRaster(inked, boundsOf({ ...map, print }, raster)), maxDpi);
}

/** Ink where a pixel is as grey as its surroundings: less than half, so that the paper between the dots of a dry finger stays white. */
const MIDDLE_INK = 0.32;
/** How far from the middle of ridge and valley, in local deviations, ink is full or there is none. */
const SOFTNESS = 0.7;
/** How much of the print's mean grey is in the local threshold: it keeps flooded spots dark, where there is nothing to tell apart. */
const OVERALL_SHARE = 0.45;

function ink(raster: Raster, map: RidgeMap): Raster {
  const { width, height } = raster;
  const { mean, deviation } = localLevels(raster, 2 * map.cell);
  const overall = overallLevels(raster, map);
  const pixels = new Uint8Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const touch = coverAt(map, x, y);
      const middle = (1 - OVERALL_SHARE) * (mean[i] ?? 0) + OVERALL_SHARE * overall.mean;
      const reach = SOFTNESS * Math.max(deviation[i] ?? 0, overall.deviation / 2, 1);
      const dark = Math.min(1, Math.max(0, MIDDLE_INK + (middle - (raster.pixels[i] ?? 0)) / (2 * reach)));
      pixels[i] = Math.round(255 * (1 - dark * touch));
    }
  }
  return { width, height, dpi: raster.dpi, pixels };
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
