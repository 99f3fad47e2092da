/**
 * Draws the fixture prints: fingers that no one has, several presses of each, and with every press the template that an extractor would make of
 * it. The same bytes at every run and on every machine. Alone: `node scripts/make-prints.ts [FOLDER]`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeFingerMinutiae } from '../src/biometric/finger-minutiae.ts';
import { measureQuality } from '../src/biometric/quality.ts';
import { encodePng } from '../src/biometric/raster.ts';
import type { Raster } from '../src/biometric/raster.ts';
import { pressFinger } from './prints/impression.ts';
import type { Press } from './prints/impression.ts';
import { findMinutiae } from './prints/minutiae.ts';
import { PATTERNS } from './prints/pattern.ts';
import type { FingerName } from './prints/pattern.ts';
import { randomOf } from './prints/random.ts';
import { growFinger } from './prints/ridges.ts';

export interface DrawnPrint {
  /** `whorl-1`, without an extension. */
  readonly name: string;
  readonly png: Uint8Array;
  /** ISO/IEC 19794-2:2005. */
  readonly fmr: Uint8Array;
}

const SEED = 'zhiyin prints 1';
const PIXELS_PER_CM = 197;

/** Position codes of ISO/IEC 19794-2: whose finger of the hand each pattern plays. */
const POSITIONS = {
  whorl: 1,
  'loop-right': 2,
  arch: 3,
  'loop-left': 6,
  'tented-arch': 7,
  'twin-loop': 8,
} as const satisfies Record<FingerName, number>;

/** Three ordinary presses of every finger: straight, turned right and a little dry, turned left and a little moist. */
const ORDINARY = {
  '1': { shift: [0, 0], turnDegrees: 0, contact: [112, 142], moisture: 0, stretch: 3 },
  '2': { shift: [8, -12], turnDegrees: 9, contact: [106, 134], moisture: -0.18, stretch: 4.5 },
  '3': { shift: [-7, 14], turnDegrees: -11, contact: [115, 144], moisture: 0.22, stretch: 4 },
} as const satisfies Record<string, Press>;

/** What a clerk has to ask for again. */
const POOR = {
  wet: { shift: [3, 2], turnDegrees: 3, contact: [116, 146], moisture: 1.5, stretch: 4 },
  dry: { shift: [-4, 6], turnDegrees: -4, contact: [110, 138], moisture: -0.85, stretch: 3 },
  partial: { shift: [30, -62], turnDegrees: 6, contact: [80, 76], contactAt: [14, 30], moisture: 0.05, stretch: 4 },
} as const satisfies Record<string, Press>;

/** Every press of one finger; the whorl has the poor ones beside the ordinary. */
export function drawPrints(finger: FingerName): DrawnPrint[] {
  const seed = `${SEED} ${finger}`;
  const grown = growFinger(PATTERNS[finger], seed);
  const presses: Record<string, Press> = { ...ORDINARY, ...(finger === 'whorl' ? POOR : {}) };
  return Object.entries(presses).map(([n, press]) => {
    const raster = pressFinger(grown, vary(press, `${seed} ${n} hand`), `${seed} ${n} press`);
    return { name: `${finger}-${n}`, png: encodePng(raster), fmr: templateOf(raster, POSITIONS[finger]) };
  });
}

export function makePrints(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const finger of Object.keys(PATTERNS) as FingerName[]) {
    for (const { name, png, fmr } of drawPrints(finger)) {
      writeFileSync(join(folder, `${name}.png`), png);
      writeFileSync(join(folder, `${name}.fmr`), fmr);
    }
  }
}

/** No two fingers are pressed alike. */
function vary(press: Press, seed: string): Press {
  const random = randomOf(seed);
  const [x, y] = press.shift;
  return {
    ...press,
    shift: [x + random.within(-4, 4), y + random.within(-4, 4)],
    turnDegrees: press.turnDegrees + random.within(-3, 3),
    moisture: press.moisture + random.within(-0.06, 0.06),
  };
}

function templateOf(raster: Raster, position: number): Uint8Array {
  return encodeFingerMinutiae({
    device: 0,
    width: raster.width,
    height: raster.height,
    xResolution: PIXELS_PER_CM,
    yResolution: PIXELS_PER_CM,
    views: [{ position, impression: 0, quality: measureQuality(raster).score, minutiae: findMinutiae(raster) }],
  });
}
