/** Pages as other people's programs draw them, and whether two pictures differ only where they may. */
import { runTool } from './tools.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SeenRect } from '../../src/pdf/geometry.ts';

export interface PagePicture {
  readonly width: number;
  readonly height: number;
  readonly dpi: number;
  /** RGB, rows from the top. */
  readonly pixels: Uint8Array;
}

/** One page as seen (CropBox), drawn by pdftoppm into `folder`. Poppler knows no UserUnit: tell it. */
export function drawPage(path: string, page: number, folder: string, dpi = 50, userUnit = 1): PagePicture {
  const base = join(folder, 'page');
  const options = ['-r', String(dpi * userUnit), '-f', String(page), '-l', String(page), '-cropbox', '-singlefile'];
  const { status, stderr } = runTool('pdftoppm', [...options, path, base]);
  if (status !== 0) throw new Error(`pdftoppm: ${stderr}`);
  const ppm = readFileSync(`${base}.ppm`);
  const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(ppm.subarray(0, 64).toString('latin1'));
  if (header === null) throw new Error('pdftoppm wrote no P6 picture');
  return { width: Number(header[1]), height: Number(header[2]), dpi, pixels: ppm.subarray(header[0].length) };
}

/** How many pixels differ inside the marks' circumscribed boxes, and how many outside of all of them. */
export function differences(
  before: PagePicture,
  after: PagePicture,
  places: readonly SeenRect[],
): { inside: number; outside: number } {
  if (before.width !== after.width || before.height !== after.height) throw new Error('the page changed its size');
  const mm = 25.4 / before.dpi;
  const boxes = places.map(({ xMm, yMm, widthMm, heightMm, rotationDeg = 0 }) => {
    const turn = (rotationDeg * Math.PI) / 180;
    const [cos, sin] = [Math.abs(Math.cos(turn)), Math.abs(Math.sin(turn))];
    // Two pixels more: pictures are sampled, and lines are as wide as they are.
    const reachX = (cos * widthMm + sin * heightMm) / 2 + 2 * mm;
    const reachY = (sin * widthMm + cos * heightMm) / 2 + 2 * mm;
    return [xMm - reachX, yMm - reachY, xMm + reachX, yMm + reachY] as const;
  });
  let inside = 0;
  let outside = 0;
  for (let i = 0; i < before.width * before.height; i++) {
    const same = [0, 1, 2].every(
      (c) => Math.abs((before.pixels[3 * i + c] ?? 0) - (after.pixels[3 * i + c] ?? 0)) <= 2,
    );
    if (same) continue;
    const x = ((i % before.width) + 0.5) * mm;
    const y = (Math.floor(i / before.width) + 0.5) * mm;
    if (boxes.some(([x0, y0, x1, y1]) => x >= x0 && x <= x1 && y >= y0 && y <= y1)) inside++;
    else outside++;
  }
  return { inside, outside };
}
