/** How alike two sets of minutiae are: enough to show that prints behave like prints, not to identify anyone. */
import type { Minutia, MinutiaeView } from '../../src/biometric/finger-minutiae.ts';

const NEAR_PIXELS = 10;
const NEAR_ANGLE = 16; // 22 degrees
const MAX_TURN = 43; // 60 degrees

/**
 * 0 to 1. Every pair of minutiae is tried as the one that lies on the other; the best of these overlays tells how many more of
 * them meet, as a share of the smaller set.
 */
export function matchMinutiae(a: MinutiaeView, b: MinutiaeView): number {
  const smaller = Math.min(a.minutiae.length, b.minutiae.length);
  if (smaller < 4) return 0;
  let best = 0;
  for (const p of a.minutiae) {
    for (const q of b.minutiae) {
      if (Math.abs(angleBetween(p.angle, q.angle)) <= MAX_TURN) best = Math.max(best, countMeeting(a, b, p, q));
    }
  }
  return best / Math.max(smaller, 12);
}

function countMeeting(a: MinutiaeView, b: MinutiaeView, p: Minutia, q: Minutia): number {
  const turn = angleBetween(p.angle, q.angle);
  const radians = (turn * Math.PI) / 128;
  const cos = Math.cos(radians);
  const sin = Math.sin(radians);
  const used = new Set<Minutia>();
  for (const m of a.minutiae) {
    // Angles turn counter-clockwise while y grows downwards.
    const x = q.x + cos * (m.x - p.x) + sin * (m.y - p.y);
    const y = q.y - sin * (m.x - p.x) + cos * (m.y - p.y);
    const partner = b.minutiae.find(
      (n) =>
        !used.has(n) &&
        Math.hypot(n.x - x, n.y - y) <= NEAR_PIXELS &&
        Math.abs(angleBetween(m.angle + turn, n.angle)) <= NEAR_ANGLE,
    );
    if (partner !== undefined) used.add(partner);
  }
  return used.size;
}

/** From one angle to the other, -128 to 127 units of 360/256 degree. */
function angleBetween(from: number, to: number): number {
  return ((((to - from + 128) % 256) + 256) % 256) - 128;
}
