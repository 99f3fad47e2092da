/** A plane of numbers, and the few operations that drawing a print needs of it. */
import type { Random } from './random.ts';

export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly values: Float64Array;
}

export function planeOf(width: number, height: number, value: (x: number, y: number) => number): Plane {
  const values = new Float64Array(width * height);
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) values[i] = value(x, y);
  return { width, height, values };
}

/** The value between four pixels; outside, that of the nearest edge. */
export function sample({ width, height, values }: Plane, x: number, y: number): number {
  const left = Math.min(Math.max(Math.floor(x), 0), width - 2);
  const top = Math.min(Math.max(Math.floor(y), 0), height - 2);
  const fx = Math.min(Math.max(x - left, 0), 1);
  const fy = Math.min(Math.max(y - top, 0), 1);
  const i = top * width + left;
  const above = (values[i] ?? 0) * (1 - fx) + (values[i + 1] ?? 0) * fx;
  const below = (values[i + width] ?? 0) * (1 - fx) + (values[i + width + 1] ?? 0) * fx;
  return above * (1 - fy) + below * fy;
}

/** Three box means in each direction: a Gaussian for the eye, of deviation `radius` or a little more. */
export function blur(plane: Plane, radius: number): Plane {
  let current = plane;
  for (let pass = 0; pass < 3; pass++) current = transposeBoxMean(transposeBoxMean(current, radius), radius);
  return current;
}

function transposeBoxMean({ width, height, values }: Plane, radius: number): Plane {
  const out = new Float64Array(width * height);
  const size = 2 * radius + 1;
  for (let y = 0; y < height; y++) {
    const row = y * width;
    const at = (x: number): number => values[row + Math.min(Math.max(x, 0), width - 1)] ?? 0;
    let sum = 0;
    for (let x = -radius; x <= radius; x++) sum += at(x);
    for (let x = 0; x < width; x++) {
      out[x * height + y] = sum / size;
      sum += at(x + radius + 1) - at(x - radius);
    }
  }
  return { width: height, height: width, values: out };
}

/** Smooth chance: mean 0, deviation about 1, changing over about `scale` pixels. */
export function smoothNoise(width: number, height: number, scale: number, random: Random): Plane {
  const columns = Math.ceil(width / scale) + 4;
  const rows = Math.ceil(height / scale) + 4;
  const coarse = planeOf(columns, rows, () => random.normal());
  return planeOf(width, height, (x, y) => cubic(coarse, 1 + x / scale, 1 + y / scale));
}

/** Cubic B-spline through a coarse plane, scaled back to deviation 1. */
function cubic({ width, values }: Plane, x: number, y: number): number {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const wx = spline(x - left);
  const wy = spline(y - top);
  let sum = 0;
  for (let j = 0; j < 4; j++) {
    for (let i = 0; i < 4; i++)
      sum += (wx[i] ?? 0) * (wy[j] ?? 0) * (values[(top - 1 + j) * width + left - 1 + i] ?? 0);
  }
  return sum * 2;
}

function spline(t: number): readonly number[] {
  const s = 1 - t;
  return [(s * s * s) / 6, (3 * t * t * t - 6 * t * t + 4) / 6, (3 * s * s * s - 6 * s * s + 4) / 6, (t * t * t) / 6];
}
