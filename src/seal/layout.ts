/** From what is asked (who marks what, where the seal goes) to places and pictures on pages. */
import type { Rendition } from '../biometric/rendition.ts';
import { AppError, isAppError } from '../errors.ts';
import { POINTS_PER_MM } from '../pdf/geometry.ts';
import type { SeenRect } from '../pdf/geometry.ts';
import type { Appearance, PageMark, ReservedField } from '../pdf/increment.ts';
import type { PdfPool } from '../pdf/pdf-pool.ts';
import type { PageText } from '../pdf/text-anchor.ts';
import { fingerprintAppearance, pictureAppearance } from './appearance.ts';
import { fieldKeptFor } from './counterseal.ts';
import type { Inscription } from './fingerprint-hatch.ts';
import { noticeOn } from './overlap.ts';
import type { Shape, Subject } from './overlap.ts';
import { PAGING_SEAL, placePaging } from './paging.ts';
import type { Paging } from './paging.ts';
import {
  FINGERPRINT,
  LARGEST_TURN,
  SIGNATURE,
  STAMP,
  THE_SEAL,
  noticesAt,
  placeByKeyword,
  placeFingerprint,
  placePicture,
  placeSealOnDate,
} from './placement.ts';
import type { Placed, Size } from './placement.ts';
import type { MarkRequest, Notice, PagingEdge, Placement, SealJob, Signatory } from './seal-job.ts';
import { lineFor, signatureLines } from './signature-line.ts';

export interface Layout {
  readonly marks: readonly PageMark[];
  /** What each of the marks is. */
  readonly subjects: readonly Subject[];
  /** An existing field keeps its own rectangle. */
  readonly seal: { readonly place: SeenRect } | { readonly field: string };
  /** Fields to be kept for seals to come. */
  readonly expect: readonly ReservedField[];
  readonly notices: readonly Notice[];
  /** What was put at coordinates: no rule has looked at what lies below. */
  readonly unseen: readonly Unseen[];
}

/** Something at a place where the text was not looked at. */
export interface Unseen {
  readonly place: SeenRect;
  readonly shape: Shape;
  readonly subject: Subject;
  readonly who: Signatory | 'seal';
}

/** The document's text, read once and only where a rule needs it. */
type ReadText = () => Promise<readonly PageText[]>;

export interface LayoutContext {
  readonly pool: PdfPool;
  readonly seal: Appearance;
  /** Whose seal it is: of several fields that were kept, the one of that name is for it. */
  readonly committee: string;
  /** Where a paging seal goes unless the job says. */
  readonly pagingEdge: PagingEdge;
  readonly rendition: Rendition;
  /** The characters of what is written across fingerprints. */
  readonly inscribe: (text: string) => Promise<Inscription>;
  /** A random number in -1..1, so that no two prints are turned alike. */
  readonly turn: () => number;
}

/**
 * Places everything a job asks for.
 * @throws AppError KEYWORD_ABSENT, KEYWORD_AMBIGUOUS, FIELD_AMBIGUOUS, POSITION_OFF_PAGE, PICTURE_NOT_PNG, and what reading the PDF throws.
 */
