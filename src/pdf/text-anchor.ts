/**
 * Finding words among the characters of a page. Programs that print PDFs disagree on widths of brackets, on white space and on
 * which of several look-alike code points a glyph stands for, so only what they agree on is compared. Pure.
 */
import { AppError } from '../errors.ts';
import { RADICALS } from './radicals.ts';

/** A visible character; its box in millimetres from the top left of the page as seen, (xMm, yMm) its top left corner. */
export interface TextChar {
  /** One code point, as the file maps it. */
  readonly char: string;
  readonly xMm: number;
  readonly yMm: number;
  readonly widthMm: number;
  readonly heightMm: number;
}

/** The visible characters of a page in the order of its text; white space is left out. Sizes are of the page as seen. */
export interface PageText {
  /** From 1. */
  readonly page: number;
  readonly widthMm: number;
  readonly heightMm: number;
  readonly chars: readonly TextChar[];
}

/** A box on a page: millimetres from the top left of the page as seen; (xMm, yMm) is its top left corner. */
export interface TextBox {
  readonly page: number;
  readonly xMm: number;
  readonly yMm: number;
  readonly widthMm: number;
  readonly heightMm: number;
}

/** Where the words stand. Of words broken over lines or pages it is the piece with the most characters, the first of equals. */
export interface Anchor extends TextBox {
  readonly chars: readonly TextChar[];
}

/** A row of characters from left to right, whatever order the file draws them in. */
export interface TextLine extends TextBox {
  readonly chars: readonly TextChar[];
}

const HAN_OR_DIGIT = /[\p{Script=Han}0-9]/u;
const HAN_DIGIT_OR_LETTER = /[\p{Script=Han}0-9A-Za-z]/u;
/** A running foot or head that is a page number only, in the alphabet that is compared. */
const PAGE_NUMBER = /^(?:第?\d{1,4}页?(?:共?\d{1,4}页?)?)$/u;

/** More places than this are not told apart: nobody chooses among them. */
const MAX_ANCHORS = 1000;

/**
 * What of `text` takes part in a comparison: NFKC, radicals as the ideographs they stand for, then Han characters and ASCII
 * digits only; ASCII letters too where `letters` is set.
 */
export function comparable(text: string, letters = false): string {
  const kept = letters ? HAN_DIGIT_OR_LETTER : HAN_OR_DIGIT;
  let out = '';
  for (const char of text.normalize('NFKC')) {
    const meant = RADICALS.get(char) ?? char;
    if (kept.test(meant)) out += meant;
  }
  return out;
}

/** The box around `chars`, of which there is at least one. */
export function boxOf(page: number, chars: readonly TextChar[]): TextBox {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { xMm, yMm, widthMm, heightMm } of chars) {
    left = Math.min(left, xMm);
    top = Math.min(top, yMm);
    right = Math.max(right, xMm + widthMm);
    bottom = Math.max(bottom, yMm + heightMm);
  }
  return { page, xMm: left, yMm: top, widthMm: right - left, heightMm: bottom - top };
}

/**
 * The characters of a page in rows from top to bottom. A character belongs to a row when its vertical middle lies within the
 * row's last characters and theirs within it, so that a subscript or a taller digit stays on its row.
 */
export function linesOf(page: PageText): TextLine[] {
  const rows: { top: number; bottom: number; chars: TextChar[] }[] = [];
  const sorted = page.chars.filter((c) => c.heightMm > 0).toSorted((a, b) => middle(a) - middle(b));
  for (const char of sorted) {
    const row = rows.at(-1);
    const mid = middle(char);
    if (row !== undefined && mid >= row.top && mid <= row.bottom) {
      row.chars.push(char);
      // The row is as tall as its characters are on average: one tall bracket must not swallow the next row.
      const n = row.chars.length;
      row.top += (char.yMm - row.top) / n;
      row.bottom += (char.yMm + char.heightMm - row.bottom) / n;
    } else {
      rows.push({ top: char.yMm, bottom: char.yMm + char.heightMm, chars: [char] });
    }
  }
  return rows.map((row) => {
    const chars = row.chars.toSorted((a, b) => a.xMm - b.xMm);
    return { ...boxOf(page.page, chars), chars };
  });
}

function middle(char: TextChar): number {
  return char.yMm + char.heightMm / 2;
}

/**
 * Every place where `keyword` stands, in reading order. Characters are taken in the order of the file's text; where the words
 * are not found so, by their rows. Words may run over lines, and from the last line of a page to the first of the next. After
 * 1000 places no more are looked for.
 * @throws AppError KEYWORD_ABSENT where `keyword` has no Han character, digit or letter to look for.
 */
export function findKeyword(pages: readonly PageText[], keyword: string): Anchor[] {
  const letters = /[A-Za-z]/.test(keyword.normalize('NFKC'));
  const wanted = comparable(keyword, letters);
  if (wanted === '') throw new AppError('KEYWORD_ABSENT', 'the keyword has no Han character, digit or letter');
  const inTextOrder = search(pages, wanted, letters);
  if (inTextOrder.length > 0) return inTextOrder;
  return search(
    pages.map((page) => ({ ...page, chars: linesOf(page).flatMap((line) => line.chars) })),
    wanted,
    letters,
  );
}

