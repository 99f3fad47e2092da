/** Signatures that nobody wrote: strokes of a pen along points, as a transparent PNG. */
import { encode } from 'fast-png';
import { reduced } from '../../src/biometric/ink.ts';

type Point = readonly [x: number, y: number];
/** Points of one stroke in a box of 100 x 100, y downwards. */
type Stroke = readonly Point[];

const CHARACTERS: Readonly<Record<string, readonly Stroke[]>> = {
  丙: [
    [
      [8, 22],
      [50, 18],
      [94, 15],
    ],
    [
      [20, 42],
      [22, 64],
      [17, 90],
    ],
    [
      [20, 43],
      [56, 37],
      [83, 37],
      [86, 64],
      [82, 88],
      [72, 84],
    ],
    [
      [52, 17],
      [50, 42],
      [44, 60],
      [32, 74],
    ],
    [
      [51, 50],
      [60, 60],
      [70, 72],
    ],
  ],
  某: [
    [
      [8, 24],
      [50, 20],
      [95, 15],
    ],
    [
      [31, 6],
      [34, 28],
      [33, 50],
    ],
    [
      [69, 4],
      [68, 28],
      [64, 47],
    ],
    [
      [34, 35],
      [50, 33],
      [66, 31],
    ],
    [
      [33, 50],
      [50, 48],
      [66, 46],
    ],
    [
      [8, 66],
      [50, 61],
      [94, 57],
    ],
    [
      [50, 50],
      [51, 76],
      [49, 106],
    ],
    [
      [50, 62],
      [36, 80],
      [8, 96],
    ],
    [
      [51, 62],
      [68, 80],
      [98, 92],
    ],
  ],
  文: [
    [
      [47, 2],
      [52, 8],
      [56, 15],
    ],
    [
      [6, 29],
      [50, 24],
      [94, 20],
    ],
    [
      [66, 24],
      [52, 60],
      [30, 84],
      [4, 98],
    ],
    [
      [34, 42],
      [56, 68],
      [76, 84],
      [104, 94],
    ],
  ],
};

const SIZE = 150;
const OVERSAMPLING = 4;
const INK = [24, 34, 88] as const;

/** @returns a PNG of dark blue ink on nothing, 300 dpi at some 25 mm for two characters. */
export function signaturePng(text: string): Uint8Array {
  const characters = Array.from(text);
  const scale = OVERSAMPLING;
  const width = Math.round((characters.length * 0.82 + 0.5) * SIZE) * scale;
  const height = Math.round(1.5 * SIZE) * scale;
  const ink = new Uint8Array(width * height);
  for (const [i, character] of characters.entries()) {
    for (const stroke of CHARACTERS[character] ?? []) {
      const points = stroke.map(([x, y]): Point => {
        // The hand leans to the right and climbs a little; the second character is smaller.
        const size = (SIZE * (i === 0 ? 1 : 0.86) * scale) / 100;
        const left = (0.22 + i * 0.82) * SIZE * scale;
        return [left + (x - y * 0.16) * size + 12 * scale, (0.2 - i * 0.03) * SIZE * scale + (y - x * 0.05) * size];
      });
      drawStroke(ink, width, height, points, SIZE * 0.026 * scale);
    }
  }
  const rgba = new Uint8Array(width * height * 4);
  for (let i = 0; i < ink.length; i++) rgba.set([...INK, ink[i] ?? 0], i * 4);
  const small = reduced({ width, height, rgba }, OVERSAMPLING);
  return encode(
    { width: small.width, height: small.height, data: small.rgba, channels: 4, depth: 8 },
    { zlib: { level: 9 } },
  );
}

/** A pen is pressed in the middle of a stroke and lifted at its end. */
function drawStroke(ink: Uint8Array, width: number, height: number, points: readonly Point[], pen: number): void {
  const steps = 60 * (points.length - 1);
  for (let i = 0; i <= steps; i++) {
    const t = i / steps;
    const [x, y] = along(points, t * (points.length - 1));
    const pressure = 0.95 + 0.35 * Math.sin(Math.PI * Math.min(1, t * 1.25)) - 0.75 * Math.max(0, t - 0.72) ** 0.8;
    disc(ink, width, height, x, y, Math.max(0.25, pressure) * pen);
  }
}

/** A Catmull-Rom curve through the points. */
function along(points: readonly Point[], t: number): Point {
  const i = Math.min(points.length - 2, Math.floor(t));
  const u = t - i;
  const at = (k: number): Point => points[Math.max(0, Math.min(points.length - 1, k))] ?? [0, 0];
  const [p0, p1, p2, p3] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
  const mix = (a: number, b: number, c: number, d: number): number =>
    0.5 * (2 * b + (c - a) * u + (2 * a - 5 * b + 4 * c - d) * u * u + (3 * b - a - 3 * c + d) * u * u * u);
  return [mix(p0[0], p1[0], p2[0], p3[0]), mix(p0[1], p1[1], p2[1], p3[1])];
}

function disc(ink: Uint8Array, width: number, height: number, cx: number, cy: number, radius: number): void {
  for (let y = Math.max(0, Math.floor(cy - radius)); y <= Math.min(height - 1, cy + radius); y++) {
    for (let x = Math.max(0, Math.floor(cx - radius)); x <= Math.min(width - 1, cx + radius); x++) {
      if ((x - cx) ** 2 + (y - cy) ** 2 <= radius ** 2) ink[y * width + x] = 235;
    }
  }
}
