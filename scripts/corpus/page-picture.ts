/** Pages as other people's programs draw them, and whether two pictures differ only where they may. */
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SeenRect } from '../../src/pdf/geometry.ts';
import { runToolWithin } from './tool.ts';

export interface PagePicture {
  readonly width: number;
  readonly height: number;
  /** Of the page as seen, UserUnit and all. */
  readonly dpi: number;
  /** RGB, rows from the top. */
  readonly pixels: Uint8Array;
}

export interface PageSize {
  /** From 1. */
  readonly page: number;
  readonly widthMm: number;
  readonly heightMm: number;
}

const DPI = 50;
/** Pixels along the longer side: enough to see a mark on a small page, and not more than fits on a large one. */
const [SHORTEST_PX, LONGEST_PX] = [300, 1200];

/** A binary PPM with 8 bits a sample; null for anything else, as what is left of a program that gave up. */
export function readPpm(ppm: Uint8Array, dpi: number): PagePicture | null {
  const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(Buffer.from(ppm.subarray(0, 64)).toString('latin1'));
  if (header === null) return null;
  return { width: Number(header[1]), height: Number(header[2]), dpi, pixels: ppm.subarray(header[0].length) };
}

/** The programs that draw. */
export type Painter = 'pdftoppm' | 'mutool';

/** What poppler and MuPDF say of a document whose structure they had to guess, or of a page that they gave up in its midst. */
const GUESSED = /reconstruct|repair|trailer dictionary|Kid object|error during interpretation/;

export interface DrawnPage extends PagePicture {
  /** Whether the program mended the document first, or gave the page up. */
  readonly guessed: boolean;
}

/** One page as seen (CropBox), drawn in the folder, which is made; null where the program draws none, another one, or not in time. */
export async function drawPageWithin(
  timeoutMs: number,
  painter: Painter,
  path: string,
  { page, widthMm, heightMm }: PageSize,
  folder: string,
): Promise<DrawnPage | null> {
  const longerMm = Math.max(widthMm, heightMm);
  const px = String(Math.round(Math.min(LONGEST_PX, Math.max(SHORTEST_PX, (longerMm / 25.4) * DPI))));
  const [output, number] = [join(folder, 'page'), String(page)];
  await mkdir(folder, { recursive: true });
  try {
    const side = widthMm > heightMm ? '-w' : '-h';
    const args =
      painter === 'pdftoppm'
        ? ['-f', number, '-l', number, '-cropbox', '-scale-to', px, path, output]
        : ['draw', '-q', side, px, '-c', 'rgb', '-o', `${output}.ppm`, path, number];
    const { stderr } = await runToolWithin(timeoutMs, painter, args);
    const [name] = await readdir(folder);
    if (name === undefined) return null;
    const picture = readPpm(await readFile(join(folder, name)), 0);
    if (picture === null || !isAsLarge(picture, { widthMm, heightMm })) return null;
    // The longer side is what was asked for; poppler knows no UserUnit, and so does not know how long that is.
    const dpi = Math.max(picture.width, picture.height) / (longerMm / 25.4);
    return { ...picture, dpi, guessed: GUESSED.test(stderr) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Whether a picture can be of a page of this size: its shorter side is what the longer one asks for, but for a pixel. */
function isAsLarge(
  { width, height }: Pick<PagePicture, 'width' | 'height'>,
  { widthMm, heightMm }: Pick<PageSize, 'widthMm' | 'heightMm'>,
): boolean {
  const pxPerMm = Math.max(width, height) / Math.max(widthMm, heightMm);
  return Math.abs(width - widthMm * pxPerMm) <= 1.5 && Math.abs(height - heightMm * pxPerMm) <= 1.5;
}

/** How many pixels differ inside the marks' circumscribed boxes, and how many outside of all of them. */
export function differences(
  before: PagePicture,
  after: PagePicture,
  places: readonly SeenRect[],
): { inside: number; outside: number } {
  if (before.width !== after.width || before.height !== after.height) throw new Error('the page changed its size');
  if (Buffer.compare(before.pixels, after.pixels) === 0) return { inside: 0, outside: 0 };
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
    if (samePixel(before.pixels, after.pixels, 3 * i)) continue;
    const x = ((i % before.width) + 0.5) * mm;
    const y = (Math.floor(i / before.width) + 0.5) * mm;
    if (boxes.some(([x0, y0, x1, y1]) => x >= x0 && x <= x1 && y >= y0 && y <= y1)) inside++;
    else outside++;
  }
  return { inside, outside };
}

function samePixel(a: Uint8Array, b: Uint8Array, at: number): boolean {
  for (let i = at; i < at + 3; i++) if (Math.abs((a[i] ?? 0) - (b[i] ?? 0)) > 2) return false;
  return true;
}
