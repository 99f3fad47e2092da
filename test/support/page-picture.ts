/** Pages drawn by pdftoppm for tests of one page at a resolution that they choose. */
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
  const { status, stderr } = runTool('pdftoppm', [...options, path, base]);
  if (status !== 0) throw new Error(`pdftoppm: ${stderr}`);
  return readPpm(readFileSync(`${base}.ppm`), dpi);
}
