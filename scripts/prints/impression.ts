/**
 * One press of a finger on a reader's window: where it lies, how hard and how moist it is, how the skin gives way, and what the sensor makes
 * of it.
 */
import type { Raster } from '../../src/biometric/raster.ts';
import { blur, planeOf, sample, smoothNoise } from './plane.ts';
import { randomOf } from './random.ts';
import type { Finger } from './ridges.ts';

export interface Press {
  /** Where the finger's centre lies off the window's, pixels, y downwards. */
  readonly shift: readonly [x: number, y: number];
  /** Clockwise. */
  readonly turnDegrees: number;
  /** Half axes of what touches, pixels. */
  readonly contact: readonly [x: number, y: number];
  /** Middle of what touches, off the finger's centre. */
  readonly contactAt?: readonly [x: number, y: number];
  /** 0 is right; 1 floods the valleys, -1 breaks the ridges. */
  readonly moisture: number;
  /** How far the skin is pushed out of place, pixels. */
  readonly stretch: number;
}

const WIDTH = 256;
const HEIGHT = 288;
const DPI = 500;

export function pressFinger(finger: Finger, press: Press, seed: string): Raster {
  const random = randomOf(seed);
  const noise = (scale: number): Float64Array => smoothNoise(WIDTH, HEIGHT, scale, random).values;
  const [pushX, pushY] = [noise(110), noise(110)];
  const [patches, outline, rag, speck, grain] = [noise(34), noise(26), noise(2.4), noise(5), noise(1)];
  const ridges = blur(finger.ridges, 1);
  const wet = Math.max(0, press.moisture);
  const dry = Math.max(0, -press.moisture);
  const cos = Math.cos((press.turnDegrees * Math.PI) / 180);
  const sin = Math.sin((press.turnDegrees * Math.PI) / 180);
  const [contactX, contactY] = press.contactAt ?? [0, 0];
  const ink = planeOf(WIDTH, HEIGHT, (x, y) => {
    const i = y * WIDTH + x;
    const at = (plane: Float64Array): number => plane[i] ?? 0;
    const windowX = x - WIDTH / 2 - press.shift[0];
    const windowY = y - HEIGHT / 2 - press.shift[1];
    const onFingerX = cos * windowX + sin * windowY;
    const onFingerY = cos * windowY - sin * windowX;
    const fromX = (onFingerX - contactX) / press.contact[0];
    const fromY = (onFingerY - contactY) / press.contact[1];
    // 0 on the outline of what touches, 1 in its middle.
    const inside = 1 - Math.sqrt(fromX * fromX + fromY * fromY) + 0.032 * at(outline);
    if (inside <= 0) return 0;
    const skinX = finger.ridges.width / 2 + onFingerX + press.stretch * at(pushX);
    const skinY = finger.ridges.height / 2 + onFingerY + press.stretch * at(pushY);
    const pressure = Math.min(1, inside / 0.28);
    const relief = 1.25 * sample(ridges, skinX, skinY) - (1 - 0.8 * wet) * 0.85 * sample(finger.pores, skinX, skinY);
    const flood = 0.1 + 0.95 * press.moisture + 0.16 * at(patches) * (1 + wet + dry) - 0.75 * (1 - pressure);
    const broken = (0.22 + 0.38 * dry) * at(rag) + (0.1 + 0.34 * dry + 0.12 * wet) * at(speck);
    const touch = 1 / (1 + Math.exp(-(relief + flood + broken) / 0.2));
    return touch * Math.min(1, 0.35 + inside / 0.16) * (1 - 0.3 * dry);
  });
  const seen = blurOnce(ink.values);
  const shade = noise(120);
  const pixels = Uint8Array.from(seen, (value, i) => {
    const paper = 238 + 3 * (shade[i] ?? 0);
    const depth = 178 + 14 * (patches[i] ?? 0) + 14 * wet;
    return Math.round(Math.min(Math.max(paper - depth * value + 3.2 * (grain[i] ?? 0), 0), 255));
  });
  return { width: WIDTH, height: HEIGHT, dpi: DPI, pixels };
}

/** The sensor's own softness: 1 2 1 in both directions. */
function blurOnce(values: Float64Array): Float64Array {
  const at = (x: number, y: number): number =>
    values[Math.min(Math.max(y, 0), HEIGHT - 1) * WIDTH + Math.min(Math.max(x, 0), WIDTH - 1)] ?? 0;
  return planeOf(WIDTH, HEIGHT, (x, y) => {
    const row = (j: number): number => at(x - 1, j) + 2 * at(x, j) + at(x + 1, j);
    return (row(y - 1) + 2 * row(y) + row(y + 1)) / 16;
  }).values;
}
