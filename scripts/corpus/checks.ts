/** Whether a sealed document is what it must be: the original and more, in the eyes of other people's programs and of our own. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileChunks } from '../../src/file-chunks.ts';
import type { SeenRect } from '../../src/pdf/geometry.ts';
import type { VerificationReport } from '../../src/verify/report.ts';
import { JUDGE_MS, askMutool, askPdfsig, askQpdf } from './judges.ts';
import type { Judgement, QpdfVerdict } from './judges.ts';
import { differences, drawPageWithin } from './page-picture.ts';
import type { DrawnPage, PagePicture, PageSize, Painter } from './page-picture.ts';
import type { SealEnd } from './seal-lane.ts';
import { hasTool } from './tool.ts';

/** The programs that judge; each check runs only where its program is installed. */
export const JUDGES = ['qpdf', 'pdfsig', 'mutool', 'pdftoppm'] as const;
export type Judge = (typeof JUDGES)[number];

export interface Fault {
  readonly check: 'prefix' | 'verifier' | Judge;
  readonly detail: string;
}

export interface Checked {
  readonly faults: readonly Fault[];
  /** What could not be judged, because a program cannot do so with the original either. */
  readonly notes: readonly Fault[];
}

export interface SealedDocument {
  readonly original: string;
  readonly sealed: string;
  readonly end: SealEnd & { readonly kind: 'sealed' };
  /** Of the original; asked here where absent. */
  readonly qpdfBefore?: QpdfVerdict;
}

export function installedJudges(): ReadonlySet<Judge> {
  return new Set(JUDGES.filter((name) => hasTool(name)));
}

/** All checks, one after the other; `folder` is for pictures, and empty again at the end. */
export async function checkSealed(
  { original, sealed, end, qpdfBefore }: SealedDocument,
  judges: ReadonlySet<Judge>,
  folder: string,
): Promise<Checked> {
  const faults: Fault[] = [];
  const notes: Fault[] = [];
  const fault = (check: Fault['check'], detail: string): void => void faults.push({ check, detail });
  const note = (check: Fault['check'], detail: string): void => void notes.push({ check, detail });

  if (!(await isPrefix(original, sealed))) fault('prefix', 'the original is not the beginning');
  for (const detail of verifierFaults(end.verified.before, end.verified.after)) fault('verifier', detail);
  if (judges.has('qpdf')) {
    const before = qpdfBefore ?? (await askQpdf(original));
    for (const detail of qpdfFaults(before, await askQpdf(sealed))) fault('qpdf', detail);
  }
  for (const [judge, ask] of [
    ['pdfsig', askPdfsig],
    ['mutool', askMutool],
  ] as const) {
    if (!judges.has(judge)) continue;
    const before = await ask(original);
    if (before === null) note(judge, 'cannot read the original');
    else for (const detail of signatureFaults(before, await ask(sealed))) fault(judge, detail);
  }
  const painters = (['pdftoppm', 'mutool'] as const).filter((painter) => judges.has(painter));
  for (const size of painters.length === 0 ? [] : end.sealed.pages) {
    const { kind, painter, detail } = await comparePage(size, { original, sealed, end }, painters, folder);
    if (kind === 'fault') fault(painter, `page ${size.page} ${detail}`);
    if (kind === 'note') note(painter, `page ${size.page} ${detail}`);
  }
  return { faults, notes };
}

async function isPrefix(original: string, sealed: string): Promise<boolean> {
  await using before = await open(original);
  await using after = await open(sealed);
  const { size } = await before.stat();
  const theirs = fileChunks(after, { bytes: size });
  for await (const chunk of fileChunks(before)) {
    const { value } = await theirs.next();
    if (value === undefined || Buffer.compare(chunk, value) !== 0) return false;
  }
  return (await after.stat()).size > size;
}

function verifierFaults(before: VerificationReport, after: VerificationReport): string[] {
  const faults: string[] = [];
  if (!after.signatures.some(({ coversWholeFile, integrity }) => coversWholeFile && integrity === 'INTACT')) {
    faults.push(`no intact signature over all: ${after.reasons.map(({ code }) => code).join(', ')}`);
  }
  for (const earlier of before.signatures) {
    const now = after.signatures.find(({ field }) => field === earlier.field);
    // What was added after it is another matter than harm to it.
    const held = now !== undefined && (now.integrity === 'INTACT' || now.changesAfter.length > 0);
    if (earlier.integrity === 'INTACT' && !held) faults.push(`${earlier.field} was intact`);
  }
  return faults;
}

/** Worst first: it did not end, errors, warnings, nothing. */
const QPDF_ORDER = [null, 2, 3, 0];

