/**
 * Where marks and the seal go when nobody says where: the product's rules over the text of the pages. Positions are centres, in
 * millimetres from the top left of the page as seen. Pure.
 */
import { AppError } from '../errors.ts';
import { boxOf, comparable, findKeyword, linesOf } from '../pdf/text-anchor.ts';
import type { Anchor, PageText, TextChar, TextLine } from '../pdf/text-anchor.ts';
import type { SeenRect } from '../pdf/geometry.ts';
import { covers, cornered, middleOf, notices, overlapped, textApart } from './overlap.ts';
import type { Apart, Shape, Subject } from './overlap.ts';
import type { Notice, Signatory } from './seal-job.ts';
import { linesFor, signatureLines } from './signature-line.ts';
import type { SignatureLine } from './signature-line.ts';

/** A place, and what the operator should know of it. */
export interface Placed {
  readonly place: SeenRect;
  readonly notices: readonly Notice[];
}

/** Millimetres. */
export interface Size {
  readonly widthMm: number;
  readonly heightMm: number;
}

export const FINGERPRINT: Size = { widthMm: 14, heightMm: 18 };
export const SIGNATURE: Size = { widthMm: 30, heightMm: 12 };
export const STAMP: Size = { widthMm: 18, heightMm: 18 };
/** A print is turned by no more, so that it looks pressed and not printed. Degrees. */
export const LARGEST_TURN = 8;

/** How far from the colon a print may lie on a blank line. */
const BLANK_ROOM_MM = 30;

/**
 * The spot of a fingerprint: over the right third of the printed name, or in the first 30 mm after the colon of a blank line. Where
 * the lines are closer than a print is tall, prints of neighbouring lines step aside from each other.
 * @param turnDeg clockwise as seen; brought within 8 degrees.
 */
export function placeFingerprint(
  pages: readonly PageText[],
  line: SignatureLine,
  turnDeg: number,
  subject: Subject,
): Placed {
  const crowded = line.pitchMm < FINGERPRINT.heightMm;
  const side = line.row % 2 === 0 ? -1 : 1;
  let xMm: number;
  if (line.name !== null) {
    // Three millimetres to a side still cover the third: it is narrower than half a print.
    xMm = line.name.xMm + (line.name.widthMm * 5) / 6 + (crowded ? 3 * side : 0);
  } else {
    const room = Math.max(FINGERPRINT.widthMm, Math.min(BLANK_ROOM_MM, line.endMm - line.startMm));
    const aside = Math.min(FINGERPRINT.widthMm / 2, (room - FINGERPRINT.widthMm) / 2);
    xMm = line.startMm + room / 2 + (crowded ? aside * side : 0);
  }
  const rotationDeg = Math.max(-LARGEST_TURN, Math.min(LARGEST_TURN, turnDeg));
  return settle(pages, line, { page: line.page, xMm, yMm: line.yMm, ...FINGERPRINT, rotationDeg }, subject);
}

/**
 * The spot of a handwritten signature or a name stamp: after the colon, right of a printed name where there is room, scaled to
 * fit into `most`.
 * @param picture its own proportions; only the ratio counts.
 */
export function placePicture(
  pages: readonly PageText[],
  line: SignatureLine,
  picture: { readonly width: number; readonly height: number },
  most: Size,
  subject: Subject,
): Placed {
  const nameEnd = line.name === null ? line.startMm : line.name.xMm + line.name.widthMm;
  const roomy = line.endMm - nameEnd >= most.widthMm / 2;
  const left = (roomy ? nameEnd : line.startMm) + 1;
  const scale = Math.min(
    Math.min(most.widthMm, Math.max(most.widthMm / 2, line.endMm - left - 1)) / picture.width,
    Math.min(most.heightMm, Math.max(most.heightMm / 2, line.pitchMm)) / picture.height,
  );
  const widthMm = picture.width * scale;
  const heightMm = picture.height * scale;
  return settle(pages, line, { page: line.page, xMm: left + widthMm / 2, yMm: line.yMm, widthMm, heightMm }, subject);
}

/**
 * The seal astride the date (骑年盖月): centred between the year's and the month's character of the last date that stands by itself,
 * the one after the committee's name where that is found. It moves by the least that clears names and amounts, while it
 * still covers both characters. A seal that is no circle is taken for the one around it.
 * @param avoid marks that are to stay clear as names are.
 * @throws AppError KEYWORD_ABSENT where no such date is found.
 */
