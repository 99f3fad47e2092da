/** An indirect object where it stands: `N G obj value endobj` (ISO 32000-2, 7.3.10). */
import { AppError, isAppError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import { CHARACTER_CLASS, REGULAR, decimal, digitsEnd } from './character-class.ts';
import { Lexer } from './lexer.ts';
import { isKind, pdfRef } from './object.ts';
import type { PdfObject, PdfStream } from './object.ts';

export interface IndirectHeader {
  readonly number: number;
  readonly generation: number;
  /** Offset of the byte after the keyword `obj`. */
  readonly end: number;
}

export interface IndirectObject {
  readonly number: number;
  readonly generation: number;
  readonly value: PdfObject;
  /** Offset of the byte after the value and its closing keyword `endobj`, or of a stream's first byte of data. */
  readonly end: number;
}

/** `N G obj` at `offset` or after white space there; null where something else stands. */
export function readHeader(source: ByteSource, offset: number): IndirectHeader | null {
  if (offset >= source.size) return null;
  const usual = usualHeader(source.read(offset, Math.min(USUAL_HEADER_BYTES, source.size - offset)));
  if (usual !== null) return { ...usual, end: offset + usual.end };
  const lexer = new Lexer(source, offset);
  try {
    const number = lexer.unsigned('object number');
    const generation = lexer.unsigned('generation number');
    return lexer.keyword() === 'obj' ? { number, generation, end: lexer.position } : null;
  } catch (error) {
    if (!isAppError(error)) throw error;
    return null; // no number, or one too long: not what is looked for
  }
}

const BLANK = 0x20;
/** `8388607 65535 obj` and one more byte. */
const USUAL_HEADER_BYTES = 18;

/** A header as nearly all are written, one blank between its parts: every entry of a cross-reference is looked after. */
function usualHeader(bytes: Uint8Array): IndirectHeader | null {
  const numberEnd = digitsEnd(bytes, 0);
  const generationEnd = digitsEnd(bytes, numberEnd + 1);
  const at = generationEnd + 1;
  const after = bytes[at + 3];
  const isHeader =
    numberEnd > 0 &&
    bytes[numberEnd] === BLANK &&
    generationEnd > numberEnd + 1 &&
    bytes[generationEnd] === BLANK &&
    bytes[at] === 0x6f &&
    bytes[at + 1] === 0x62 &&
    bytes[at + 2] === 0x6a &&
    after !== undefined &&
    CHARACTER_CLASS[after] !== REGULAR;
  if (!isHeader) return null;
  return {
    number: decimal(bytes, 0, numberEnd),
    generation: decimal(bytes, numberEnd + 1, generationEnd),
    end: at + 3,
  };
}

/** Throws PDF_UNREADABLE where no indirect object stands at `offset`. */
export function readIndirect(source: ByteSource, offset: number): IndirectObject {
  const header = readHeader(source, offset);
  if (header === null) throw new AppError('PDF_UNREADABLE', `no object at byte ${offset}`);
  return readBody(header, new Lexer(source, header.end));
}

/** What follows a header, where the lexer is. Throws PDF_UNREADABLE, PDF_TRUNCATED, PDF_LIMIT. */
export function readBody({ number, generation }: IndirectHeader, lexer: Lexer): IndirectObject {
  const value = lexer.object();
  const valueEnd = lexer.position;
  lexer.skipSpace();
  const at = lexer.position;
  const keyword = lexer.keyword();
  if (keyword === 'stream' && isKind(value, 'dict')) {
    lexer.skipStreamLineEnd();
    const ref = pdfRef(number, generation);
    const stream: PdfStream = { kind: 'stream', ref, dict: value, dataOffset: lexer.position };
    return { number, generation, value: stream, end: lexer.position };
  }
  if (keyword === 'endobj') return { number, generation, value, end: lexer.position };
  // Readers agree to miss nothing where `endobj` is missing and something else begins.
  const begins = /^\d/.test(keyword) || ['xref', 'trailer', 'startxref'].includes(keyword);
  if (!begins) throw new AppError('PDF_UNREADABLE', `no endobj at byte ${at}`);
  return { number, generation, value, end: valueEnd };
}

/** The raw data of a stream, of `length` bytes as its dictionary says. Throws PDF_UNREADABLE when no `endstream` follows them. */
export function readStreamData(source: ByteSource, stream: PdfStream, length: number): Uint8Array {
  const end = stream.dataOffset + length;
  if (end > source.size)
    throw new AppError('PDF_TRUNCATED', `a stream ends at byte ${end}, the file has ${source.size}`);
  if (!endsStream(source, end)) {
    throw new AppError('PDF_UNREADABLE', `no endstream at byte ${end}: the stream's /Length is wrong`);
  }
  return source.read(stream.dataOffset, length);
}

/** Whether `endstream` stands at `offset` or after white space there. */
export function endsStream(source: ByteSource, offset: number): boolean {
  if (offset >= source.size) return false;
  const lexer = new Lexer(source, offset);
  try {
    return lexer.keyword() === 'endstream';
  } catch (error) {
    if (!isAppError(error)) throw error;
    return false; // data go on, without white space for longer than any keyword
  }
}

export interface StreamEnd {
  /** Offset of the byte after the data. */
  readonly data: number;
  /** Offset of the byte after the keyword `endstream`. */
  readonly keyword: number;
}

/**
 * Where a stream ends: where its length says if `endstream` follows there, else at the first `endstream`, as every reader has it; null
 * where none follows.
 */
export function streamEnd(source: ByteSource, dataOffset: number, length: number | null): StreamEnd | null {
  if (length !== null && length >= 0 && endsStream(source, dataOffset + length)) {
    const lexer = new Lexer(source, dataOffset + length);
    lexer.expectKeyword('endstream');
    return { data: dataOffset + length, keyword: lexer.position };
  }
  const found = findText(source, 'endstream', dataOffset);
  if (found < 0) return null;
  const start = Math.max(dataOffset, found - 2);
  const [other, last] = found - start === 2 ? source.read(start, 2) : [0, ...source.read(start, found - start)];
  const lineEnd = last === LF && other === CR ? 2 : last === LF || last === CR ? 1 : 0;
  return { data: found - lineEnd, keyword: found + 'endstream'.length };
}

const LF = 10;
const CR = 13;
const SEARCHED_BYTES = 256 * 1024;

/** Offset of the first `text` from `offset` on; -1 where there is none. */
function findText(source: ByteSource, text: string, offset: number): number {
  for (let at = offset; at < source.size; at += SEARCHED_BYTES) {
    const bytes = source.read(at, Math.min(SEARCHED_BYTES + text.length - 1, source.size - at));
    const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(text, 0, 'latin1');
    if (found >= 0) return at + found;
  }
  return -1;
}
