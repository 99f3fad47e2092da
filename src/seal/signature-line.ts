/**
 * The lines where people sign: `当事人甲（签名、盖章或按指印）：`, `人民调解员（签名）：`. Found by their Han characters; brackets and colons
 * are a help where they came through, never a condition, because some programs map them to other letters. Pure.
 */
import { AppError } from '../errors.ts';
import { boxOf, comparable, linesOf } from '../pdf/text-anchor.ts';
import type { PageText, TextBox, TextChar } from '../pdf/text-anchor.ts';
import type { Signatory } from './seal-job.ts';

/** One label and the room after it. Millimetres from the top left of the page as seen. */
export interface SignatureLine {
  readonly role: 'party' | 'mediator' | 'recorder';
  /** The party that signs here, from 0; null where it cannot be told, and for the other roles. */
  readonly index: number | null;
  readonly page: number;
  readonly pageWidthMm: number;
  readonly pageHeightMm: number;
  readonly label: TextBox;
  /** The vertical middle of the row. */
  readonly yMm: number;
  /** Where the room for a mark begins, right of the colon, and where it ends. */
  readonly startMm: number;
  readonly endMm: number;
  /** The printed name, or null where the line is blank. */
  readonly name: TextBox | null;
  /** Distance to the nearest other line to sign in the same column, from middle to middle; Infinity where there is none. */
  readonly pitchMm: number;
  /** The place of the line in its column, from 0, counted from the top of the page. */
  readonly row: number;
  /** The characters of `name`. */
  readonly nameChars: readonly TextChar[];
  /** Every character of the label, the name and the underscores to write on. */
  readonly chars: readonly TextChar[];
}

/** A row longer than any that is printed, or more labels on a page than anyone signs, is not looked at. */
const MAX_ROW = 500;
const MAX_LABELS = 100;
/** Room kept free at the right edge of a page. */
const RIGHT_MARGIN_MM = 10;
const HEAVENLY_STEMS = '甲乙丙丁戊己庚辛壬癸';
const NUMERALS = '一二三四五六七八九十';

const VERB = '(?:签名|签字|签章|盖章|捺印|按指印|按手印|捺指印|捺手印)';
/** More of the same in the brackets: `、盖章或按指印`. One or two characters that are no words may stand between. */
const MORE = `(?:[^\\p{Script=Han}():_]{0,2}(?:或|及|和)?(?:${VERB}|指印|手印|处))*`;
const LABEL = new RegExp(
  `(?<party>当事人)(?<tag>[^:,]{0,8}?)${VERB}${MORE}|(?<mediator>(?:人民)?调解员)[^:,]{0,4}?${VERB}${MORE}|(?<recorder>记录人|记录员|书记员)[^:,]{0,4}?${VERB}${MORE}`,
  'gu',
);
/** The rest of a label that was broken over two rows. */
const CONTINUATION = new RegExp(`^(?:或|及|和)?(?:${VERB}|指印|手印|章|名|印)?${MORE}[)?]?[:?]`, 'u');

/**
 * The lines to sign, in reading order. A party is told by its own character (甲, 乙, 1, 一); where one cannot be read, the
 * lines are numbered from the top only if there are as many as `parties`.
 */
export function signatureLines(pages: readonly PageText[], parties: number): SignatureLine[] {
  const found = pages.flatMap((page) => inColumns(labelsOn(page)));
  const own = found.filter((line) => line.role === 'party');
  const unread = own.some((line) => line.index === null);
  const inOrder = own.every((line, i) => line.index === null || line.index === i);
  if (!unread || own.length !== parties || !inOrder) return found;
  return found.map((line) => (line.role === 'party' ? { ...line, index: own.indexOf(line) } : line));
}

/**
 * The one line where `who` signs.
 * @throws AppError KEYWORD_ABSENT; KEYWORD_AMBIGUOUS with `candidates`, the boxes of the labels.
 */