export function placeSealOnDate(pages: readonly PageText[], size: Size, avoid: readonly SeenRect[] = []): Placed {
  const diameterMm = Math.max(size.widthMm, size.heightMm);
  const date = findDate(pages);
  if (date === null) throw new AppError('KEYWORD_ABSENT', 'no date stands by itself on any page');
  const page = pages.find((candidate) => candidate.page === date.page);
  if (page === undefined) throw new RangeError('the date is on one of the pages');
  const near = boxOf(date.page, date.yearToMonth);
  const ideal = { page: date.page, ...middleOf(near), ...size };
  const apart = textApart(pages, date.page, new Set(date.own));
  const kept = date.yearToMonth.map((char) => middleOf({ page: date.page, ...char }));
  const within = { ...ideal, widthMm: 2 * diameterMm, heightMm: 2 * diameterMm };
  const precious = [
    ...apart.filter((text) => text.kind !== 'text'),
    ...avoid.filter((mark) => mark.page === date.page).map(cornered),
  ].filter((box) => covers(within, box, 'box'));
  const clear = (place: SeenRect): boolean => !precious.some((box) => covers(place, box, 'round'));
  const candidates = steps(diameterMm / 2 - 4)
    .map(([dx, dy]) => ontoPage({ ...ideal, xMm: ideal.xMm + dx, yMm: ideal.yMm + dy }, page))
    .filter(({ xMm, yMm }) => kept.every((at) => Math.hypot(at.xMm - xMm, at.yMm - yMm) < diameterMm / 2 - 3));
  const place = candidates.find(clear) ?? ontoPage(ideal, page);
  return { place, notices: noticesOf(THE_SEAL, place, apart, 'round') };
}

export const THE_SEAL: Subject = { en: 'The seal', zh: '印章' };

/**
 * A mark or seal centred on words, moved by (dxMm, dyMm).
 * @throws AppError KEYWORD_ABSENT; KEYWORD_AMBIGUOUS with `candidates`; POSITION_OFF_PAGE.
 */
export function placeByKeyword(
  pages: readonly PageText[],
  at: { readonly keyword: string; readonly occurrence?: number; readonly dxMm?: number; readonly dyMm?: number },
  size: Size,
  shape: Shape,
  subject: Subject,
): Placed {
  const anchor = chosen(findKeyword(pages, at.keyword), at.occurrence);
  const { xMm, yMm } = middleOf(anchor);
  const place = { page: anchor.page, xMm: xMm + (at.dxMm ?? 0), yMm: yMm + (at.dyMm ?? 0), ...size };
  const page = pages.find((candidate) => candidate.page === anchor.page);
  if (page !== undefined) requireOnPage(place, page);
  return { place, notices: noticesOf(subject, place, textApart(pages, anchor.page, new Set(anchor.chars)), shape) };
}

/**
 * What a mark at coordinates lies over. What it is there to lie on does not count: for the seal the date and the committee's name, for a
 * person the own line to sign.
 */
export function noticesAt(
  pages: readonly PageText[],
  subject: Subject,
  place: SeenRect,
  shape: Shape,
  who: Signatory | 'seal',
  parties: number,
): Notice[] {
  const here = pages.filter(({ page }) => page === place.page);
  const own = who === 'seal' ? findDate(here)?.own : lineOf(signatureLines(here, parties), who)?.chars;
  return noticesOf(subject, upright(place), textApart(here, place.page, new Set(own)), shape);
}

/** The one line where `who` signs, if there is one. */
function lineOf(lines: readonly SignatureLine[], who: Signatory): SignatureLine | null {
  const [line, ...others] = linesFor(lines, who);
  return others.length === 0 ? (line ?? null) : null;
}

/** The upright box around a turned mark. */
function upright(place: SeenRect): SeenRect {
  const turn = ((place.rotationDeg ?? 0) * Math.PI) / 180;
  const [cos, sin] = [Math.abs(Math.cos(turn)), Math.abs(Math.sin(turn))];
  return {
    ...place,
    widthMm: cos * place.widthMm + sin * place.heightMm,
    heightMm: sin * place.widthMm + cos * place.heightMm,
  };
}

/** @throws AppError POSITION_OFF_PAGE where part of the upright mark would lie outside the page. */
export function requireOnPage(place: SeenRect, page: Size): void {
  const inside =
    Math.abs(place.xMm - page.widthMm / 2) <= (page.widthMm - place.widthMm) / 2 &&
    Math.abs(place.yMm - page.heightMm / 2) <= (page.heightMm - place.heightMm) / 2;
  if (inside) return;
  const [x, y, w, h] = [place.xMm, place.yMm, page.widthMm, page.heightMm].map((mm) => mm.toFixed(1));
  throw new AppError('POSITION_OFF_PAGE', `centre ${x}, ${y} mm on page ${place.page} of ${w} x ${h} mm`);
}

function chosen(anchors: readonly Anchor[], occurrence: number | undefined): Anchor {
  const [only] = anchors;
  if (only === undefined) throw new AppError('KEYWORD_ABSENT', 'the words are on none of the pages');
  if (occurrence === undefined && anchors.length === 1) return only;
  const candidates = anchors.map(({ page, xMm, yMm, widthMm, heightMm }) => ({ page, xMm, yMm, widthMm, heightMm }));
  if (occurrence === undefined) {
    throw new AppError('KEYWORD_AMBIGUOUS', `the words stand ${anchors.length} times: ${listed(anchors)}`, {
      extras: { candidates },
    });
  }
  const anchor = anchors[occurrence - 1];
  if (anchor === undefined) {
    throw new AppError('KEYWORD_ABSENT', `occurrence ${occurrence} of ${anchors.length}`, { extras: { candidates } });
  }
  return anchor;
}