/** A character and its page, in the order that is searched. */
interface Origin {
  readonly page: number;
  readonly char: TextChar;
}

function search(pages: readonly PageText[], wanted: string, letters: boolean): Anchor[] {
  const streams = pages.map((page) => page.chars.map((char) => ({ page: page.page, char })));
  const anchors = streams.flatMap((stream) => matches(stream, wanted, letters)).slice(0, MAX_ANCHORS);
  for (const [i, page] of pages.entries()) {
    const next = pages[i + 1];
    if (next !== undefined) anchors.push(...matchesAcross(page, next, wanted, letters));
  }
  return anchors
    .filter((anchor, i) => !anchors.slice(0, i).some((earlier) => sameSpot(earlier, anchor)))
    .toSorted((a, b) => a.page - b.page || (Math.abs(a.yMm - b.yMm) > a.heightMm / 2 ? a.yMm - b.yMm : a.xMm - b.xMm));
}

function matches(stream: readonly Origin[], wanted: string, letters: boolean): Anchor[] {
  const { text, indices } = project(stream, letters);
  const found: Anchor[] = [];
  for (
    let at = text.indexOf(wanted);
    at >= 0 && found.length < MAX_ANCHORS;
    at = text.indexOf(wanted, at + wanted.length)
  ) {
    found.push(anchorOf(stream.slice(indices[at], (indices[at + wanted.length - 1] ?? 0) + 1)));
  }
  return found;
}

/** Only a match that begins on `page` and ends on `next`; page numbers at the foot and head do not stand between. */
function matchesAcross(page: PageText, next: PageText, wanted: string, letters: boolean): Anchor[] {
  const before = withoutPageNumber(page, 'foot').map((char) => ({ page: page.page, char }));
  const after = withoutPageNumber(next, 'head').map((char) => ({ page: next.page, char }));
  const stream = [...before, ...after];
  const { text, indices } = project(stream, letters);
  const boundary = indices.findIndex((index) => index >= before.length);
  const at = text.indexOf(wanted, Math.max(0, boundary - wanted.length + 1));
  if (at < 0 || at >= boundary) return [];
  return [anchorOf(stream.slice(indices[at], (indices[at + wanted.length - 1] ?? 0) + 1))];
}

function withoutPageNumber(page: PageText, where: 'foot' | 'head'): readonly TextChar[] {
  const line = linesOf(page).at(where === 'foot' ? -1 : 0);
  if (line === undefined || !PAGE_NUMBER.test(comparable(line.chars.map((c) => c.char).join('')))) return page.chars;
  const dropped = new Set(line.chars);
  return page.chars.filter((char) => !dropped.has(char));
}

/** What is compared of a stream, and for each of its code units the index in the stream. */
function project(stream: readonly Origin[], letters: boolean): { text: string; indices: number[] } {
  let text = '';
  const indices: number[] = [];
  for (const [index, { char }] of stream.entries()) {
    const part = comparable(char.char, letters);
    text += part;
    for (let i = 0; i < part.length; i++) indices.push(index);
  }
  return { text, indices };
}

function anchorOf(origins: readonly Origin[]): Anchor {
  const pieces: { page: number; chars: TextChar[] }[] = [];
  for (const { page, char } of origins) {
    const piece = pieces.at(-1);
    const last = piece?.chars.at(-1);
    if (piece === undefined || last === undefined || piece.page !== page || !isNext(last, char)) {
      pieces.push({ page, chars: [char] });
    } else {
      piece.chars.push(char);
    }
  }
  const [first, ...others] = pieces;
  if (first === undefined) throw new RangeError('a match has at least one character');
  const longest = others.reduce((best, piece) => (piece.chars.length > best.chars.length ? piece : best), first);
  return { ...boxOf(longest.page, longest.chars), chars: longest.chars };
}

/** Whether `b` follows on the row of `a`, or right below it in a column: Chinese is written from top to bottom, too. */
function isNext(a: TextChar, b: TextChar): boolean {
  const size = Math.max(a.heightMm, b.heightMm);
  const [right, down] = [b.xMm - (a.xMm + a.widthMm), b.yMm - (a.yMm + a.heightMm)];
  const across = Math.abs(a.xMm + a.widthMm / 2 - (b.xMm + b.widthMm / 2));
  const onRow = Math.abs(middle(a) - middle(b)) < size / 2 && right > -size;
  return onRow || (across < size / 2 && Math.abs(down) < size / 2);
}

/** Bold made by drawing the words twice, a hair apart, is one place. */
function sameSpot(a: Anchor, b: Anchor): boolean {
  return (
    a.page === b.page && Math.abs(a.xMm - b.xMm) < 1 && Math.abs(a.yMm - b.yMm) < 1 && a.chars.length === b.chars.length
  );
}
