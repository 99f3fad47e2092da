/**
 * Reads objects (ISO 32000-2, 7.2 and 7.3) from any place of a source, pulling in no more of it than the object takes. Strict:
 * what the grammar does not know throws PDF_UNREADABLE, what goes beyond a bound PDF_LIMIT.
 */
import { AppError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import { CHARACTER_CLASS, REGULAR, SPACE } from './character-class.ts';
import { MAX_DEPTH, MAX_OBJECT_BYTES, MAX_OBJECT_VALUES } from './limits.ts';
import { pdfArray, pdfRef } from './object.ts';
import type { PdfDict, PdfName, PdfObject, PdfString } from './object.ts';

const END = -1;
const TAB = 9;
const LF = 10;
const CR = 13;
const BLANK = 0x20;
const HASH = 0x23;
const PERCENT = 0x25;
const OPEN = 0x28;
const CLOSE = 0x29;
const SLASH = 0x2f;
const LESS = 0x3c;
const GREATER = 0x3e;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;

/** Reads up to the next multiple of this, so that a window never straddles two blocks of a file source. */
const WINDOW_BYTES = 4096;
const MAX_NUMBER_CHARS = 400;

const ESCAPES: Readonly<Record<number, number>> = { 0x6e: LF, 0x72: CR, 0x74: 9, 0x62: 8, 0x66: 12 };

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Value of a hexadecimal digit, or -1. */
function hexValue(code: number): number {
  if (isDigit(code)) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

export class Lexer {
  readonly #source: ByteSource;
  readonly #spans: boolean;
  #window: Uint8Array = new Uint8Array(0);
  #base = 0;
  /** Where the object that is being read began: its length is bounded. */
  #start: number;
  #values = 0;
  #position: number;

  /** `spans`: strings remember where they stood; meant for sources that are the file itself. */
  constructor(source: ByteSource, position: number, spans = true) {
    this.#source = source;
    this.#spans = spans;
    this.#start = position;
    this.#position = position;
  }

  /** Offset of the next byte to read. */
  get position(): number {
    return this.#position;
  }

  /** Goes on reading elsewhere. */
  seek(position: number): void {
    this.#start = position;
    this.#position = position;
  }

  /** The next byte, or -1 at the end of the source. */
  peek(): number {
    return this.#at(this.#position);
  }

  /** Passes white space and comments. */
  skipSpace(): void {
    for (;;) {
      const code = this.#at(this.#position);
      if (code === PERCENT) this.#skipComment();
      else if (code !== END && CHARACTER_CLASS[code] === SPACE) this.#position++;
      else return;
    }
  }

  /** The keyword that comes next after white space, its characters all regular; empty where none does. */
  keyword(maxLength = 16): string {
    this.skipSpace();
    let text = '';
    for (;;) {
      const code = this.#at(this.#position);
      if (code === END || CHARACTER_CLASS[code] !== REGULAR) return text;
      if (text.length === maxLength) this.#fail('a keyword that is too long');
      text += String.fromCharCode(code);
      this.#position++;
    }
  }

  /** Throws unless the next keyword is `expected`. */
  expectKeyword(expected: string): void {
    this.skipSpace();
    const at = this.#position;
    if (this.keyword() !== expected) this.#fail(`something other than ${expected}`, at);
  }

  /** A non-negative integer after white space. */
  unsigned(what: string): number {
    this.skipSpace();
    const at = this.#position;
    if (!isDigit(this.peek())) this.#fail(`no ${what}`, at);
    const value = this.#number();
    if (!Number.isSafeInteger(value)) this.#fail(`a ${what} that is not an integer`, at);
    return value;
  }

  /** One direct object after white space; a stream shows as its dictionary. Begins the count of this object's bytes anew. */
  object(): PdfObject {
    this.#start = this.#position;
    this.#values = 0;
    return this.#object(0);
  }

  /**
   * Passes the end of line that must follow the keyword `stream` (7.3.8.1): CRLF or LF; as in every reader, a CR alone will do, and
   * blanks before it.
   */
  skipStreamLineEnd(): void {
    while (this.peek() === BLANK || this.peek() === TAB) this.#position++;
    const first = this.peek();
    if (first !== CR && first !== LF) this.#fail('no line end after stream');
    this.#position++;
    if (first === CR && this.peek() === LF) this.#position++;
  }

  #object(depth: number): PdfObject {
    if (depth > MAX_DEPTH) throw new AppError('PDF_LIMIT', `objects nested deeper than ${MAX_DEPTH}`);
    if (++this.#values > MAX_OBJECT_VALUES) throw new AppError('PDF_LIMIT', 'an object of too many values');
    this.skipSpace();
    const code = this.peek();
    if (isDigit(code)) return this.#numberOrRef();
    switch (code) {
      case SLASH:
        return this.#name();
      case OPEN:
        return this.#literal();
      case LESS:
        return this.#at(this.#position + 1) === LESS ? this.#dict(depth) : this.#hex();
      case OPEN_BRACKET:
        return this.#array(depth);
      case 0x2b:
      case 0x2d:
      case 0x2e:
        return this.#number();
      case END:
        throw new AppError('PDF_TRUNCATED', `the file ends inside an object, at byte ${this.#position}`);
      default:
        return this.#constant();
    }
  }

  #constant(): null | boolean {
    const at = this.#position;
    switch (this.keyword()) {
      case 'true':
        return true;
      case 'false':
        return false;
      case 'null':
        return null;
      default:
        return this.#fail('no object', at);
    }
  }

  #numberOrRef(): PdfObject {
    const first = this.#number();
    const after = this.#position;
    if (Number.isSafeInteger(first)) {
      this.skipSpace();
      if (this.#position > after && isDigit(this.peek())) {
        const generation = this.#plainInteger();
        const between = this.#position;
        this.skipSpace();
        if (
          generation >= 0 &&
          this.#position > between &&
          this.peek() === 0x52 &&
          !this.#isRegular(this.#position + 1)
        ) {
          this.#position++;
          return pdfRef(first, generation);
        }
      }
      this.#position = after;
    }
    return first;
  }

  /** Up to five digits, or -1 without a complaint: whether they are a generation is not known yet. */
  #plainInteger(): number {
    let value = 0;
    for (let digits = 0; isDigit(this.peek()); digits++) {
      if (digits === 5) return -1;
      value = value * 10 + this.peek() - 0x30;
      this.#position++;
    }
    return value;
  }

  #number(): number {
    const at = this.#position;
    let text = '';
    while (this.#isRegular(this.#position)) {
      if (text.length === MAX_NUMBER_CHARS) throw new AppError('PDF_LIMIT', `a number too long at byte ${at}`);
      text += String.fromCharCode(this.peek());
      this.#position++;
    }
    if (!/^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(text)) this.#fail('no number', at);
    const value = Number(text);
    if (!Number.isFinite(value)) throw new AppError('PDF_LIMIT', `a number too large at byte ${at}`);
    return value;
  }

  #name(): PdfName {
    this.#position++;
    let value = '';
    while (this.#isRegular(this.#position)) {
      let code = this.peek();
      this.#position++;
      if (code === HASH) {
        const high = hexValue(this.#at(this.#position));
        const low = high < 0 ? -1 : hexValue(this.#at(this.#position + 1));
        // PDF 1.1 knew no escapes: a # that begins none stands for itself.
        if (low >= 0) {
          code = high * 16 + low;
          this.#position += 2;
        }
      }
      value += String.fromCharCode(code);
    }
    return { kind: 'name', value };
  }

  #hex(): PdfString {
    const start = this.#position;
    this.#position++;
    for (let code = this.peek(); code !== GREATER; code = this.peek()) {
      if (code === END || (hexValue(code) < 0 && CHARACTER_CLASS[code] !== SPACE)) this.#fail('no hexadecimal digit');
      this.#position++;
    }
    this.#position++;
    const raw = this.#source.read(start + 1, this.#position - start - 2);
    const bytes = new Uint8Array((raw.length + 1) >> 1);
    let digits = 0;
    for (const code of raw) {
      const value = hexValue(code);
      if (value < 0) continue;
      bytes[digits >> 1] = (bytes[digits >> 1] ?? 0) | (digits % 2 === 0 ? value << 4 : value);
      digits++;
    }
    return this.#string(bytes.subarray(0, (digits + 1) >> 1), true, start);
  }

  #literal(): PdfString {
    const start = this.#position;
    let open = 0;
    do {
      const code = this.peek();
      if (code === END) this.#fail('a string without end');
      if (code === OPEN) open++;
      else if (code === CLOSE) open--;
      this.#position += code === BACKSLASH ? 2 : 1;
    } while (open > 0);
    const raw = this.#source.read(start + 1, this.#position - start - 2);
    return this.#string(unescapeLiteral(raw), false, start);
  }

  #string(bytes: Uint8Array, hex: boolean, start: number): PdfString {
    return this.#spans
      ? { kind: 'string', bytes, hex, span: { start, end: this.#position } }
      : { kind: 'string', bytes, hex };
  }

  #array(depth: number): PdfObject {
    this.#position++;
    const items: PdfObject[] = [];
    for (;;) {
      this.skipSpace();
      if (this.peek() === CLOSE_BRACKET) break;
      items.push(this.#object(depth + 1));
    }
    this.#position++;
    return pdfArray(items);
  }

  #dict(depth: number): PdfDict {
    this.#position += 2;
    const entries = new Map<string, PdfObject>();
    const duplicates: string[] = [];
    for (;;) {
      this.skipSpace();
      const code = this.peek();
      if (code === GREATER) break;
      if (code !== SLASH) this.#fail('a dictionary key that is no name');
      const key = this.#name().value;
      if (entries.has(key)) duplicates.push(key);
      entries.set(key, this.#object(depth + 1));
    }
    if (this.#at(this.#position + 1) !== GREATER) this.#fail('a dictionary without end', this.#position + 1);
    this.#position += 2;
    return { kind: 'dict', entries, duplicates };
  }

  #skipComment(): void {
    for (let code = this.peek(); code !== END && code !== LF && code !== CR; code = this.peek()) this.#position++;
  }

  #isRegular(at: number): boolean {
    const code = this.#at(at);
    return code !== END && CHARACTER_CLASS[code] === REGULAR;
  }

  #at(at: number): number {
    const code = this.#window[at - this.#base];
    return code === undefined ? this.#load(at) : code;
  }

  #load(at: number): number {
    if (at >= this.#source.size) return END;
    if (at - this.#start > MAX_OBJECT_BYTES)
      throw new AppError('PDF_LIMIT', `an object too long at byte ${this.#start}`);
    this.#base = at;
    this.#window = this.#source.read(at, Math.min(WINDOW_BYTES - (at % WINDOW_BYTES), this.#source.size - at));
    return this.#window[0] ?? END;
  }

  #fail(what: string, at = this.#position): never {
    if (at >= this.#source.size) throw new AppError('PDF_TRUNCATED', `the file ends inside an object, at byte ${at}`);
    throw new AppError('PDF_UNREADABLE', `${what} at byte ${at}`);
  }
}

function unescapeLiteral(raw: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(raw.length);
  let length = 0;
  for (let at = 0; at < raw.length;) {
    let code = raw[at++] ?? 0;
    if (code === CR) {
      if (raw[at] === LF) at++;
      code = LF;
    } else if (code === BACKSLASH) {
      code = raw[at++] ?? 0;
      if (code === CR || code === LF) {
        if (code === CR && raw[at] === LF) at++;
        continue;
      }
      if (code >= 0x30 && code <= 0x37) {
        code -= 0x30;
        for (let digits = 1; digits < 3; digits++) {
          const next = raw[at] ?? 0;
          if (next < 0x30 || next > 0x37) break;
          code = code * 8 + next - 0x30;
          at++;
        }
      } else {
        code = ESCAPES[code] ?? code;
      }
    }
    bytes[length++] = code;
  }
  return bytes.subarray(0, length);
}
