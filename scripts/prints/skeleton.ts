/** Lines one pixel wide, and walking along them. */
export type Pixel = readonly [x: number, y: number];

export interface Skeleton {
  readonly width: number;
  readonly height: number;
  /** 1 on a line; a border of one pixel is 0. Changed by who owns it. */
  readonly lines: Uint8Array;
  /** Pixels of a line that touch this one; of two that touch each other too, the one beside it, not the one across the corner. */
  neighbours(x: number, y: number): Pixel[];
}

/** Around a pixel, clockwise from above. */
const AROUND: readonly Pixel[] = [
  [0, -1],
  [1, -1],
  [1, 0],
  [1, 1],
  [0, 1],
  [-1, 1],
  [-1, 0],
  [-1, -1],
];

/** T. Y. Zhang, C. Y. Suen, "A fast parallel algorithm for thinning digital patterns", CACM 27 (1984). */
export function thin(width: number, height: number, ridges: Uint8Array): Skeleton {
  const lines = ridges.map((value, i) => {
    const x = i % width;
    const y = Math.floor(i / width);
    return x > 0 && y > 0 && x < width - 1 && y < height - 1 ? value : 0;
  });
  for (let changed = true; changed;) {
    changed = false;
    for (const odd of [false, true]) {
      const gone: number[] = [];
      for (let y = 1; y < height - 1; y++) {
        for (let x = 1; x < width - 1; x++) {
          if (lines[y * width + x] === 1 && isPeelable(lines, width, x, y, odd)) gone.push(y * width + x);
        }
      }
      for (const i of gone) lines[i] = 0;
      changed ||= gone.length > 0;
    }
  }
  const at = (x: number, y: number): boolean => lines[y * width + x] === 1;
  const neighbours = (x: number, y: number): Pixel[] =>
    AROUND.filter(([dx, dy]) => {
      if (!at(x + dx, y + dy)) return false;
      return dx === 0 || dy === 0 || !(at(x + dx, y) || at(x, y + dy));
    }).map(([dx, dy]) => [x + dx, y + dy]);
  return { width, height, lines, neighbours };
}

function isPeelable(lines: Uint8Array, width: number, x: number, y: number, odd: boolean): boolean {
  const ring = AROUND.map(([dx, dy]) => lines[(y + dy) * width + x + dx] ?? 0);
  const count = ring.reduce((sum, value) => sum + value, 0);
  if (count < 2 || count > 6) return false;
  const rises = ring.filter((value, k) => value === 0 && ring[(k + 1) % 8] === 1).length;
  if (rises !== 1) return false;
  const [north = 0, , east = 0, , south = 0, , west = 0] = ring;
  return odd
    ? north * east * west === 0 && north * south * west === 0
    : north * east * south === 0 && east * south * west === 0;
}

/** How many lines leave a pixel of a line: 1 at an end, 2 along a line, 3 at a fork. */
export function crossings(skeleton: Skeleton, x: number, y: number): number {
  return skeleton.neighbours(x, y).length;
}

/** Along a line from `start` away from `before`, at most `reach` pixels, to its end or before its first fork. */
export function trace(
  skeleton: Skeleton,
  start: Pixel,
  before: Pixel | null,
  reach: number,
): { readonly points: Pixel[] } {
  const points: Pixel[] = [start];
  let [last, current] = [before, start];
  while (points.length < reach) {
    const [cx, cy] = current;
    const onward = skeleton.neighbours(cx, cy).filter(([x, y]) => last === null || x !== last[0] || y !== last[1]);
    const next = onward[0];
    if (next === undefined || onward.length > 1) break;
    points.push(next);
    [last, current] = [current, next];
  }
  return { points };
}