/** More are not read by anyone. */
const MANY_CANDIDATES = 12;

/** Where the words stand, by the number to ask for: what a person chooses from. */
function listed(anchors: readonly Anchor[]): string {
  const places = anchors.slice(0, MANY_CANDIDATES).map((anchor, i) => {
    const { xMm, yMm } = middleOf(anchor);
    return `${i + 1} on page ${anchor.page} at ${xMm.toFixed(0)}, ${yMm.toFixed(0)} mm`;
  });
  return `${places.join('; ')}${anchors.length > MANY_CANDIDATES ? '; …' : ''}`;
}

interface DateLine {
  readonly page: number;
  /** From the year's character to the month's. */
  readonly yearToMonth: readonly TextChar[];
  /** What a seal on the date covers by right: the date itself, and the committee's name. */
  readonly own: readonly TextChar[];
}

const NUMBER = '[0-9〇零一二三四五六七八九十]';
const DATE = new RegExp(`${NUMBER}{0,4}年${NUMBER}{0,3}月${NUMBER}{0,3}日`, 'gu');
const COMMITTEE_AT_END = /委员会(?:印章|公章|盖章|章)?$/u;
const DATE_WORD_AT_END = /(?:日期|时间)$/u;

function findDate(pages: readonly PageText[]): DateLine | null {
  const rows = pages.flatMap((page) => linesOf(page));
  const texts = rows.map((row) => comparable(row.chars.map((c) => c.char).join('')));
  const dates = rows.flatMap((row, at) => datesOn(row).map((date) => ({ ...date, at, page: row.page })));
  const committee = texts.findLastIndex((text) => COMMITTEE_AT_END.test(text.replace(DATE, '')));
  const date = dates.find((candidate) => committee >= 0 && candidate.at >= committee) ?? dates.at(-1);
  if (date === undefined) return null;
  const own = rows.flatMap((row, i) =>
    row.page === date.page && COMMITTEE_AT_END.test((texts[i] ?? '').replace(DATE, '')) ? row.chars : [],
  );
  return { page: date.page, yearToMonth: date.yearToMonth, own: [...date.chars, ...own] };
}

/** The dates of a row that stand by themselves: not in the middle of a sentence. */
function datesOn(row: TextLine): { chars: TextChar[]; yearToMonth: TextChar[] }[] {
  const shown = row.chars.filter((char) => comparable(char.char) !== '');
  const text = shown.map((char) => comparable(char.char).slice(0, 1)).join('');
  return [...text.matchAll(DATE)].flatMap((hit) => {
    const end = hit.index + hit[0].length;
    const before = text.slice(0, hit.index);
    const alone =
      (before === '' || apartAt(shown, hit.index) || COMMITTEE_AT_END.test(before) || DATE_WORD_AT_END.test(before)) &&
      (end === text.length || apartAt(shown, end));
    if (!alone) return [];
    const [year, month] = [text.indexOf('年', hit.index), text.indexOf('月', hit.index)];
    return [{ chars: shown.slice(hit.index, end), yearToMonth: shown.slice(year, month + 1) }];
  });
}

function apartAt(chars: readonly TextChar[], at: number): boolean {
  const [a, b] = [chars[at - 1], chars[at]];
  return a === undefined || b === undefined || b.xMm - (a.xMm + a.widthMm) > 2 * Math.max(a.heightMm, b.heightMm);
}

/** Keeps a mark on its line's page and says what it covers outside its line. */
function settle(pages: readonly PageText[], line: SignatureLine, wanted: SeenRect, subject: Subject): Placed {
  const place = ontoPage(wanted, { widthMm: line.pageWidthMm, heightMm: line.pageHeightMm });
  return { place, notices: noticesOf(subject, place, textApart(pages, line.page, new Set(line.chars)), 'box') };
}

function noticesOf(subject: Subject, place: SeenRect, apart: readonly Apart[], shape: Shape): Notice[] {
  return notices(subject, [{ page: place.page, kinds: overlapped(place, apart, shape) }]);
}

function ontoPage(place: SeenRect, page: Size): SeenRect {
  const within = (at: number, size: number, whole: number): number =>
    size >= whole ? whole / 2 : Math.max(size / 2, Math.min(whole - size / 2, at));
  return {
    ...place,
    xMm: within(place.xMm, place.widthMm, page.widthMm),
    yMm: within(place.yMm, place.heightMm, page.heightMm),
  };
}

/** Steps of a millimetre away from the ideal spot, nearest first; down before up, right before left. */
function steps(reachMm: number): [number, number][] {
  const out: [number, number][] = [];
  const reach = Math.floor(reachMm);
  for (let dy = -reach; dy <= reach; dy++) for (let dx = -reach; dx <= reach; dx++) out.push([dx, dy]);
  return out.toSorted((a, b) => Math.hypot(...a) - Math.hypot(...b) || b[1] - a[1] || b[0] - a[0]);
}
