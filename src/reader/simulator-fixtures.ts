/** The simulator's material: devices, scenarios and synthetic prints, read from the package's fixtures when first needed. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { decodePng } from '../biometric/raster.ts';
import type { Raster } from '../biometric/raster.ts';
import { AppError } from '../errors.ts';
import type { PrintSource } from './simulated-link.ts';
import { parseDevice, parseScenarios } from './simulated-scenario.ts';
import type { DeviceDescription, Scenario } from './simulated-scenario.ts';

export interface SimulatorFixtures {
  readonly describe: (device: string) => DeviceDescription;
  readonly scenarios: ReadonlyMap<string, Scenario>;
  readonly prints: PrintSource;
}

/** `folder`: the fixtures. Reads what is small at once; a print when a finger is pressed. */
export function simulatorFixtures(folder: string): SimulatorFixtures {
  const readers = join(folder, 'readers');
  const scenarios = join(readers, 'scenarios.json');
  return {
    describe(device) {
      const path = join(readers, device, 'device.json');
      return parseDevice(readJson(path, device), path);
    },
    scenarios: parseScenarios(readJson(scenarios, 'scenarios'), scenarios),
    prints: fixturePrints(join(folder, 'prints')),
  };
}

/** Fingers take their turns, and so do the impressions of each. */
function fixturePrints(folder: string): PrintSource {
  const impressions = impressionsByFinger(folder);
  const fingers = [...impressions.keys()];
  const turns = new Map<string, number>();
  let nextFinger = 0;
  return {
    fingers,
    next({ finger, template, width, height }) {
      const name = finger ?? fingers[nextFinger++ % fingers.length] ?? '';
      const names = impressions.get(name) ?? [];
      const turn = turns.get(name) ?? 0;
      turns.set(name, turn + 1);
      const print = join(folder, names[turn % names.length] ?? '');
      const image = fitted(decodePng(readFileSync(`${print}.png`)), width, height);
      const minutiae = readFileSync(`${print}.fmr`);
      return { image, template: template === 'iso-19794-2' ? minutiae : characterFile(minutiae) };
    },
  };
}

/** `whorl-2.png` is the second impression of the finger `whorl`. Those that are poor on purpose have words for numbers. */
function impressionsByFinger(folder: string): ReadonlyMap<string, readonly string[]> {
  const names = readdirSync(folder).flatMap((file) => /^(.+)\.png$/.exec(file)?.[1] ?? []);
  const fingers = new Map<string, string[]>();
  for (const name of names.toSorted()) {
    const finger = /^(.+)-\d+$/.exec(name)?.[1];
    if (finger !== undefined) fingers.set(finger, [...(fingers.get(finger) ?? []), name]);
  }
  return fingers;
}

/** The picture in a window of this size: cut or framed in white, from the middle. */
function fitted(image: Raster, width: number, height: number): Raster {
  if (image.width === width && image.height === height) return image;
  const pixels = new Uint8Array(width * height).fill(255);
  const left = (width - image.width) >> 1;
  const top = (height - image.height) >> 1;
  for (let y = Math.max(0, top); y < Math.min(height, top + image.height); y++) {
    for (let x = Math.max(0, left); x < Math.min(width, left + image.width); x++) {
      pixels[y * width + x] = image.pixels[(y - top) * image.width + (x - left)] ?? 255;
    }
  }
  return { width, height, dpi: image.dpi, pixels };
}

/** Stands for a maker's own template: 512 bytes that tell the print and nothing else. */
function characterFile(minutiae: Uint8Array): Uint8Array {
  const file = new Uint8Array(512);
  for (let at = 0; at < minutiae.length; at++)
    file[at % 512] = ((file[at % 512] ?? 0) * 31 + (minutiae[at] ?? 0)) & 0xff;
  return file;
}

function readJson(path: string, name: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `reader.simulated.device: no such device: ${name}`, { cause });
  }
}
