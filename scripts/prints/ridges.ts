/**
 * The ridges of a whole finger, grown from scattered spots by filtering again and again along the flow: the idea published by R. Cappelli,
 * D. Maio, D. Maltoni, "Synthetic fingerprint-image generation", ICPR 2000. Where growing ridges do not meet, endings and bifurcations appear, as
 * in skin.
 */
import { filterAlong, filterBank, filterIndex } from './gabor.ts';
import { planeOf, smoothNoise } from './plane.ts';
import type { Plane } from './plane.ts';
import { ridgeDirection } from './pattern.ts';
import type { Pattern } from './pattern.ts';
import { randomOf } from './random.ts';

export interface Finger {
  /** 1 in the middle of a ridge, -1 in the middle of a valley. The centre of the plane is the centre of the finger. */
  readonly ridges: Plane;
  /** Sweat pores: 0 to 1, where a ridge is open. */
  readonly pores: Plane;
}

const WIDTH = 312;
const HEIGHT = 352;
const ROUNDS = 20;
/** Pixels for one spot to grow from: fewer spots, fewer minutiae. */
const PIXELS_PER_SPOT = 60;

export function growFinger(pattern: Pattern, seed: string): Finger {
  const bank = filterBank();
  const flow = flowOf(pattern, seed);
  const random = randomOf(`${seed} spots`);
  let ridges = planeOf(WIDTH, HEIGHT, () => 0);
  for (let spot = 0; spot < (WIDTH * HEIGHT) / PIXELS_PER_SPOT; spot++) {
    ridges.values[Math.floor(random.next() * WIDTH * HEIGHT)] = random.next() < 0.5 ? -1 : 1;
  }
  for (let round = 0; round < ROUNDS; round++) ridges = filterAlong(ridges, flow, bank);
  return { ridges, pores: poresOn(ridges, seed) };
}

/** Which filter holds at each pixel. */
function flowOf(pattern: Pattern, seed: string): Uint16Array {
  const random = randomOf(`${seed} flow`);
  const bend = smoothNoise(WIDTH, HEIGHT, 90, random);
  const spacing = smoothNoise(WIDTH, HEIGHT, 70, random);
  return Uint16Array.from(bend.values, (turn, i) => {
    const up = HEIGHT / 2 - Math.floor(i / WIDTH);
    const direction = ridgeDirection(pattern, (i % WIDTH) - WIDTH / 2, up) + 0.05 * turn;
    // Ridges lie wider apart towards the joint.
    return filterIndex(direction, 3.1 + 0.8 * (spacing.values[i] ?? 0) - up / 90);
  });
}

/** Pores sit on the middle of ridges, some 3 to 4 a millimetre. */
function poresOn(ridges: Plane, seed: string): Plane {
  const random = randomOf(`${seed} pores`);
  const pores = planeOf(WIDTH, HEIGHT, () => 0);
  const taken = new Uint8Array(WIDTH * HEIGHT);
  for (let attempt = 0; attempt < WIDTH * HEIGHT; attempt++) {
    const x = 4 + Math.floor(random.next() * (WIDTH - 8));
    const y = 4 + Math.floor(random.next() * (HEIGHT - 8));
    const size = random.within(0.7, 1.25);
    if ((ridges.values[y * WIDTH + x] ?? 0) < 0.98 || taken[y * WIDTH + x] === 1) continue;
    for (let row = -4; row <= 4; row++) {
      for (let column = -4; column <= 4; column++) {
        const i = (y + row) * WIDTH + x + column;
        taken[i] = 1;
        const open = Math.exp(-(row * row + column * column) / (2 * size * size));
        pores.values[i] = Math.max(pores.values[i] ?? 0, open);
      }
    }
  }
  return pores;
}
