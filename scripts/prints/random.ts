/** Chance that is the same on every machine: integers only, from a seed. */
export interface Random {
  /** Even over [0, 1). */
  next(): number;
  /** Even over [low, high). */
  within(low: number, high: number): number;
  /** About normal: mean 0, deviation 1. */
  normal(): number;
}

/** Chance for one purpose; other seeds give unrelated sequences. */
export function randomOf(seed: string): Random {
  // FNV-1a makes a state of the seed; the generator is Marsaglia's xorshift32.
  let state = 0x811c9dc5;
  for (let i = 0; i < seed.length; i++) state = Math.imul(state ^ seed.charCodeAt(i), 0x01000193);
  state = state >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 0x1_0000_0000;
  };
  for (let i = 0; i < 16; i++) next();
  return {
    next,
    within: (low, high) => low + (high - low) * next(),
    normal: () => Math.sqrt(2) * (next() + next() + next() + next() + next() + next() - 3),
  };
}
