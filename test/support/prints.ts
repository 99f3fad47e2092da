/** The fixture prints, and what can happen to a print between finger and file. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { decodeFingerMinutiae } from '../../src/biometric/finger-minutiae.ts';
import type { MinutiaeView } from '../../src/biometric/finger-minutiae.ts';
import { decodePng } from '../../src/biometric/raster.ts';
import type { Raster } from '../../src/biometric/raster.ts';

const folder = join(import.meta.dirname, '../../fixtures/prints');

/** `whorl-1` and so on, in order. */
export const printNames = readdirSync(folder)
  .filter((file) => file.endsWith('.png'))
  .map((file) => file.slice(0, -4))
  .toSorted();

export function printFile(name: string): Uint8Array {
  return readFileSync(join(folder, name));
}

export function printRaster(name: string): Raster {
  return decodePng(printFile(`${name}.png`));
}

export function printMinutiae(name: string): MinutiaeView {
  const view = decodeFingerMinutiae(printFile(`${name}.fmr`)).views[0];
  if (view === undefined) throw new Error(`${name}.fmr has no view`);
  return view;
}

/** The finger that a press is of: `tented-arch` of `tented-arch-2`. */
export function fingerOf(name: string): string {
  return name.slice(0, name.lastIndexOf('-'));
}

/** Grain of the given deviation in grey levels, the same for the same seed. */
export function withNoise(raster: Raster, deviation: number, seed: number): Raster {
  let state = seed >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 0x1_0000_0000;
  };
  const pixels = raster.pixels.map((grey) => {
    const normal = Math.sqrt(2) * (next() + next() + next() + next() + next() + next() - 3);
    return Math.min(255, Math.max(0, Math.round(grey + deviation * normal)));
  });
  return { ...raster, pixels };
}

/** Means of 3 x 3 pixels, `times` over. */
export function withBlur(raster: Raster, times: number): Raster {
  const { width, height } = raster;
  let pixels = raster.pixels;
  for (let i = 0; i < times; i++) {
    const before = pixels;
    pixels = before.map((_, at) => {
      let sum = 0;
      for (let dy = -1; dy <= 1; dy++) {
        for (let dx = -1; dx <= 1; dx++) {
          const x = Math.min(Math.max((at % width) + dx, 0), width - 1);
          const y = Math.min(Math.max(Math.floor(at / width) + dy, 0), height - 1);
          sum += before[y * width + x] ?? 0;
        }
      }
      return Math.round(sum / 9);
    });
  }
  return { ...raster, pixels };
}

/** Paper over all but the top left part, as far as `share` of width and height. */
export function withPart(raster: Raster, share: number): Raster {
  const { width, height } = raster;
  const pixels = raster.pixels.map((grey, i) =>
    i % width < share * width && Math.floor(i / width) < share * height ? grey : 238,
  );
  return { ...raster, pixels };
}

/** Grey drawn together about 128. */
export function withContrast(raster: Raster, share: number): Raster {
  return { ...raster, pixels: raster.pixels.map((grey) => Math.round(128 + share * (grey - 128))) };
}