/**
 * New complaints. An object that was at fault before is so for its own reasons, even where it has no end and reads on into what follows the
 * original. Of a damaged original qpdf tells only so much as it comes to: there a sealed document, with a cross-reference that leads
 * further, is complained of for the original's own faults as well, and what counts is the structure.
 */
function qpdfFaults(before: QpdfVerdict, after: QpdfVerdict): string[] {
  const known = new Set(before.complaints.map(({ text }) => text));
  const faulty = new Set(before.complaints.map(({ object }) => object));
  const isDamaged =
    (before.status ?? 2) === 2 || before.complaints.some(({ text }) => /damaged|reconstruct/.test(text));
  const fresh = after.complaints.filter(({ text, object }) => {
    if (known.has(text) || (object !== null && faulty.has(object))) return false;
    return !isDamaged || /xref|trailer|damaged|reconstruct|expected N N obj/.test(text);
  });
  if (fresh.length > 0) return fresh.map(({ text }) => text);
  const isWorse = QPDF_ORDER.indexOf(after.status) < QPDF_ORDER.indexOf(before.status);
  return isWorse && !isDamaged ? [`exit status ${before.status} before, ${after.status} after`] : [];
}

function signatureFaults(
  before: readonly { readonly id: string; readonly intact: boolean }[],
  after: Judgement,
): string[] {
  if (after === null) return ['cannot read the sealed document'];
  const faults: string[] = [];
  const earlier = before.filter(({ intact }) => intact);
  // A field that was empty is a signature that was not intact.
  const own = after.filter(({ id }) => !earlier.some((one) => one.id === id));
  if (!own.some(({ intact, whole }) => intact && whole)) faults.push('the seal is not intact over all');
  for (const { id } of earlier) {
    if (after.find((one) => one.id === id)?.intact !== true) faults.push(`signature ${id} was intact`);
  }
  return faults;
}

interface PageEnd {
  readonly kind: 'same' | 'fault' | 'note';
  readonly painter: Painter;
  readonly detail: string;
}

/** By the first of the painters that can draw the original, and draws it the same each time. */
async function comparePage(
  size: PageSize,
  document: SealedDocument,
  painters: readonly Painter[],
  folder: string,
): Promise<PageEnd> {
  let last: PageEnd = { kind: 'note', painter: 'pdftoppm', detail: 'was not drawn' };
  for (const painter of painters) {
    last = { painter, ...(await comparePageBy(painter, size, document, folder)) };
    if (last.kind !== 'note') break;
  }
  return last;
}

async function comparePageBy(
  painter: Painter,
  size: PageSize,
  { original, sealed, end }: SealedDocument,
  folder: string,
): Promise<Omit<PageEnd, 'painter'>> {
  const draw = (path: string): Promise<DrawnPage | null> =>
    drawPageWithin(JUDGE_MS, painter, path, size, join(folder, 'pictures'));
  const before = await draw(original);
  if (before === null) return { kind: 'note', detail: 'of the original cannot be drawn' };
  const detail = pageFault(before, await draw(sealed), end.sealed.places, size.page);
  if (detail === null) return { kind: 'same', detail: '' };
  if (detail === UNSEEN && isBlack(before, end.sealed.places, size.page)) {
    return { kind: 'note', detail: 'of the original is black where the seal goes' };
  }
  // Who mends a document does so anew with what follows it: what is shown then is an idea of the painter's own.
  if (before.guessed) return { kind: 'note', detail: `of the original is drawn by guess, and ${detail}` };
  // Poppler draws some fonts from memory that it never wrote to.
  const again = await draw(original);
  return again !== null && pageFault(before, again, [], size.page) === null
    ? { kind: 'fault', detail }
    : { kind: 'note', detail: 'of the original is drawn differently each time' };
}

const UNSEEN = 'does not show the seal';

/** Whether no mark could be seen there: ink on black is black. */
function isBlack(picture: PagePicture, places: readonly SeenRect[], page: number): boolean {
  const { width, height, dpi, pixels } = picture;
  return places.every((place) => {
    const at = [place.xMm, place.yMm].map((mm) => Math.floor((mm / 25.4) * dpi));
    const [x = 0, y = 0] = at;
    const pixel = 3 * (Math.min(y, height - 1) * width + Math.min(x, width - 1));
    return place.page !== page || pixels.subarray(pixel, pixel + 3).every((sample) => sample < 16);
  });
}

function pageFault(
  before: PagePicture,
  after: PagePicture | null,
  places: readonly SeenRect[],
  page: number,
): string | null {
  if (after === null) return 'cannot be drawn any more';
  if (before.width !== after.width || before.height !== after.height) return 'has another size';
  const here = places.filter((place) => place.page === page);
  const { inside, outside } = differences(before, after, here);
  if (outside > 0) return `differs in ${outside} pixels outside of the marks`;
  return here.length > 0 && inside === 0 ? UNSEEN : null;
}