export async function layOut(job: SealJob, context: LayoutContext, signal: AbortSignal): Promise<Layout> {
  const { pool, committee } = context;
  let read: Promise<readonly PageText[]> | undefined;
  const text: ReadText = () => (read ??= pool.readText(job.path, { signal }));
  const marks: PlacedMark[] = [];
  // One after the other: the first failure is the one reported.
  for (const mark of job.marks) marks.push(await placeMark(mark, job.parties, text, context));
  const size = sizeOf(context.seal);
  const expected: Kept[] = [];
  for (const { name, placement } of job.expect ?? []) {
    expected.push({ name, at: await placeAs(placement, keptPlace(size), text) });
  }
  const places = [...marks, ...expected].map(({ at }) => at.place);
  const field = job.seal === null ? fieldKeptFor(committee, await pool.inspect(job.path, signal)) : null;
  const seal = field === null ? await placeSeal(job.seal, size, places, text) : { field };
  const taken = 'field' in seal ? places : [...places, seal.place];
  const paging = job.paging === undefined ? NO_PAGING : await page(job, job.paging, taken, text, context, signal);
  const placed = [...marks.map(({ at }) => at), ...('field' in seal ? [] : [seal]), ...expected.map(({ at }) => at)];
  return {
    marks: [
      ...marks.map(({ at, appearance }) => ({ place: at.place, appearance })),
      ...paging.strips.map(({ place, strip }) => ({ place, appearance: context.seal, strip })),
    ],
    subjects: [...job.marks.map(subjectOf), ...paging.strips.map(() => PAGING_SEAL)],
    seal: 'field' in seal ? seal : { place: seal.place },
    expect: expected.map(({ name, at }) => ({ name, place: at.place })),
    notices: [...placed.flatMap((at) => ('notices' in at ? at.notices : [])), ...paging.notices],
    unseen: placed.flatMap((at) => ('notices' in at ? [] : [at])),
  };
}

/**
 * What lies under marks at coordinates. Says so where the text cannot be read: the document may be sealed all the same.
 * @throws the signal's reason.
 */
export async function lookUnder(
  unseen: readonly Unseen[],
  job: Pick<SealJob, 'path' | 'bytes' | 'parties'>,
  pool: PdfPool,
  signal: AbortSignal,
): Promise<Notice[]> {
  if (unseen.length === 0) return [];
  const wanted = [...new Set(unseen.map(({ place }) => place.page))];
  const text = await textOrNull(() => pool.readText(job.path, { pages: wanted, bytes: job.bytes, signal }), signal);
  if (text === null) return [UNCHECKED];
  return unseen.flatMap(({ subject, place, shape, who }) => noticesAt(text, subject, place, shape, who, job.parties));
}

/** Of marks that the plan found to lie under annotations; a number beyond the marks is the seal, drawn as one of them. */
export function underAnnotations({ marks, subjects }: Layout, covered: readonly number[]): Notice[] {
  const bySubject = Map.groupBy(covered, (i) => subjects[i] ?? THE_SEAL);
  return Array.from(bySubject, ([{ en, zh }, numbers]) => {
    const pages = numbers.flatMap((i) => marks[i]?.place.page ?? []);
    return noticeOn(
      pages,
      'MARK_UNDER_ANNOTATION',
      `${en} may be hidden by an annotation or a form field`,
      `${zh}可能被批注或表单域遮住`,
    );
  });
}

const UNCHECKED: Notice = {
  code: 'MARK_UNCHECKED',
  message: 'The text of the document cannot be read: whether a mark lies over a name or an amount was not checked.',
  messageZh: '无法读取文档文字，未检查印记是否压住姓名或金额。',
};

async function textOrNull(read: ReadText, signal: AbortSignal): Promise<readonly PageText[] | null> {
  try {
    return await read();
  } catch (error) {
    signal.throwIfAborted();
    if (!isAppError(error) || error.code === 'SHUTTING_DOWN') throw error;
    return null;
  }
}

/** A place that is kept for a seal to come. */
interface Kept {
  readonly name: string;
  readonly at: Placed | Unseen;
}

/** A square: what will be put there is not known yet. */
function keptPlace({ widthMm, heightMm }: Size): Asked {
  const side = Math.max(widthMm, heightMm);
  const subject = { en: 'The place kept for a seal to come', zh: '为后续印章预留的位置' };
  return { size: { widthMm: side, heightMm: side }, shape: 'round', rotationDeg: 0, subject, who: 'seal' };
}

interface PlacedMark {
  readonly at: Placed | Unseen;
  readonly appearance: Appearance;
}

