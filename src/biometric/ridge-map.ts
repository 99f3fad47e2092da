/** Where in a picture there is friction ridge skin, and how well its ridges show, cell by cell. Pure, linear in the pixels. */
import type { Raster } from './raster.ts';

export interface RidgeMap {
  /** Side of a cell in pixels: 0.4 mm. */
  readonly cell: number;
  /** Cells across and down; the last ones are cut where the picture ends. */
  readonly columns: number;
  readonly rows: number;
  /** 1 where the cell belongs to the print. One piece, without holes. */
  readonly print: Uint8Array;
  /** Half the difference of ridge and valley in grey levels, from what runs along one direction only, so that noise adds nothing. */
  readonly amplitude: Float64Array;
  /** 0-1: how far the cell's surroundings run in one direction. Parallel ridges are near 1, noise near 0. */
  readonly coherence: Float64Array;
  /** Of the ridges, radians counter-clockwise from the right, 0 to pi. */
  readonly direction: Float64Array;
  /** Ridge to ridge in pixels, roughly. */
  readonly period: Float64Array;
  /** Skewness of the grey: 0 where ridges are as wide as valleys, above where ridges flow together, below where they are thin. */
  readonly skew: Float64Array;
}

/** 8 pixels at 500 dpi: a ridge and its valley. */
const CELLS_PER_INCH = 62.5;
/** Below this many grey levels nothing is told from the sensor's noise. */
const LEAST_AMPLITUDE = 5;
const LEAST_COHERENCE = 0.25;
/** Of the picture's strongest cells. */
const LEAST_SHARE = 0.22;

export function mapRidges(raster: Raster): RidgeMap {
  const cell = Math.max(4, Math.round(raster.dpi / CELLS_PER_INCH));
  const columns = Math.ceil(raster.width / cell);
  const rows = Math.ceil(raster.height / cell);
  const sums = accumulate(raster, cell, columns, rows);
  const size = columns * rows;
  const amplitude = new Float64Array(size);
  const coherence = new Float64Array(size);
  const direction = new Float64Array(size);
  const period = new Float64Array(size);
  const skew = new Float64Array(size);
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) {
      const around = surroundings(sums, columns, rows, column, row);
      const [n, grey, square, cube, xx, yy, xy] = around;
      const energy = (xx + yy) / n;
      const oneWay = Math.hypot(xx - yy, 2 * xy) / n;
      const level = grey / n;
      const variance = Math.max(square / n - level * level, 1e-9);
      skew[i] = (cube / n - 3 * level * (square / n) + 2 * level ** 3) / variance ** 1.5;
      coherence[i] = energy > 0 ? oneWay / energy : 0;
      amplitude[i] = AMPLITUDE_OF_GRADIENT * Math.sqrt(oneWay);
      // The gradient's main direction is across the ridges; rows count downwards.
      direction[i] = (Math.PI - (Math.atan2(2 * xy, xx - yy) / 2 + Math.PI / 2)) % Math.PI;
      period[i] = energy > 0 ? (2 * Math.PI) / Math.asin(Math.min(1, Math.sqrt(energy / variance))) : 0;
    }
  }
  const print = segment(amplitude, coherence, columns, rows);
  return { cell, columns, rows, print, amplitude, coherence, direction, period, skew };
}

/** What is summed in each cell: pixels, powers of the grey, and products of the gradients. */
const [COUNT, GREY, SQUARE, CUBE, XX, YY, XY] = [0, 1, 2, 3, 4, 5, 6];
const FIELDS = 7;

/**
 * From the root of the mean squared gradient to the amplitude of a wave of 9 pixels (ridges at 500 dpi): undoes the means of 3
 * pixels, (1 + 2 cos w) / 3, the central difference, sin w, and the root of a mean square, with w = 2 pi / 9.
 */
const AMPLITUDE_OF_GRADIENT = Math.SQRT2 / (((1 + 2 * Math.cos((2 * Math.PI) / 9)) / 3) * Math.sin((2 * Math.PI) / 9));

function accumulate(raster: Raster, cell: number, columns: number, rows: number): Float64Array {
  const { width, height } = raster;
  const soft = soften(raster);
  const sums = new Float64Array(columns * rows * FIELDS);
  for (let y = 1; y < height - 1; y++) {
    const cells = Math.floor(y / cell) * columns;
    for (let x = 1, i = y * width + 1; x < width - 1; x++, i++) {
      const at = (cells + Math.floor(x / cell)) * FIELDS;
      const grey = soft[i] ?? 0;
      const gx = ((soft[i + 1] ?? 0) - (soft[i - 1] ?? 0)) / 2;
      const gy = ((soft[i + width] ?? 0) - (soft[i - width] ?? 0)) / 2;
      sums[at + COUNT] = (sums[at + COUNT] ?? 0) + 1;
      sums[at + GREY] = (sums[at + GREY] ?? 0) + grey;
      sums[at + SQUARE] = (sums[at + SQUARE] ?? 0) + grey * grey;
      sums[at + CUBE] = (sums[at + CUBE] ?? 0) + grey * grey * grey;
      sums[at + XX] = (sums[at + XX] ?? 0) + gx * gx;
      sums[at + YY] = (sums[at + YY] ?? 0) + gy * gy;
      sums[at + XY] = (sums[at + XY] ?? 0) + gx * gy;
    }
  }
  return sums;
}

