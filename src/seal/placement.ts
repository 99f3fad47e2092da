/**
 * Where marks and the seal go when nobody says where: the product's rules over the text of the pages. Positions are centres, in
 * millimetres from the top left of the page as seen. Pure.
 */
import { AppError } from '../errors.ts';
import { boxOf, comparable, findKeyword, linesOf } from '../pdf/text-anchor.ts';
import type { Anchor, PageText, TextBox, TextChar, TextLine } from '../pdf/text-anchor.ts';
import type { SeenRect } from '../pdf/geometry.ts';
import type { Notice } from './seal-job.ts';
import { signatureLines } from './signature-line.ts';
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
export function placeFingerprint(pages: readonly PageText[], line: SignatureLine, turnDeg: number): Placed {
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
  return settle(pages, line, { page: line.page, xMm, yMm: line.yMm, ...FINGERPRINT, rotationDeg });
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
  return settle(pages, line, { page: line.page, xMm: left + widthMm / 2, yMm: line.yMm, widthMm, heightMm });
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
  return { place, notices: notices(place, apart, 'round') };
}

/**
 * A mark or seal centred on words, moved by (dxMm, dyMm).
 * @throws AppError KEYWORD_ABSENT; KEYWORD_AMBIGUOUS with `candidates`; POSITION_OFF_PAGE.
 */
