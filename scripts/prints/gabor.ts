/** Filters that see ridges of one direction and one spacing: a wave across the ridges under a round Gaussian, without a mean. */
import { planeOf } from './plane.ts';
import type { Plane } from './plane.ts';

/** Ridge to ridge in pixels at 500 dpi: an adult's is 8 to 11. */
export const PERIODS = [7.5, 8, 8.5, 9, 9.5, 10, 10.5, 11] as const;
export const DIRECTIONS = 64;

interface Filter {
  readonly radius: number;
  /** Whole numbers, so that sums over steps of 1/1024 are exact and the same on every processor. */
  readonly taps: Int32Array;
}

const UNIT = 1 << 12;
const GAIN = 4;

/** Which filter is for ridges of this direction (radians, counter-clockwise) and this place in PERIODS, rounded. */
export function filterIndex(direction: number, period: number): number {
  const turns = (direction / Math.PI) % 1;
  const slot = Math.round((turns < 0 ? turns + 1 : turns) * DIRECTIONS) % DIRECTIONS;
  return Math.min(Math.max(Math.round(period), 0), PERIODS.length - 1) * DIRECTIONS + slot;
}

export function filterBank(): Filter[] {
  return PERIODS.flatMap((period) =>
    Array.from({ length: DIRECTIONS }, (_, slot) => gabor(period, (slot * Math.PI) / DIRECTIONS)),
  );
}

function gabor(period: number, direction: number): Filter {
  const deviation = 0.4 * period;
  const radius = Math.ceil(period);
  const size = 2 * radius + 1;
  const bell = planeOf(size, size, (i, j) =>
    Math.exp(-((i - radius) ** 2 + (j - radius) ** 2) / (2 * deviation * deviation)),
  ).values;
  const wave = planeOf(size, size, (i, j) => {
    const across = (i - radius) * Math.sin(direction) + (j - radius) * Math.cos(direction);
    return Math.cos((2 * Math.PI * across) / period) * (bell[j * size + i] ?? 0);
  }).values;
  const mean = total(wave) / total(bell);
  const level = wave.map((value, i) => value - mean * (bell[i] ?? 0));
  const scale = (GAIN * UNIT) / total(level.map(Math.abs));
  return { radius, taps: Int32Array.from(level, (value) => Math.round(value * scale)) };
}

function total(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** Each pixel through the filter that `index` names for it, kept within -1 and 1 in steps of 1/1024. */
export function filterAlong(plane: Plane, index: Uint16Array, bank: readonly Filter[]): Plane {
  const { width, height, values } = plane;
  return planeOf(width, height, (x, y) => {
    const filter = bank[index[y * width + x] ?? 0];
    if (filter === undefined) return 0;
    const { radius, taps } = filter;
    const size = 2 * radius + 1;
    const first = Math.max(0, x - radius);
    const last = Math.min(width - 1, x + radius);
    let sum = 0;
    for (let row = Math.max(0, y - radius); row <= Math.min(height - 1, y + radius); row++) {
      let tap = (row - y + radius) * size + first - x + radius;
      for (let at = row * width + first; at <= row * width + last; at++, tap++) {
        sum += (taps[tap] ?? 0) * (values[at] ?? 0);
      }
    }
    return Math.round(Math.min(Math.max(sum / UNIT, -1), 1) * 1024) / 1024;
  });
}