export function lineFor(lines: readonly SignatureLine[], who: Signatory): SignatureLine {
  const fits = linesFor(lines, who);
  const [line] = fits;
  const person = who.role === 'party' ? `party ${who.index + 1}` : 'the mediator';
  if (line === undefined) {
    const count = lines.filter((other) => other.role === who.role).length;
    throw new AppError('KEYWORD_ABSENT', `no line to sign for ${person}; ${count} such lines found, not all numbered`);
  }
  if (fits.length > 1) {
    throw new AppError('KEYWORD_AMBIGUOUS', `${fits.length} lines to sign for ${person}`, {
      extras: { candidates: fits.map((fit) => fit.label) },
    });
  }
  return line;
}

/** Every line where `who` may sign. */
export function linesFor(lines: readonly SignatureLine[], who: Signatory): SignatureLine[] {
  return lines.filter((line) => line.role === who.role && (who.role !== 'party' || line.index === who.index));
}

type Label = Omit<SignatureLine, 'pitchMm' | 'row'>;

/** A row with what is asked of it again and again. */
interface Row {
  readonly chars: readonly TextChar[];
  /** One sign a character, for patterns: see `sign`. */
  readonly signs: string;
  /** The size of its letters: the middle of their heights. */
  readonly em: number;
}

function labelsOn(page: PageText): Label[] {
  const rows = linesOf(page)
    .filter(({ chars }) => chars.length <= MAX_ROW)
    .map(({ chars }): Row => {
      const heights = chars.map((c) => c.heightMm).toSorted((a, b) => a - b);
      return { chars, signs: signsOf(chars), em: heights[heights.length >> 1] ?? 0 };
    });
  const labels = rows.flatMap((row, i) => {
    const hits = [...row.signs.matchAll(LABEL)].filter((hit) => startsColumn(row, hit.index));
    return hits.flatMap((hit, n) => {
      const next = hits[n + 1]?.index ?? row.chars.length;
      return labelAt(page, row, rows[i + 1], hit, next) ?? [];
    });
  });
  return labels.slice(0, MAX_LABELS);
}

function labelAt(page: PageText, row: Row, below: Row | undefined, hit: RegExpExecArray, next: number): Label | null {
  const text = row.signs;
  const columnEnd = row.chars[next]?.xMm ?? page.widthMm - RIGHT_MARGIN_MM;
  const words = hit.index + hit[0].length;
  let label = row.chars.slice(hit.index, words);
  let fieldRow = row.chars.slice(words, next);
  const closed = /^[)?]?[:?]|^\)?(?=_)|^\)$/u.exec(text.slice(words, next));
  const atGap = words >= next || gapBefore(row.chars, words) > row.em;
  const bracketThenGap = text[words] === ')' && (words + 1 >= next || gapBefore(row.chars, words + 1) > row.em);
  if (closed !== null || bracketThenGap) {
    const length = closed?.[0].length ?? 1;
    label = row.chars.slice(hit.index, words + length);
    fieldRow = row.chars.slice(words + length, next);
  } else if (atGap) {
    const rest = below === undefined ? null : continuation(below, boxOf(page.page, label).xMm, columnEnd);
    if (rest !== null) {
      label = rest.label;
      fieldRow = rest.field;
    } else if (hit[0].includes('(') && !hit[0].includes(')')) {
      return null;
    }
  } else {
    return null;
  }
  const box = boxOf(page.page, label);
  const { name, rules, endMm } = fieldOf(fieldRow, box, columnEnd, page.page);
  return {
    role:
      hit.groups?.['party'] !== undefined ? 'party' : hit.groups?.['mediator'] !== undefined ? 'mediator' : 'recorder',
    index: indexOf(hit.groups?.['tag'] ?? ''),
    page: page.page,
    pageWidthMm: page.widthMm,
    pageHeightMm: page.heightMm,
    label: box,
    yMm: box.yMm + box.heightMm / 2,
    startMm: box.xMm + box.widthMm,
    endMm,
    name: name.length === 0 ? null : boxOf(page.page, name),
    nameChars: name,
    chars: [...row.chars.slice(hit.index, words), ...label, ...name, ...rules],
  };
}

