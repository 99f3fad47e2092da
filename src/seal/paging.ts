/**
 * The paging seal (骑缝章): one seal cut into upright strips, one at the edge of each page, so that pages laid out like a fan show it whole and
 * none can be exchanged. Pure.
 */
import { AppError } from '../errors.ts';
import { POINTS_PER_MM } from '../pdf/geometry.ts';
import type { SeenRect } from '../pdf/geometry.ts';
import type { Strip } from '../pdf/page-marks.ts';
import type { PageText } from '../pdf/text-anchor.ts';
import { covers, cornered, noticeOn, notices, overlapped, textApart } from './overlap.ts';
import type { Apart, Subject } from './overlap.ts';
import type { Size } from './placement.ts';
import type { Notice, PagingEdge } from './seal-job.ts';

/** Strips narrower than a tenth of a seal show nothing to tell it by: with more pages a new seal begins. */
const MOST_PAGES = 10;

export interface PagingStrip {
  readonly place: SeenRect;
  readonly strip: Strip;
}

export interface Paging {
  readonly strips: readonly PagingStrip[];
  readonly notices: readonly Notice[];
}

export const PAGING_SEAL: Subject = { en: 'The paging seal', zh: '骑缝章' };
/** A seal keeps so far from the top and the bottom of the page, where there is room. */
const MARGIN_MM = 10;

/** How many pages share each seal: at most ten, as even as may be, the larger shares first; a page by itself is in none. */
export function pagingShares(pages: number): number[] {
  if (pages < 2) return [];
  const seals = Math.ceil(pages / MOST_PAGES);
  return Array.from({ length: seals }, (_, i) => Math.ceil((pages - i) / seals));
}

/**
 * A width cut into `count` strips, from the left. Their ends are decimals as a content stream has them, the end of each the beginning of
 * the next, so that their widths sum to the whole exactly.
 */
export function pagingStrips(widthPt: number, count: number): Strip[] {
  const cut = (i: number): number => Math.round((widthPt * i * 1e5) / count) / 1e5;
  return Array.from({ length: count }, (_, i) => ({ fromPt: cut(i), toPt: cut(i + 1) }));
}

/**
 * Strips for all pages, all at the same height: the middle of the lowest page, or the nearest height at which they lie over no text, else
 * over no name, amount or other mark. A single page takes none, and a notice says so.
 * @param pages sizes of all pages as seen, in order.
 * @param text what is known of the pages' text; null where it could not be read.
 * @param avoid marks that are to stay clear.
 * @throws AppError POSITION_OFF_PAGE where a page is too low or too narrow.
 */
export function placePaging(
  pages: readonly Size[],
  seal: { readonly widthPt: number; readonly heightPt: number },
  edge: PagingEdge,
  text: readonly PageText[] | null,
  avoid: readonly SeenRect[],
): Paging {
  if (pages.length < 2) return { strips: [], notices: [SINGLE_PAGE] };
  const heightMm = seal.heightPt / POINTS_PER_MM;
  const lowest = Math.min(...pages.map((page) => page.heightMm));
  if (lowest < heightMm) {
    const number = pages.findIndex((page) => page.heightMm === lowest) + 1;
    throw new AppError(
      'POSITION_OFF_PAGE',
      `page ${number} is ${lowest.toFixed(1)} mm high, the paging seal ${heightMm.toFixed(1)} mm`,
    );
  }
  const strips = stripsAt(pages, seal, edge, lowest / 2);
  const apart = strips.map(({ place }) => (text === null ? [] : besides(text, place)));
  const precious = strips.map(({ place }, i) => [
    ...(apart[i] ?? []).filter(({ kind }) => kind !== 'text'),
    ...avoid.filter(({ page }) => page === place.page).map(cornered),
  ]);
  const clearOf = (boxes: readonly (readonly Parameters<typeof covers>[1][])[], yMm: number): boolean =>
    strips.every(({ place }, i) => !boxes[i]?.some((box) => covers({ ...place, yMm }, box, 'box')));
  const all = precious.map((boxes, i) => [...boxes, ...(apart[i] ?? [])]);
  const heights = candidates(lowest, heightMm);
  const yMm = heights.find((y) => clearOf(all, y)) ?? heights.find((y) => clearOf(precious, y)) ?? lowest / 2;
  const placed = strips.map(({ place, strip }) => ({ place: { ...place, yMm }, strip }));
  const found = placed.map(({ place }, i) => ({
    page: place.page,
    kinds: overlapped(place, apart[i] ?? [], 'box'),
  }));
  const marked = placed.filter(({ place }) =>
    avoid.some((mark) => mark.page === place.page && covers(place, cornered(mark), 'box')),
  );
  return {
    strips: placed,
    notices: [
      ...notices(PAGING_SEAL, found),
      ...(marked.length === 0
        ? []
        : [
            noticeOn(
              marked.map(({ place }) => place.page),
              'MARK_OVER_MARK',
              'The paging seal lies over another mark',
              '骑缝章压住了其他印记',
            ),
          ]),
    ],
  };
}

const SINGLE_PAGE: Notice = {
  code: 'PAGING_SINGLE_PAGE',
  message: 'The document has a single page: it takes no paging seal.',
  messageZh: '文档只有一页，未加盖骑缝章。',
};

/**
 * A fan of pages shows their right edges from the first page on, its left edges from the last one on: the first page has the left end of
 * the seal at its right edge, or the right end at its left one.
 */
function stripsAt(
  pages: readonly Size[],
  seal: { readonly widthPt: number; readonly heightPt: number },
  edge: PagingEdge,
  yMm: number,
): PagingStrip[] {
  const heightMm = seal.heightPt / POINTS_PER_MM;
  const cuts = pagingShares(pages.length).flatMap((count) => {
    const strips = pagingStrips(seal.widthPt, count);
    return edge === 'right' ? strips : strips.toReversed();
  });
  return cuts.map((strip, i) => {
    const pageWidthMm = pages[i]?.widthMm ?? 0;
    const widthMm = (strip.toPt - strip.fromPt) / POINTS_PER_MM;
    const xMm = edge === 'right' ? pageWidthMm - widthMm / 2 : widthMm / 2;
    return { place: { page: i + 1, xMm, yMm, widthMm, heightMm }, strip };
  });
}

/** Text that a strip of this page may come to lie over, wherever its height. */
function besides(text: readonly PageText[], place: SeenRect): Apart[] {
  const column = { ...place, heightMm: Infinity };
  return textApart(text, place.page, new Set()).filter((box) => covers(column, box, 'box'));
}

/** Heights of the seal's middle, a millimetre apart, the nearest to the page's middle first, lower before higher. */
function candidates(pageMm: number, heightMm: number): number[] {
  const reach = Math.max(0, Math.floor(pageMm / 2 - heightMm / 2 - MARGIN_MM));
  return Array.from({ length: 2 * reach + 1 }, (_, i) => pageMm / 2 + (i % 2 === 0 ? -i / 2 : (i + 1) / 2));
}
