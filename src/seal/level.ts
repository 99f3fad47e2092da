/** The levels of PAdES baseline signatures (ETSI EN 319 142-1, 6.1), each with all that the ones before have. Pure. */

/**
 * B-B: the signature alone. B-T: a trusted time at which it existed. B-LT: all that verifying it takes, in the document. B-LTA: a
 * timestamp over all of that, so that it outlives its authorities and can be renewed.
 */
export type Level = 'B-B' | 'B-T' | 'B-LT' | 'B-LTA';

export const LEVELS: readonly Level[] = ['B-B', 'B-T', 'B-LT', 'B-LTA'];

export function isAtLeast(level: Level, other: Level): boolean {
  return LEVELS.indexOf(level) >= LEVELS.indexOf(other);
}