/** The rest of a broken label on the row below, under the label's own column. */
function continuation(below: Row, leftMm: number, rightMm: number): { label: TextChar[]; field: TextChar[] } | null {
  const chars = below.chars.filter((c) => c.xMm > leftMm - below.em && c.xMm < rightMm);
  const rest = CONTINUATION.exec(signsOf(chars));
  return rest === null ? null : { label: chars.slice(0, rest[0].length), field: chars.slice(rest[0].length) };
}

/** The printed name after the colon, if any, the underscores to write on, and where the room ends. */
function fieldOf(
  field: readonly TextChar[],
  label: TextBox,
  columnEndMm: number,
  page: number,
): { name: TextChar[]; rules: TextChar[]; endMm: number } {
  const name: TextChar[] = [];
  const rules: TextChar[] = [];
  let edge = label.xMm + label.widthMm;
  for (const [i, char] of field.entries()) {
    const far = char.xMm - edge > label.heightMm * (name.length === 0 ? 4 : 2.5);
    // One underscore by itself is no line to write on but a character that the file maps wrongly.
    const rule = isRule(char) && (isRule(field[i - 1]) || isRule(field[i + 1]));
    if (far && !rule) return { name, rules, endMm: char.xMm };
    (rule ? rules : name).push(char);
    edge = char.xMm + char.widthMm;
  }
  const right = name.length === 0 ? edge : boxOf(page, name).xMm + boxOf(page, name).widthMm;
  return { name, rules, endMm: Math.max(columnEndMm, right) };
}

function isRule(char: TextChar | undefined): boolean {
  return char !== undefined && sign(char.char) === '_';
}

/** A label begins its row, follows a gap, or follows the underscores of the field before it. */
function startsColumn(row: Row, at: number): boolean {
  const before = row.chars[at - 1];
  return before === undefined || sign(before.char) === '_' || gapBefore(row.chars, at) > row.em * 0.8;
}

function gapBefore(chars: readonly TextChar[], at: number): number {
  const before = chars[at - 1];
  const here = chars[at];
  return before === undefined || here === undefined ? Infinity : here.xMm - (before.xMm + before.widthMm);
}

function signsOf(chars: readonly TextChar[]): string {
  return chars.map((c) => sign(c.char)).join('');
}

/** Han, digits and letters as they compare; `( ) : ,` and `_` for the punctuation that is known; `?` for all else. */
function sign(char: string): string {
  const meant = comparable(char, true);
  if (meant.length === 1) return meant;
  if (meant.length > 1) return '〓';
  const plain = char.normalize('NFKC');
  if ('(（[【〔'.includes(plain)) return '(';
  if (')）]】〕'.includes(plain)) return ')';
  if (plain === ':' || plain === '︓') return ':';
  if (/^[_.…·‥—-]/u.test(plain)) return '_';
  return /^[,，、。;；/!！?？“”"']$/u.test(plain) ? ',' : '?';
}

function indexOf(tag: string): number | null {
  const stem = /[甲乙丙丁戊己庚辛壬癸]/u.exec(tag)?.[0];
  if (stem !== undefined) return HEAVENLY_STEMS.indexOf(stem);
  const digits = /\d{1,2}/.exec(tag)?.[0];
  if (digits !== undefined) return Number(digits) > 0 ? Number(digits) - 1 : null;
  const numeral = /[一二三四五六七八九十]/u.exec(tag)?.[0];
  return numeral === undefined ? null : NUMERALS.indexOf(numeral);
}

/** Adds how far the lines of one column are apart. */
function inColumns(labels: readonly Label[]): SignatureLine[] {
  return labels.map((label) => {
    const column = labels.filter((other) => other.startMm < label.endMm && label.startMm < other.endMm);
    const distances = column.filter((other) => other !== label).map((other) => Math.abs(other.yMm - label.yMm));
    return {
      ...label,
      pitchMm: Math.min(Infinity, ...distances),
      row: column.filter((other) => other.yMm < label.yMm).length,
    };
  });
}
