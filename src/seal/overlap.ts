/** What a mark lies over: text that is not its own, told apart by what it would hurt to hide. Pure. */
import { linesOf } from '../pdf/text-anchor.ts';
import type { PageText, TextBox, TextChar, TextLine } from '../pdf/text-anchor.ts';
import type { SeenRect } from '../pdf/geometry.ts';
import type { Notice } from './seal-job.ts';
import { signatureLines } from './signature-line.ts';

/** What the upright mark looks like from above: a seal is round, a picture is not. */
export type Shape = 'round' | 'box';

export interface Apart extends TextBox {
  readonly kind: 'name' | 'amount' | 'text';
}

/** Quantities are bounded so that a page full of digits is not read again from each of them. */
const AMOUNT =
  /[¥￥$][\d,.]{1,20}|\d[\d,.]{0,20}(?:万|亿)?元|[零壹贰叁肆伍陆柒捌玖拾佰仟一二三四五六七八九十百千万亿]{2,30}[元圆]整?|[零壹贰叁肆伍陆柒捌玖拾佰仟]{3,30}/gu;

/** The text of a page that a mark does not own, with what kind it is. */
export function textApart(pages: readonly PageText[], page: number, own: ReadonlySet<TextChar>): Apart[] {
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

/** What lies there, as a person is told of it: by its role, never by a name. */
export interface Subject {
  readonly en: string;
  readonly zh: string;
}

const KINDS = [
  { kind: 'name', code: 'MARK_OVER_NAME', en: 'lies over a name outside its line', zh: '压住了本行以外的姓名' },
  { kind: 'amount', code: 'MARK_OVER_AMOUNT', en: 'lies over an amount', zh: '压住了金额' },
  { kind: 'text', code: 'MARK_OVER_TEXT', en: 'lies over text outside its line', zh: '压住了本行以外的文字' },
] as const;

/** Of what kinds the text under a mark is. */
export function overlapped(place: SeenRect, apart: readonly Apart[], shape: Shape): ReadonlySet<Apart['kind']> {
  return new Set(apart.filter((text) => covers(place, text, shape)).map(({ kind }) => kind));
}

/** One notice for each kind of text that the subject lies over; ordinary text is told of only where nothing graver is. */
export function notices(
  subject: Subject,
  found: readonly { readonly page: number; readonly kinds: ReadonlySet<Apart['kind']> }[],
): Notice[] {
  const told = KINDS.flatMap(({ kind, code, en, zh }) => {
    const pages = found.filter(({ kinds }) => kinds.has(kind)).map(({ page }) => page);
    return pages.length === 0
      ? []
      : [{ kind, notice: noticeOn(pages, code, `${subject.en} ${en}`, `${subject.zh}${zh}`) }];
  });
  const grave = told.filter(({ kind }) => kind !== 'text');
  return (grave.length > 0 ? grave : told).map(({ notice }) => notice);
}

/** Pages beyond this many are not counted up in a sentence. */
const MANY_PAGES = 12;

/** A notice of something on some pages, or on one that is not known. */
export function noticeOn(pages: readonly number[], code: string, en: string, zh: string): Notice {
  const listed = pages.slice(0, MANY_PAGES).join(', ');
  const more = pages.length > MANY_PAGES;
  if (listed === '') return { code, message: `${en}.`, messageZh: `${zh}。` };
  return {
    code,
    message: `${en}, on page${pages.length > 1 ? 's' : ''} ${listed}${more ? ' …' : ''}.`,
    messageZh: `${zh}（第${listed.replaceAll(', ', '、')}${more ? '……' : ''}页）。`,
  };
}

/** Whether the upright mark touches the middle of the text's box: a touched edge is no overlap that anyone would see. */
export function covers(place: SeenRect, text: TextBox, shape: Shape): boolean {
  const [halfWidth, halfHeight] = [text.widthMm / 4, text.heightMm / 4];
  const mid = middleOf(text);
  const dx = Math.max(0, Math.abs(mid.xMm - place.xMm) - halfWidth);
  const dy = Math.max(0, Math.abs(mid.yMm - place.yMm) - halfHeight);
  if (shape === 'round') return Math.hypot(dx, dy) < Math.max(place.widthMm, place.heightMm) / 2;
  return dx < place.widthMm / 2 && dy < place.heightMm / 2;
}

export function middleOf(box: TextBox): { xMm: number; yMm: number } {
  return { xMm: box.xMm + box.widthMm / 2, yMm: box.yMm + box.heightMm / 2 };
}

/** The upright box of a mark, by its corner. */
export function cornered(place: SeenRect): TextBox {
  return { ...place, xMm: place.xMm - place.widthMm / 2, yMm: place.yMm - place.heightMm / 2 };
}
