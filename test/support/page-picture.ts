/** Pages drawn by other people’s programs for tests of one page at a resolution that they choose. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPpm } from '../../scripts/corpus/page-picture.ts';
import type { PagePicture } from '../../scripts/corpus/page-picture.ts';
import { runTool } from './tools.ts';

export { differences } from '../../scripts/corpus/page-picture.ts';

/** One page as seen (CropBox), drawn by pdftoppm into `folder`. Poppler knows no UserUnit: tell it. */
export function drawPage(path: string, page: number, folder: string, dpi = 50, userUnit = 1): PagePicture {
  const base = join(folder, 'page');
  const options = ['-r', String(dpi * userUnit), '-f', String(page), '-l', String(page), '-cropbox', '-singlefile'];
  return drawnBy('pdftoppm', [...options, path, base], `${base}.ppm`, dpi);
}

/** The same, drawn by mutool. */
export function drawPageByMutool(path: string, page: number, folder: string, dpi = 50): PagePicture {
  const file = join(folder, 'page-mutool.ppm');
  const options = ['-r', String(dpi), '-F', 'ppm', '-o', file];
  return drawnBy('mutool', ['draw', '-q', ...options, path, String(page)], file, dpi);
}

function drawnBy(tool: string, args: readonly string[], file: string, dpi: number): PagePicture {
  const { status, stderr } = runTool(tool, args);
  if (status !== 0) throw new Error(`${tool}: ${stderr}`);
  const picture = readPpm(readFileSync(file), dpi);
  if (picture === null) throw new Error(`${tool} wrote no P6 picture`);
  return picture;
}

/** A part of a picture; its edges must lie on pixels. */
export function partOf(picture: PagePicture, x: number, y: number, width: number, height: number): PagePicture {
  const pixels = new Uint8Array(3 * width * height);
  for (let row = 0; row < height; row++) {
    const from = 3 * ((y + row) * picture.width + x);
    pixels.set(picture.pixels.subarray(from, from + 3 * width), 3 * row * width);
  }
  return { width, height, dpi: picture.dpi, pixels };
}
