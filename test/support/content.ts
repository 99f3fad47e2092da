/** Where the paths of a content stream lie: just enough of an interpreter for `q Q cm m l c h`. */

export type Matrix = readonly [number, number, number, number, number, number];

export interface PathPoint {
  readonly x: number;
  readonly y: number;
  /** The matrix in force. */
  readonly matrix: Matrix;
}

const OPERANDS: Readonly<Record<string, number>> = { m: 2, l: 2, c: 6 };

/** Every point of every path, control points too, in the space of the stream. */
export function pathPoints(content: Uint8Array): PathPoint[] {
  const points: PathPoint[] = [];
  const stack: Matrix[] = [];
  let matrix: Matrix = [1, 0, 0, 1, 0, 0];
  let operands: number[] = [];
  for (const token of new TextDecoder('latin1').decode(content).split(/\s+/)) {
    const number = Number(token);
    if (token !== '' && Number.isFinite(number)) {
      operands.push(number);
      continue;
    }
    if (token === 'q') stack.push(matrix);
    if (token === 'Q') matrix = stack.pop() ?? matrix;
    if (token === 'cm') matrix = times(operands as unknown as Matrix, matrix);
    for (let i = 0; i < (OPERANDS[token] ?? 0); i += 2) {
      const [x = 0, y = 0] = operands.slice(i, i + 2);
      const [a, b, c, d, e, f] = matrix;
      points.push({ x: a * x + c * y + e, y: b * x + d * y + f, matrix });
    }
    operands = [];
  }
  return points;
}

/** First `m`, then `n` (ISO 32000-2, 8.3.4). */
function times(m: Matrix, n: Matrix): Matrix {
  return [
    m[0] * n[0] + m[1] * n[2],
    m[0] * n[1] + m[1] * n[3],
    m[2] * n[0] + m[3] * n[2],
    m[2] * n[1] + m[3] * n[3],
    m[4] * n[0] + m[5] * n[2] + n[4],
    m[4] * n[1] + m[5] * n[3] + n[5],
  ];
}