async function placeMark(
  mark: MarkRequest,
  parties: number,
  text: ReadText,
  { turn, rendition, inscribe }: LayoutContext,
): Promise<PlacedMark> {
  const { picture, placement, who } = mark;
  const subject = subjectOf(mark);
  const line = async (): Promise<{ pages: readonly PageText[]; line: ReturnType<typeof lineFor> }> => {
    const pages = await text();
    return { pages, line: lineFor(signatureLines(pages, parties), who) };
  };
  if (picture.kind === 'fingerprint') {
    const rotation = turn() * LARGEST_TURN;
    const asked = { size: FINGERPRINT, shape: 'box', rotationDeg: rotation, subject, who } as const;
    const at =
      placement === undefined
        ? await line().then((found) => placeFingerprint(found.pages, found.line, rotation, subject))
        : await placeAs(placement, asked, text);
    const inscription = await inscribe(picture.inscription);
    return { at, appearance: fingerprintAppearance(picture.raster, FINGERPRINT, { rendition, inscription }) };
  }
  const most = picture.kind === 'stamp' ? STAMP : SIGNATURE;
  const appearance = pictureAppearance(picture.kind, picture.png, most);
  const proportions = { width: appearance.widthPt, height: appearance.heightPt };
  const at =
    placement === undefined
      ? await line().then((found) => placePicture(found.pages, found.line, proportions, most, subject))
      : await placeAs(placement, { size: sizeOf(appearance), shape: 'box', rotationDeg: 0, subject, who }, text);
  return { at, appearance };
}

const KINDS = {
  fingerprint: { en: 'fingerprint', zh: '指印' },
  signature: { en: 'signature', zh: '签名' },
  stamp: { en: 'stamp', zh: '印章' },
} as const;

function subjectOf({ who, picture }: MarkRequest): Subject {
  const { en, zh } = KINDS[picture.kind];
  return who.role === 'party'
    ? { en: `The ${en} of party ${who.index + 1}`, zh: `第${who.index + 1}位当事人的${zh}` }
    : { en: `The ${en} of the mediator`, zh: `调解员的${zh}` };
}

async function placeSeal(
  placement: Placement | null,
  size: Size,
  avoid: readonly SeenRect[],
  text: ReadText,
): Promise<Placed | Unseen | { readonly field: string }> {
  if (placement === null) return placeSealOnDate(await text(), size, avoid);
  if ('field' in placement) return { field: placement.field };
  return placeAs(placement, { size, shape: 'round', rotationDeg: 0, subject: THE_SEAL, who: 'seal' }, text);
}

/** What is to be put where somebody says. */
interface Asked {
  readonly size: Size;
  readonly shape: Shape;
  readonly rotationDeg: number;
  readonly subject: Subject;
  readonly who: Signatory | 'seal';
}

/** An explicit placement: coordinates, or words of the document. */
async function placeAs(placement: Placement, asked: Asked, text: ReadText): Promise<Placed | Unseen> {
  const { size, shape, rotationDeg, subject, who } = asked;
  if ('field' in placement) throw new AppError('FIELD_NOT_FOUND', 'only the seal goes into a signature field');
  if ('keyword' in placement) {
    const placed = placeByKeyword(await text(), placement, size, shape, subject);
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
  return { place, shape, subject, who }; // whether there is such a page and room on it, planning finds
}

const NO_PAGING: Paging = { strips: [], notices: [] };

async function page(
  job: SealJob,
  edge: PagingEdge | true,
  avoid: readonly SeenRect[],
  text: ReadText,
  { pool, seal, pagingEdge }: LayoutContext,
  signal: AbortSignal,
): Promise<Paging> {
  const { pages } = await pool.inspect(job.path, signal);
  const known = await textOrNull(text, signal);
  const paging = placePaging(pages, seal, edge === true ? pagingEdge : edge, known, avoid);
  return known === null && paging.strips.length > 0 ? { ...paging, notices: [...paging.notices, UNCHECKED] } : paging;
}

function sizeOf({ widthPt, heightPt }: Appearance): Size {
  return { widthMm: widthPt / POINTS_PER_MM, heightMm: heightPt / POINTS_PER_MM };
}
