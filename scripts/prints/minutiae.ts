/**
 * The minutiae of a print, found the textbook way: ridges brought out along their direction, thinned to one pixel, and looked at where such a
 * line ends or forks. Enough for templates that behave like an extractor's; no product uses it.
 */
import type { Minutia } from '../../src/biometric/finger-minutiae.ts';
import type { Raster } from '../../src/biometric/raster.ts';
import { mapRidges } from '../../src/biometric/ridge-map.ts';
import type { RidgeMap } from '../../src/biometric/ridge-map.ts';
import { filterAlong, filterBank, filterIndex } from './gabor.ts';
import { blur, planeOf } from './plane.ts';
import type { Plane } from './plane.ts';
import { crossings, thin, trace } from './skeleton.ts';
import type { Skeleton } from './skeleton.ts';

/** Lines shorter than this that end or join another are the thinning's own. */
const SHORTEST = 9;
/** How far a line is followed for its direction. */
const REACH = 10;
/** Pixels from the outline of the print, where every ridge ends. */
const BORDER = 12;

export function findMinutiae(raster: Raster): Minutia[] {
  const map = mapRidges(raster);
  const skeleton = thin(raster.width, raster.height, ridgesOf(raster, map));
  prune(skeleton);
  const inside = insideOf(raster, map);
  const found: Minutia[] = [];
  for (let y = 1; y < raster.height - 1; y++) {
    for (let x = 1; x < raster.width - 1; x++) {
      if (inside[y * raster.width + x] !== 1) continue;
      const minutia = minutiaAt(skeleton, x, y, qualityAt(map, x, y));
      if (minutia !== null) found.push(minutia);
    }
  }
  return withoutPairs(found);
}

/** 1 where there is ridge. */
function ridgesOf(raster: Raster, map: RidgeMap): Uint8Array {
  const { width, height, pixels } = raster;
  const grey = planeOf(width, height, (x, y) => pixels[y * width + x] ?? 0);
  const around = blur(grey, 4).values;
  const relief = planeOf(width, height, (x, y) => {
    const i = y * width + x;
    return Math.round(Math.min(Math.max(((around[i] ?? 0) - (grey.values[i] ?? 0)) / 40, -1), 1) * 1024) / 1024;
  });
  const index = Uint16Array.from({ length: width * height }, (_, i) =>
    filterIndex(directionAt(map, i % width, Math.floor(i / width)), 3.5),
  );
  const clear: Plane = filterAlong(filterAlong(relief, index, bank), index, bank);
  return Uint8Array.from(clear.values, (value, i) =>
    value > 0 && isPrint(map, i % width, Math.floor(i / width)) ? 1 : 0,
  );
}

const bank = filterBank();

function isPrint({ cell, columns, print }: RidgeMap, x: number, y: number): boolean {
  return print[Math.floor(y / cell) * columns + Math.floor(x / cell)] === 1;
}

function qualityAt({ cell, columns, coherence }: RidgeMap, x: number, y: number): number {
  return Math.min(
    100,
    Math.max(1, Math.round(100 * (coherence[Math.floor(y / cell) * columns + Math.floor(x / cell)] ?? 0))),
  );
}

/** Between the middles of four cells, as vectors of twice the angle, which have no seam. */
function directionAt({ cell, columns, rows, direction, coherence }: RidgeMap, x: number, y: number): number {
  const column = (x + 0.5) / cell - 0.5;
  const row = (y + 0.5) / cell - 0.5;
  let cos = 0;
  let sin = 0;
  for (const r of [Math.floor(row), Math.floor(row) + 1]) {
    for (const c of [Math.floor(column), Math.floor(column) + 1]) {
      const i = Math.min(Math.max(r, 0), rows - 1) * columns + Math.min(Math.max(c, 0), columns - 1);
      const weight = (1 - Math.abs(column - c)) * (1 - Math.abs(row - r)) * (coherence[i] ?? 0);
      cos += weight * Math.cos(2 * (direction[i] ?? 0));
      sin += weight * Math.sin(2 * (direction[i] ?? 0));
    }
  }
  return Math.atan2(sin, cos) / 2;
}

/** 1 at least BORDER pixels away from all that is not print. */
function insideOf({ width, height }: Raster, map: RidgeMap): Uint8Array {
  const print = Uint8Array.from({ length: width * height }, (_, i) =>
    isPrint(map, i % width, Math.floor(i / width)) ? 1 : 0,
  );
  return print.map((_, i) => {
    const x = i % width;
    const y = Math.floor(i / width);
    for (let turn = 0; turn < 16; turn++) {
      const toX = x + Math.round(BORDER * Math.cos((turn * Math.PI) / 8));
      const toY = y + Math.round(BORDER * Math.sin((turn * Math.PI) / 8));
      if (toX < 0 || toY < 0 || toX >= width || toY >= height || print[toY * width + toX] !== 1) return 0;
    }
    return print[i] ?? 0;
  });
}

/** Takes off spurs, specks and short bridges. */
function prune(skeleton: Skeleton): void {
  const { width, height, lines } = skeleton;
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      if (lines[y * width + x] !== 1 || crossings(skeleton, x, y) !== 1) continue;
      const path = trace(skeleton, [x, y], null, SHORTEST);
      // A path that was followed to its full length is a ridge; a shorter one ended or met a fork.
      if (path.points.length < SHORTEST) for (const [px, py] of path.points) lines[py * width + px] = 0;
    }
  }
}

function minutiaAt(skeleton: Skeleton, x: number, y: number, quality: number): Minutia | null {
  if (skeleton.lines[y * skeleton.width + x] !== 1) return null;
  const count = crossings(skeleton, x, y);
  if (count === 1) {
    const direction = directionOf(trace(skeleton, [x, y], null, REACH).points);
    return direction === null ? null : { type: 'ending', x, y, angle: toUnits(direction), quality };
  }
  if (count !== 3) return null;
  const branches = skeleton
    .neighbours(x, y)
    .map((next) => directionOf([[x, y], ...trace(skeleton, next, [x, y], REACH).points]));
  const [a, b, c] = branches;
  if (a === undefined || b === undefined || c === undefined || a === null || b === null || c === null) return null;
  // The valley that a fork encloses lies between its two closest branches.
  const [first, second] = [
    [a, b],
    [b, c],
    [a, c],
  ].toSorted((p, q) => spread(p) - spread(q))[0] as [number, number];
  const middle = Math.atan2(Math.sin(first) + Math.sin(second), Math.cos(first) + Math.cos(second));
  return { type: 'bifurcation', x, y, angle: toUnits(middle), quality };
}

function spread([a = 0, b = 0]: readonly number[]): number {
  return Math.abs(Math.atan2(Math.sin(a - b), Math.cos(a - b)));
}

/** Counter-clockwise from the right; null for a line too short to tell. */
function directionOf(points: readonly (readonly [number, number])[]): number | null {
  const [from, to] = [points[0], points.at(-1)];
  if (from === undefined || to === undefined || points.length < REACH / 2) return null;
  return Math.atan2(from[1] - to[1], to[0] - from[0]);
}

function toUnits(radians: number): number {
  return ((Math.round((radians * 128) / Math.PI) % 256) + 256) % 256;
}

/** Two that lie closer than ridges do are a broken ridge, a bridge or a pore: neither counts. */
function withoutPairs(minutiae: readonly Minutia[]): Minutia[] {
  return minutiae.filter((a) => !minutiae.some((b) => a !== b && Math.hypot(a.x - b.x, a.y - b.y) < 8));
}
