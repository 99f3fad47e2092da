/** An indirect object where it stands: `N G obj value endobj` (ISO 32000-2, 7.3.10). */
import { AppError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import { Lexer } from './lexer.ts';
import { isKind, pdfRef } from './object.ts';
import type { PdfObject, PdfStream } from './object.ts';

export interface IndirectObject {
  readonly number: number;
  readonly generation: number;
  readonly value: PdfObject;
  /** Offset of the byte after the value and its closing keyword `endobj`, or of a stream's first byte of data. */
  readonly end: number;
}

/** Throws PDF_UNREADABLE where no indirect object stands at `offset`. */
export function readIndirect(source: ByteSource, offset: number): IndirectObject {
  const lexer = new Lexer(source, offset);
  const number = lexer.unsigned('object number');
  const generation = lexer.unsigned('generation number');
  lexer.expectKeyword('obj');
  const value = lexer.object();
  lexer.skipSpace();
  const at = lexer.position;
  const keyword = lexer.keyword();
  if (keyword === 'stream' && isKind(value, 'dict')) {
    lexer.skipStreamLineEnd();
    const ref = pdfRef(number, generation);
    const stream: PdfStream = { kind: 'stream', ref, dict: value, dataOffset: lexer.position };
    return { number, generation, value: stream, end: lexer.position };
  }
  if (keyword !== 'endobj') throw new AppError('PDF_UNREADABLE', `no endobj at byte ${at}`);
  return { number, generation, value, end: lexer.position };
}

/** The raw data of a stream, of `length` bytes as its dictionary says. Throws PDF_UNREADABLE when no `endstream` follows them. */
export function readStreamData(source: ByteSource, stream: PdfStream, length: number): Uint8Array {
  const end = stream.dataOffset + length;
  if (end > source.size)
    throw new AppError('PDF_TRUNCATED', `a stream ends at byte ${end}, the file has ${source.size}`);
  const lexer = new Lexer(source, end);
  if (lexer.keyword() !== 'endstream') {
    throw new AppError('PDF_UNREADABLE', `no endstream at byte ${end}: the stream's /Length is wrong`);
  }
  return source.read(stream.dataOffset, length);
}