/** Means of 3 x 3 pixels, against the sensor's grain; the edge repeats. */
function soften({ width, height, pixels }: Raster): Float64Array {
  const across = new Float64Array(width * height);
  const out = new Float64Array(width * height);
  for (let i = 0; i < pixels.length; i++) {
    const x = i % width;
    const own = pixels[i] ?? 0;
    across[i] = ((x > 0 ? (pixels[i - 1] ?? 0) : own) + own + (x < width - 1 ? (pixels[i + 1] ?? 0) : own)) / 3;
  }
  for (let i = 0; i < pixels.length; i++) {
    const own = across[i] ?? 0;
    out[i] = ((across[i - width] ?? own) + own + (across[i + width] ?? own)) / 3;
  }
  return out;
}

type Sums = [n: number, grey: number, square: number, cube: number, xx: number, yy: number, xy: number];

/** Of the cell and the eight about it. */
function surroundings(sums: Float64Array, columns: number, rows: number, column: number, row: number): Sums {
  const total: Sums = [0, 0, 0, 0, 0, 0, 0];
  for (let r = Math.max(0, row - 1); r <= Math.min(rows - 1, row + 1); r++) {
    for (let c = Math.max(0, column - 1); c <= Math.min(columns - 1, column + 1); c++) {
      const at = (r * columns + c) * FIELDS;
      for (let field = 0; field < FIELDS; field++) total[field] = (total[field] ?? 0) + (sums[at + field] ?? 0);
    }
  }
  if (total[0] === 0) total[0] = 1;
  return total;
}

function segment(amplitude: Float64Array, coherence: Float64Array, columns: number, rows: number): Uint8Array {
  const strong = amplitude.toSorted()[Math.floor(amplitude.length * 0.9)] ?? 0;
  const least = Math.max(LEAST_AMPLITUDE, LEAST_SHARE * strong);
  const ridged = Uint8Array.from(amplitude, (value, i) =>
    value >= least && (coherence[i] ?? 0) >= LEAST_COHERENCE ? 1 : 0,
  );
  const piece = largestPiece(majority(ridged, columns, rows), columns, rows);
  // Holes are what the outside cannot reach.
  const outside = flood(
    piece.map((value) => 1 - value),
    columns,
    rows,
    borderCells(columns, rows),
  );
  return outside.map((value) => 1 - value);
}

/** What most of a cell and the eight about it are: takes off single cells and closes gaps. */
function majority(cells: Uint8Array, columns: number, rows: number): Uint8Array {
  return cells.map((_, i) => {
    const column = i % columns;
    const row = Math.floor(i / columns);
    let balance = 0;
    for (let r = Math.max(0, row - 1); r <= Math.min(rows - 1, row + 1); r++) {
      for (let c = Math.max(0, column - 1); c <= Math.min(columns - 1, column + 1); c++) {
        balance += cells[r * columns + c] === 1 ? 1 : -1;
      }
    }
    return balance > 0 ? 1 : 0;
  });
}

function borderCells(columns: number, rows: number): number[] {
  const cells: number[] = [];
  for (let c = 0; c < columns; c++) cells.push(c, (rows - 1) * columns + c);
  for (let r = 0; r < rows; r++) cells.push(r * columns, r * columns + columns - 1);
  return cells;
}

function largestPiece(cells: Uint8Array, columns: number, rows: number): Uint8Array {
  let best = new Uint8Array(cells.length);
  let bestSize = 0;
  const left = cells.slice();
  for (let start = 0; start < left.length; start++) {
    if (left[start] !== 1) continue;
    const piece = flood(left, columns, rows, [start]);
    let size = 0;
    for (let i = 0; i < piece.length; i++) {
      if (piece[i] !== 1) continue;
      left[i] = 0;
      size++;
    }
    if (size > bestSize) [best, bestSize] = [piece, size];
  }
  return best;
}

/** The cells of value 1 that hang together with `seeds`, by their sides. */
export function flood(
  cells: Uint8Array,
  columns: number,
  rows: number,
  seeds: readonly number[],
): Uint8Array<ArrayBuffer> {
  const reached = new Uint8Array(columns * rows);
  const waiting = [...seeds];
  for (let i = waiting.pop(); i !== undefined; i = waiting.pop()) {
    if (cells[i] !== 1 || reached[i] === 1) continue;
    reached[i] = 1;
    const column = i % columns;
    if (column > 0) waiting.push(i - 1);
    if (column < columns - 1) waiting.push(i + 1);
    if (i >= columns) waiting.push(i - columns);
    if (i < columns * (rows - 1)) waiting.push(i + columns);
  }
  return reached;
}
