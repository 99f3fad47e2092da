/**
 * The flow of a finger's ridges: where its loops and deltas lie and which way the ridges run between them.
 *
 * Zero-pole model: B. G. Sherlock, D. M. Monro, "A model for interpreting fingerprint topology", Pattern Recognition 26 (1993).
 * Coordinates are pixels from the centre of the finger, y upwards; directions are radians, counter-clockwise, modulo pi.
 */
export type Point = readonly [x: number, y: number];

export interface Pattern {
  /** Ends of loops; a whorl has two. */
  readonly cores: readonly Point[];
  readonly deltas: readonly Point[];
  /** Where there is neither: the height of the arch, as a slope, and its half width in pixels. */
  readonly arch?: { readonly slope: number; readonly halfWidth: number };
}

export const PATTERNS = {
  whorl: {
    cores: [
      [4, 26],
      [-5, -14],
    ],
    deltas: [
      [-112, -92],
      [108, -104],
    ],
  },
  'loop-left': { cores: [[8, 16]], deltas: [[74, -104]] },
  'loop-right': { cores: [[-14, 24]], deltas: [[-84, -92]] },
  arch: { cores: [], deltas: [], arch: { slope: 0.75, halfWidth: 62 } },
  'tented-arch': { cores: [[2, 2]], deltas: [[-2, -74]] },
  'twin-loop': {
    cores: [
      [-20, 24],
      [22, -22],
    ],
    deltas: [
      [-118, -96],
      [114, -88],
    ],
  },
} as const satisfies Record<string, Pattern>;

export type FingerName = keyof typeof PATTERNS;

/** The direction of the ridges at a point. */
export function ridgeDirection(pattern: Pattern, x: number, y: number): number {
  const { cores, deltas, arch } = pattern;
  if (arch !== undefined) {
    const across = (x / arch.halfWidth) * Math.exp(0.5 - (x * x) / (2 * arch.halfWidth * arch.halfWidth));
    // Flat at the joint, steepest about the middle of the pad, a gentle bow above.
    const along = 0.35 + 0.65 * Math.exp(-((y + 15) * (y + 15)) / (2 * 60 * 60));
    const joint = 1 / (1 + Math.exp(-(y + 115) / 14));
    return Math.atan(-arch.slope * across * along * joint);
  }
  let turn = 0;
  for (const [px, py] of cores) turn += Math.atan2(y - py, x - px);
  for (const [px, py] of deltas) turn -= Math.atan2(y - py, x - px);
  // Towards the tip the ridges follow the finger's outline; the model alone leaves them too flat.
  const bow = (0.5 * x) / 130 / (1 + Math.exp(-(y + 10) / 35));
  return turn / 2 - bow;
}
