/**
 * What a page's content leaves open (ISO 32000-2, 8.4.2, 9.4.1, 14.6). What is drawn after foreign content must begin as the page began,
 * and real content leaves graphics states unrestored or restores too many.
 */
import { CHARACTER_CLASS, REGULAR, SPACE } from './character-class.ts';

export interface ContentBalance {
  /** States saved and never restored. */
  readonly unrestored: number;
  /** Restores without a save before them. */
  readonly surplus: number;
  /** Whether anything else comes after the first surplus restore: readers differ on the state it is drawn in. */
  readonly drawsAfterSurplus: boolean;
  /** Whether a text object is open at the end. */
  readonly inText: boolean;
  /** Marked content sequences open at the end. */
  readonly marked: number;
  /** Whether the content ends inside a string or an inline image, which would swallow what follows. */
  readonly unfinished: boolean;
}

export const BALANCED: ContentBalance = {
  unrestored: 0,
  surplus: 0,
  drawsAfterSurplus: false,
  inText: false,
  marked: 0,
  unfinished: false,
};

const LONGEST_OPERATOR = 3;

/** Tolerates any content; what makes no sense counts as nothing. */
export function contentBalance(content: Uint8Array): ContentBalance {
  let unrestored = 0;
  let surplus = 0;
  let drawsAfterSurplus = false;
  let inText = false;
  let marked = 0;
  let at = 0;
  while (at < content.length) {
    const code = content[at] ?? 0;
    if (code === 0x28) at = afterLiteral(content, at);
    else if (code === 0x3c) at = afterHex(content, at);
    else if (code === 0x25) at = afterComment(content, at);
    else if (code === 0x2f) at = afterRegular(content, at + 1);
    else if (CHARACTER_CLASS[code] !== REGULAR) at++;
    else {
      const end = afterRegular(content, at);
      const word = end - at > LONGEST_OPERATOR ? '' : String.fromCharCode(...content.subarray(at, end));
      at = end;
      if (word !== 'Q' && surplus > 0) drawsAfterSurplus = true;
      if (word === 'q') unrestored++;
      else if (word === 'Q') {
        if (unrestored > 0) unrestored--;
        else surplus++;
      } else if (word === 'BT') inText = true;
      else if (word === 'ET') inText = false;
      else if (word === 'BMC' || word === 'BDC') marked++;
      else if (word === 'EMC') marked = Math.max(0, marked - 1);
      else if (word === 'ID') at = afterInlineImage(content, at);
    }
  }
  return { unrestored, surplus, drawsAfterSurplus, inText, marked, unfinished: at > content.length };
}

/** What the functions below give for something that does not end: a place past the content. */
const NEVER = Infinity;

function afterRegular(content: Uint8Array, from: number): number {
  let at = from;
  while (at < content.length && CHARACTER_CLASS[content[at] ?? 0] === REGULAR) at++;
  return at;
}

function afterComment(content: Uint8Array, from: number): number {
  let at = from;
  while (at < content.length && content[at] !== 10 && content[at] !== 13) at++;
  return at;
}

function afterLiteral(content: Uint8Array, from: number): number {
  let open = 0;
  for (let at = from; at < content.length; at++) {
    const code = content[at];
    if (code === 0x5c) at++;
    else if (code === 0x28) open++;
    else if (code === 0x29 && --open === 0) return at + 1;
  }
  return NEVER;
}

/** Or after the two characters that open a dictionary. */
function afterHex(content: Uint8Array, from: number): number {
  if (content[from + 1] === 0x3c) return from + 2;
  const end = content.indexOf(0x3e, from);
  return end < 0 ? NEVER : end + 1;
}

/** An inline image's data end at the operator `EI`, white space around it (8.9.7). */
function afterInlineImage(content: Uint8Array, from: number): number {
  for (let at = from + 1; at < content.length; at++) {
    const isEnd =
      content[at] === 0x45 &&
      content[at + 1] === 0x49 &&
      CHARACTER_CLASS[content[at - 1] ?? 0] === SPACE &&
      CHARACTER_CLASS[content[at + 2] ?? 0] === SPACE;
    if (isEnd) return at + 2;
  }
  return NEVER;
}
