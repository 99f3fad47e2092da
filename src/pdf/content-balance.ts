/**
 * Counts the `q` and `Q` of a page's content (ISO 32000-2, 8.4.2). What is drawn after foreign content must begin in the graphics state
 * that the page began in, and real content leaves states unrestored or restores too many.
 */
import { CHARACTER_CLASS, REGULAR, SPACE } from './character-class.ts';

export interface ContentBalance {
  /** States saved and never restored. */
  readonly unrestored: number;
  /** Restores without a save before them. */
  readonly surplus: number;
  /** Whether anything else comes after the first surplus restore: readers differ on the state it is drawn in. */
  readonly drawsAfterSurplus: boolean;
}

/** Tolerates any content; what makes no sense counts as nothing. */
export function contentBalance(content: Uint8Array): ContentBalance {
  let open = 0;
  let surplus = 0;
  let drawsAfterSurplus = false;
  for (let at = 0; at < content.length;) {
    const code = content[at];
    if (code === 0x28) at = afterLiteral(content, at);
    else if (code === 0x25) at = afterComment(content, at);
    else if (code === 0x2f) at = afterRegular(content, at + 1);
    else if (code === undefined || CHARACTER_CLASS[code] !== REGULAR) at++;
    else {
      const end = afterRegular(content, at);
      const word = end - at > 2 ? '' : String.fromCharCode(...content.subarray(at, end));
      if (word === 'q') open++;
      else if (word === 'Q') {
        if (open > 0) open--;
        else surplus++;
      } else if (surplus > 0) drawsAfterSurplus = true;
      at = word === 'ID' ? afterInlineImage(content, end) : end;
    }
  }
  return { unrestored: open, surplus, drawsAfterSurplus };
}

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
  return content.length;
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
  return content.length;
}
