/**
 * Where the product's rules put every mark on every PDF of a folder: `npm run -s placements -- FOLDER`, `--json` for programs. Nothing is
 * written; what is refused is named.
 */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isAppError } from '../src/errors.ts';
import { POINTS_PER_MM } from '../src/pdf/geometry.ts';
import type { SeenRect } from '../src/pdf/geometry.ts';
import { PdfPool } from '../src/pdf/pdf-pool.ts';
import type { PageText } from '../src/pdf/text-anchor.ts';
import { placePaging } from '../src/seal/paging.ts';
import { SIGNATURE, THE_SEAL, placeFingerprint, placePicture, placeSealOnDate } from '../src/seal/placement.ts';
import { lineFor, signatureLines } from '../src/seal/signature-line.ts';

interface Row {
  readonly file: string;
  readonly mark: string;
  readonly page?: number;
  readonly xMm?: number;
  readonly yMm?: number;
  readonly notices?: readonly string[];
  readonly refused?: string;
}

const SEAL = { widthMm: 42, heightMm: 42 };
const pool = new PdfPool({ timeoutMs: 30_000 });
const args = process.argv.slice(2).filter((arg) => arg !== '--json');
const folder = resolve(args[0] ?? '.');
const rows: Row[] = [];
for (const file of (await readdir(folder)).filter((name) => name.endsWith('.pdf')).toSorted()) {
  rows.push(...(await placementsIn(file)));
}
await pool.close();
process.stdout.write(process.argv.includes('--json') ? `${JSON.stringify(rows, null, 2)}\n` : table(rows));

async function placementsIn(file: string): Promise<Row[]> {
  const path = join(folder, file);
  let pages: readonly PageText[];
  try {
    pages = await pool.readText(path);
  } catch (error) {
    return [{ file, mark: 'all', refused: codeOf(error) }];
  }
  // As many parties as have a line: the page that uploads a document knows how many there are.
  const parties = signatureLines(pages, 0).filter(({ role }) => role === 'party').length;
  const lines = signatureLines(pages, parties);
  const placed: SeenRect[] = [];
  const own: Row[] = [];
  const add = (mark: string, place: () => { place: SeenRect; notices: readonly { code: string }[] }): void => {
    try {
      const { place: at, notices } = place();
      placed.push(at);
      const { page, xMm, yMm } = at;
      own.push({ file, mark, page, xMm, yMm, notices: notices.map(({ code }) => code) });
    } catch (error) {
      own.push({ file, mark, refused: codeOf(error) });
    }
  };
  for (let index = 0; index < Math.max(1, parties); index++) {
    add(`fingerprint of party ${index + 1}`, () =>
      placeFingerprint(pages, lineFor(lines, { role: 'party', index }), 0, THE_SEAL),
    );
  }
  add('signature of the mediator', () =>
    placePicture(pages, lineFor(lines, { role: 'mediator' }), { width: 5, height: 2 }, SIGNATURE, THE_SEAL),
  );
  add('seal', () => placeSealOnDate(pages, SEAL, placed));
  const size = { widthPt: SEAL.widthMm * POINTS_PER_MM, heightPt: SEAL.heightMm * POINTS_PER_MM };
  const { strips, notices } = placePaging(pages, size, 'right', pages, placed);
  const codes = notices.map(({ code }) => code);
  return [
    ...own,
    ...strips.map(({ place: { page, xMm, yMm } }) => ({ file, mark: 'paging seal', page, xMm, yMm, notices: codes })),
  ];
}

function codeOf(error: unknown): string {
  if (isAppError(error)) return error.code;
  throw error;
}

function table(all: readonly Row[]): string {
  const number = (value: number | undefined): string => (value === undefined ? '' : value.toFixed(1));
  const cells = all.map((row) => [
    row.file,
    row.mark,
    String(row.page ?? ''),
    number(row.xMm),
    number(row.yMm),
    row.refused === undefined ? (row.notices ?? []).join(' ') : `refused: ${row.refused}`,
  ]);
  const head = ['file', 'mark', 'page', 'x mm', 'y mm', ''];
  const widths = head.map((_, i) => Math.max(...[head, ...cells].map((line) => (line[i] ?? '').length)));
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, i) => (i < 2 ? text.padEnd(widths[i] ?? 0) : i < 5 ? text.padStart(widths[i] ?? 0) : text))
      .join('  ')
      .trimEnd();
  return `${[head, ...cells].map(line).join('\n')}\n`;
}
