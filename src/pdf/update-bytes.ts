/**
 * Whether every byte of an incremental update (ISO 32000-2, 7.5.6) is part of something that its cross-reference reaches. Readers that
 * find a cross-reference wanting gather the objects of a file by the keyword `obj`, be it inside a comment, a string or a stream's
 * data: nothing of the kind may stand there but what is reached.
 */
import { AppError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import { readIndirect } from './indirect.ts';
import { Lexer } from './lexer.ts';
import { scanHeaders } from './object-scan.ts';
import { isKind } from './object.ts';
import { readMarker } from './revision.ts';
import type { PdfFile } from './revision.ts';
import { endOfStreamObject, partsOf } from './xref.ts';
import type { XrefSection } from './xref.ts';

/**
 * What of the bytes from `start` to the document's end none of `sections` reaches, in words; null where they reach all of it. Between
 * what is reached white space and comments may stand. Throws what reading objects throws.
 */
export function unreachedBytes(pdf: PdfFile, sections: readonly XrefSection[], start: number): string | null {
  /** Offsets where something begins and ends. */
  const ends = new Map<number, number>();
  const listed = new Map<number, Set<number>>();
  const seen = new Set<number>();
  for (const section of sections) {
    for (const [number] of section.entries()) {
      if (seen.has(number)) continue;
      seen.add(number);
      const entry = pdf.lookup(number);
      if (entry?.kind === 'offset' && entry.offset >= start) addObject(pdf, entry.offset, ends);
      if (entry?.kind === 'compressed') listed.set(entry.stream, (listed.get(entry.stream) ?? new Set()).add(number));
    }
    for (const { offset, end } of partsOf(section)) {
      ends.set(offset, end);
      const marker = readMarker(pdf.source, end);
      if (marker !== null) ends.set(end, marker.end);
    }
  }
  for (const [stream, numbers] of listed) {
    if (pdf.numbersIn(stream).some((number) => !numbers.has(number))) {
      return `object stream ${stream} holds more than is listed`;
    }
  }
  return gap(pdf.source, ends, start) ?? strayHeader(pdf.source, ends, start);
}

function addObject(pdf: PdfFile, offset: number, ends: Map<number, number>): void {
  const lexer = new Lexer(pdf.source, offset);
  lexer.skipSpace();
  const start = lexer.position;
  const indirect = readIndirect(pdf.source, start);
  const { value } = indirect;
  if (!isKind(value, 'stream')) {
    ends.set(start, indirect.end);
    return;
  }
  const length = pdf.get(value.dict, 'Length');
  if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 0) {
    throw new AppError('PDF_UNREADABLE', 'a stream without a length');
  }
  ends.set(start, endOfStreamObject(pdf.source, value.dataOffset + length));
}

function gap(source: ByteSource, ends: ReadonlyMap<number, number>, from: number): string | null {
  let at = from;
  for (const [start, end] of [...ends].toSorted(([a], [b]) => a - b)) {
    if (start < at) return `byte ${start} belongs to two things`;
    if (!isBlank(source, at, start)) return `bytes ${at} to ${start}`;
    at = end;
  }
  return isBlank(source, at, source.size) ? null : `bytes ${at} to ${source.size}`;
}

function isBlank(source: ByteSource, start: number, end: number): boolean {
  if (start === end) return true;
  const lexer = new Lexer(source, start);
  lexer.skipSpace();
  // A comment that goes on past the end hides from one reader what another sees.
  return lexer.position === end;
}

function strayHeader(source: ByteSource, starts: ReadonlyMap<number, number>, from: number): string | null {
  for (const { number, offset } of scanHeaders(source, from)) {
    if (!starts.has(offset)) return `something like object ${number} at byte ${offset}`;
  }
  return null;
}
