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

const LF = 0x0a;
const CR = 0x0d;
const BACKSLASH = 0x5c;

/** What the next byte is part of. */
const BETWEEN = 0;
const WORD = 1;
const NAME = 2;
const COMMENT = 3;
const LITERAL = 4;
const AFTER_LESS = 5;
const HEX = 6;
const INLINE_IMAGE = 7;

/** Operators as numbers of their characters, the first the most significant; longer ones are none of these. */
const SAVE = 0x71; // q
const RESTORE = 0x51; // Q
const BEGIN_TEXT = 0x4254; // BT
const END_TEXT = 0x4554; // ET
const IMAGE_DATA = 0x4944; // ID
const MARK = 0x424d43; // BMC
const MARK_WITH_PROPERTIES = 0x424443; // BDC
const END_MARK = 0x454d43; // EMC

/** Goes through content piece by piece. Tolerates any; what makes no sense counts as nothing. */
export class ContentScanner {
  #part = BETWEEN;
  /** The word so far; above three characters not told apart from others. */
  #word = 0;
  /** Parentheses of a string that are open. */
  #depth = 0;
  #escaped = false;
  /** The last four bytes of an inline image's data, the last the least significant. */
  #tail = 0;
  #unrestored = 0;
  #surplus = 0;
  #drawsAfterSurplus = false;
  #inText = false;
  #marked = 0;

  /** One stream of the content; two streams are apart by white space (7.8.2). */
  stream(bytes: Uint8Array): void {
    this.#push(bytes);
    this.#push(LINE_END);
  }

  get balance(): ContentBalance {
    return {
      unrestored: this.#unrestored,
      surplus: this.#surplus,
      drawsAfterSurplus: this.#drawsAfterSurplus,
      inText: this.#inText,
      marked: this.#marked,
      unfinished: this.#part === LITERAL || this.#part === HEX || this.#part === INLINE_IMAGE,
    };
  }

  #push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      switch (this.#part) {
        case BETWEEN:
          at = this.#between(bytes, at);
          break;
        case WORD:
          at = this.#inWord(bytes, at);
          break;
        case NAME:
          at = afterRegular(bytes, at);
          if (at < bytes.length) this.#part = BETWEEN;
          break;
        case COMMENT:
          while (at < bytes.length && bytes[at] !== LF && bytes[at] !== CR) at++;
          if (at < bytes.length) this.#part = BETWEEN;
          break;
        case LITERAL:
          at = this.#inLiteral(bytes, at);
          break;
        case AFTER_LESS:
          // A second one opens a dictionary.
          this.#part = bytes[at] === 0x3c ? BETWEEN : HEX;
          if (this.#part === BETWEEN) at++;
          break;
        case HEX: {
          const end = bytes.indexOf(0x3e, at);
          if (end >= 0) this.#part = BETWEEN;
          at = end < 0 ? bytes.length : end + 1;
          break;
        }
        default:
          at = this.#inImage(bytes, at);
      }
    }
  }

  #between(bytes: Uint8Array, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      const code = bytes[at] ?? 0;
      if (CHARACTER_CLASS[code] === REGULAR) {
        this.#part = WORD;
        this.#word = 0;
        return at;
      }
      if (code === 0x28) {
        this.#part = LITERAL;
        this.#depth = 1;
        this.#escaped = false;
      } else if (code === 0x3c) this.#part = AFTER_LESS;
      else if (code === 0x25) this.#part = COMMENT;
      else if (code === 0x2f) this.#part = NAME;
      else continue;
      return at + 1;
    }
    return bytes.length;
  }

  #inWord(bytes: Uint8Array, from: number): number {
    let word = this.#word;
    for (let at = from; at < bytes.length; at++) {
      const code = bytes[at] ?? 0;
      if (CHARACTER_CLASS[code] !== REGULAR) {
        this.#part = BETWEEN;
        this.#operator(word);
        return at;
      }
      word = word > 0xffff ? LONGER : (word << 8) | code;
    }
    this.#word = word;
    return bytes.length;
  }

  #operator(word: number): void {
    if (this.#surplus > 0 && word !== RESTORE) this.#drawsAfterSurplus = true;
    switch (word) {
      case SAVE:
        this.#unrestored++;
        break;
      case RESTORE:
        if (this.#unrestored > 0) this.#unrestored--;
        else this.#surplus++;
        break;
      case BEGIN_TEXT:
        this.#inText = true;
        break;
      case END_TEXT:
        this.#inText = false;
        break;
      case MARK:
      case MARK_WITH_PROPERTIES:
        this.#marked++;
        break;
      case END_MARK:
        this.#marked = Math.max(0, this.#marked - 1);
        break;
      case IMAGE_DATA:
        this.#part = INLINE_IMAGE;
        this.#tail = 0;
        break;
    }
  }

  #inLiteral(bytes: Uint8Array, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      const code = bytes[at];
      if (this.#escaped) this.#escaped = false;
      else if (code === BACKSLASH) this.#escaped = true;
      else if (code === 0x28) this.#depth++;
      else if (code === 0x29 && --this.#depth === 0) {
        this.#part = BETWEEN;
        return at + 1;
      }
    }
    return bytes.length;
  }

  /** An inline image's data end at the operator `EI`, white space around it (8.9.7). */
  #inImage(bytes: Uint8Array, from: number): number {
    let tail = this.#tail;
    for (let at = from; at < bytes.length; at++) {
      const code = bytes[at] ?? 0;
      const ends =
        (tail & 0xffff) === END_IMAGE &&
        CHARACTER_CLASS[code] === SPACE &&
        CHARACTER_CLASS[(tail >> 16) & 0xff] === SPACE;
      if (ends) {
        this.#part = BETWEEN;
        return at;
      }
      tail = ((tail << 8) | code) & 0xffffff;
    }
    this.#tail = tail;
    return bytes.length;
  }
}

const END_IMAGE = 0x4549; // EI
/** No operator is as long. */
const LONGER = 0x1000000;
const LINE_END = Uint8Array.of(LF);

function afterRegular(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && CHARACTER_CLASS[bytes[at] ?? 0] === REGULAR) at++;
  return at;
}
