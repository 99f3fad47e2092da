/** From what is asked (who marks what, where the seal goes) to places and pictures on pages. */
import { renderFingerprint } from '../biometric/rendition.ts';
import { AppError } from '../errors.ts';
import { POINTS_PER_MM } from '../pdf/geometry.ts';
import type { SeenRect } from '../pdf/geometry.ts';
import type { Appearance, PageMark } from '../pdf/increment.ts';
import type { PdfPool } from '../pdf/pdf-pool.ts';
import type { PageText } from '../pdf/text-anchor.ts';
import { fingerprintAppearance, pictureAppearance } from './appearance.ts';
import {
  FINGERPRINT,
  LARGEST_TURN,
  SIGNATURE,
  STAMP,
  placeByKeyword,
  placeFingerprint,
  placePicture,
  placeSealOnDate,
} from './placement.ts';
import type { Placed, Shape, Size } from './placement.ts';
import type { MarkRequest, Notice, Placement, SealJob } from './seal-job.ts';
import { lineFor, signatureLines } from './signature-line.ts';

export interface Layout {
  readonly marks: readonly PageMark[];
  /** An existing field keeps its own rectangle. */
  readonly seal: { readonly place: SeenRect } | { readonly field: string };
  readonly notices: readonly Notice[];
}

/** The document's text, read once and only where a rule needs it. */
type ReadText = () => Promise<readonly PageText[]>;

/** A random number in -1..1, so that no two prints are turned alike. */
type Turn = () => number;

/**
 * Places everything a job asks for.
 * @throws AppError KEYWORD_ABSENT, KEYWORD_AMBIGUOUS, POSITION_OFF_PAGE, PICTURE_NOT_PNG, and what reading the PDF throws.
 */
export async function layOut(
  job: SealJob,
  sealAppearance: Appearance,
  pool: PdfPool,
  turn: Turn,
  signal: AbortSignal,
): Promise<Layout> {
  let read: Promise<readonly PageText[]> | undefined;
  const text: ReadText = () => (read ??= pool.readText(job.path, signal));
  const marks = await inOrder(job.marks, (mark) => placeMark(mark, job.parties, text, turn));
  const places = marks.map(({ placed }) => placed.place);
  const seal = await placeSeal(job.seal, sizeOf(sealAppearance), places, text);
  return {
    marks: marks.map(({ placed, appearance }) => ({ place: placed.place, appearance })),
    seal: 'field' in seal ? seal : { place: seal.place },
    notices: [...marks.flatMap(({ placed }) => placed.notices), ...('field' in seal ? [] : seal.notices)],
  };
}

interface PlacedMark {
  readonly placed: Placed;
  readonly appearance: Appearance;
}

async function placeMark(mark: MarkRequest, parties: number, text: ReadText, turn: Turn): Promise<PlacedMark> {
  const { picture, placement, who } = mark;
  const line = async (): Promise<{ pages: readonly PageText[]; line: ReturnType<typeof lineFor> }> => {
    const pages = await text();
    return { pages, line: lineFor(signatureLines(pages, parties), who) };
  };
  if (picture.kind === 'fingerprint') {
    const rotation = turn() * LARGEST_TURN;
    const placed =
      placement === undefined
        ? await line().then((found) => placeFingerprint(found.pages, found.line, rotation))
        : await placeAs(placement, FINGERPRINT, 'box', text, rotation);
    const appearance = fingerprintAppearance(renderFingerprint(picture.raster), FINGERPRINT);
    return { placed, appearance };
  }
  const most = picture.kind === 'stamp' ? STAMP : SIGNATURE;
  const whole = pictureAppearance(picture.kind, picture.png, most);
  const proportions = { width: whole.widthPt, height: whole.heightPt };
  const placed =
    placement === undefined
      ? await line().then((found) => placePicture(found.pages, found.line, proportions, most))
      : await placeAs(placement, scaledInto(proportions, most), 'box', text);
  return { placed, appearance: whole };
}

async function placeSeal(
  placement: Placement | null,
  size: Size,
  avoid: readonly SeenRect[],
  text: ReadText,
): Promise<Placed | { readonly field: string }> {
  if (placement === null) return placeSealOnDate(await text(), size, avoid);
  if ('field' in placement) return { field: placement.field };
  return placeAs(placement, size, 'round', text);
}

/** An explicit placement: coordinates, or words of the document. */
async function placeAs(
  placement: Placement,
  size: Size,
  shape: Shape,
  text: ReadText,
  rotationDeg = 0,
): Promise<Placed> {
  if ('field' in placement) throw new AppError('FIELD_NOT_FOUND', 'only the seal goes into a signature field');
  if ('keyword' in placement) {
    const placed = placeByKeyword(await text(), placement, size, shape);
    return { ...placed, place: { ...placed.place, rotationDeg } };
  }
  const scale = (placement.widthMm ?? size.widthMm) / size.widthMm;
  const place = {
    page: placement.page,
    xMm: placement.xMm,
    yMm: placement.yMm,
    widthMm: size.widthMm * scale,
    heightMm: size.heightMm * scale,
    rotationDeg: placement.rotation ?? rotationDeg,
  };
  return { place, notices: [] }; // whether there is such a page and room on it, planning finds
}

function sizeOf({ widthPt, heightPt }: Appearance): Size {
  return { widthMm: widthPt / POINTS_PER_MM, heightMm: heightPt / POINTS_PER_MM };
}

function scaledInto(proportions: { readonly width: number; readonly height: number }, most: Size): Size {
  const scale = Math.min(most.widthMm / proportions.width, most.heightMm / proportions.height);
  return { widthMm: proportions.width * scale, heightMm: proportions.height * scale };
}

/** One after the other: the first failure is the one reported. */
async function inOrder<T, U>(items: readonly T[], each: (item: T) => Promise<U>): Promise<U[]> {
  const out: U[] = [];
  for (const item of items) out.push(await each(item));
  return out;
}