export function placeByKeyword(
  pages: readonly PageText[],
  at: { readonly keyword: string; readonly occurrence?: number; readonly dxMm?: number; readonly dyMm?: number },
  size: Size,
  shape: Shape,
): Placed {
  const anchor = chosen(findKeyword(pages, at.keyword), at.occurrence);
  const { xMm, yMm } = middleOf(anchor);
  const place = { page: anchor.page, xMm: xMm + (at.dxMm ?? 0), yMm: yMm + (at.dyMm ?? 0), ...size };
  const page = pages.find((candidate) => candidate.page === anchor.page);
  if (page !== undefined) requireOnPage(place, page);
  return { place, notices: notices(place, textApart(pages, anchor.page, new Set(anchor.chars)), shape) };
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

/** What the upright mark looks like from above: a seal is round, a picture is not. */
export type Shape = 'round' | 'box';

interface Apart extends TextBox {
  readonly kind: 'name' | 'amount' | 'text';
}

function chosen(anchors: readonly Anchor[], occurrence: number | undefined): Anchor {
  const [only] = anchors;
  if (only === undefined) throw new AppError('KEYWORD_ABSENT', 'the words are on none of the pages');
  if (occurrence === undefined && anchors.length === 1) return only;
  const candidates = anchors.map(({ page, xMm, yMm, widthMm, heightMm }) => ({ page, xMm, yMm, widthMm, heightMm }));
  if (occurrence === undefined) {
    throw new AppError('KEYWORD_AMBIGUOUS', `the words stand ${anchors.length} times`, { extras: { candidates } });
  }
  const anchor = anchors[occurrence - 1];
  if (anchor === undefined) {
    throw new AppError('KEYWORD_ABSENT', `occurrence ${occurrence} of ${anchors.length}`, { extras: { candidates } });
  }
  return anchor;
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

function findDate(pages: readonly PageText[]): DateLine {
  const rows = pages.flatMap((page) => linesOf(page));
  const texts = rows.map((row) => comparable(row.chars.map((c) => c.char).join('')));
  const dates = rows.flatMap((row, at) => datesOn(row).map((date) => ({ ...date, at, page: row.page })));
  const committee = texts.findLastIndex((text) => COMMITTEE_AT_END.test(text.replace(DATE, '')));
  const date = dates.find((candidate) => committee >= 0 && candidate.at >= committee) ?? dates.at(-1);
  if (date === undefined) throw new AppError('KEYWORD_ABSENT', 'no date stands by itself on any page');
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
function settle(pages: readonly PageText[], line: SignatureLine, wanted: SeenRect): Placed {
  const place = ontoPage(wanted, { widthMm: line.pageWidthMm, heightMm: line.pageHeightMm });
  return { place, notices: notices(place, textApart(pages, line.page, new Set(line.chars)), 'box') };
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

/** Quantities are bounded so that a page full of digits is not read again from each of them. */
const AMOUNT =
  /[¥￥$][\d,.]{1,20}|\d[\d,.]{0,20}(?:万|亿)?元|[零壹贰叁肆伍陆柒捌玖拾佰仟一二三四五六七八九十百千万亿]{2,30}[元圆]整?|[零壹贰叁肆伍陆柒捌玖拾佰仟]{3,30}/gu;

/** The text of a page that a mark does not own, with what kind it is. */
function textApart(pages: readonly PageText[], page: number, own: ReadonlySet<TextChar>): Apart[] {
  const here = pages.filter((candidate) => candidate.page === page);
  const names = new Set(signatureLines(here, 0).flatMap((line) => line.nameChars));
  return here.flatMap((candidate) =>
    linesOf(candidate).flatMap((row) => {
      const amounts = amountsOn(row);
      return row.chars
        .filter((char) => !own.has(char))
        .map(
          (char) =>
            ({ page, ...char, kind: names.has(char) ? 'name' : amounts.has(char) ? 'amount' : 'text' }) as const,
        );
    }),
  );
}

function amountsOn(row: TextLine): Set<TextChar> {
  const text = row.chars.map((char) => char.char.normalize('NFKC').slice(0, 1)).join('');
  return new Set([...text.matchAll(AMOUNT)].flatMap((hit) => row.chars.slice(hit.index, hit.index + hit[0].length)));
}

const NOTICES: Readonly<Record<Apart['kind'], Omit<Notice, 'message' | 'messageZh'> & { en: string; zh: string }>> = {
  name: { code: 'MARK_OVER_NAME', en: 'lies over a name outside its line', zh: '压住了本行以外的姓名' },
  amount: { code: 'MARK_OVER_AMOUNT', en: 'lies over an amount', zh: '压住了金额' },
  text: { code: 'MARK_OVER_TEXT', en: 'lies over text outside its line', zh: '压住了本行以外的文字' },
};

function notices(place: SeenRect, apart: readonly Apart[], shape: Shape): Notice[] {
  const kinds = new Set(apart.filter((text) => covers(place, text, shape)).map((text) => text.kind));
  const gravest = (['name', 'amount', 'text'] as const).filter((kind) => kinds.has(kind));
  return gravest.slice(0, gravest[0] === 'name' ? 2 : 1).flatMap((kind) => {
    if (kind === 'text' && gravest.length > 1) return [];
    const { code, en, zh } = NOTICES[kind];
    return [{ code, message: `A mark on page ${place.page} ${en}.`, messageZh: `第${place.page}页的印记${zh}。` }];
  });
}

/** Whether the upright mark touches the middle of the text's box: a touched edge is no overlap that anyone would see. */
function covers(place: SeenRect, text: TextBox, shape: Shape): boolean {
  const [halfWidth, halfHeight] = [text.widthMm / 4, text.heightMm / 4];
  const mid = middleOf(text);
  const dx = Math.max(0, Math.abs(mid.xMm - place.xMm) - halfWidth);
  const dy = Math.max(0, Math.abs(mid.yMm - place.yMm) - halfHeight);
  if (shape === 'round') return Math.hypot(dx, dy) < Math.max(place.widthMm, place.heightMm) / 2;
  return dx < place.widthMm / 2 && dy < place.heightMm / 2;
}

function middleOf(box: TextBox): { xMm: number; yMm: number } {
  return { xMm: box.xMm + box.widthMm / 2, yMm: box.yMm + box.heightMm / 2 };
}

function cornered(place: SeenRect): TextBox {
  return { ...place, xMm: place.xMm - place.widthMm / 2, yMm: place.yMm - place.heightMm / 2 };
}
